"""`git_log`, `git_diff`, `git_blame`: history through the gate."""

from __future__ import annotations

import pytest

from kibitz.looking import git_diff
from kibitz.looking.answers import MAX_CHARACTERS
from looking.conftest import TOKEN, Looker


@pytest.fixture
def worked(look: Looker) -> Looker:
    """A second commit, and work that is not committed."""
    look.made.commit(
        {
            "shop/prices.py": "RATE = 0.25\n\n\ndef total(prices):\n    return sum(prices)\n",
            "settings.py": f'KEY = "{TOKEN}"\nDEBUG = True\n',
            "docs/secret.md": "private\n",
        },
        f"Raise the rate\n\nAsked by boss@example.com with {TOKEN}",
    )
    look.made.git("tag", "v1")
    look.made.write({"shop/cart.py": "class Cart: ...\n", "new.py": "new = 1\n"})
    return look


class TestLog:
    def test_commits_with_their_paths(self, worked: Looker) -> None:
        text = worked.ok("git_log")
        head = worked.made.git("rev-parse", "HEAD")[:12]

        assert text.startswith(f'<excerpt commits="2">\n{head} 2026-01-02 Ada\n')
        assert "    Raise the rate\n    Asked by with REDACTED_" in text
        assert "example.com" not in text
        assert TOKEN not in text
        assert "  changed: docs/secret.md, settings.py, shop/prices.py\n" in text

    def test_of_a_path(self, worked: Looker) -> None:
        assert "Raise" in worked.ok("git_log", path="settings.py", limit=1)
        assert 'commits="1"' in worked.ok("git_log", path="docs", limit=1)
        assert "No commit has changed nothing.py" in worked.ok("git_log", path="nothing.py")

    def test_what_may_not_be_named_is_not(self, worked: Looker) -> None:
        worked.made.commit({".env": "TOKEN=2\n"}, "Change the environment")
        worked.exclude = ("docs/",)
        assert ".env" not in worked.ok("git_log")
        assert "docs" not in worked.ok("git_log")
        assert "hold credentials" in worked.refused("git_log", path=".env")
        assert "context.exclude" in worked.refused("git_log", path="docs/secret.md")
        assert "outside" in worked.refused("git_log", path="../x")

    def test_before_the_first_commit(self, make_look: object, look: Looker) -> None:
        look.made.git("checkout", "-q", "--orphan", "empty")
        assert "git has no answer" in look.refused("git_log")


class TestDiff:
    def test_of_now_with_buffers(self, worked: Looker) -> None:
        worked.type("shop/prices.py", "RATE = 0.3\n\n\ndef total(prices):\n    return 3\n")
        text = worked.ok("git_diff")

        assert '<diff path="shop/prices.py" change="modified">' in text
        assert "-RATE = 0.25\n+RATE = 0.3\n" in text
        assert '<file path="new.py" change="new">' in text
        assert "class Cart: ..." in text

    def test_of_one_path(self, worked: Looker) -> None:
        assert "new.py" not in worked.ok("git_diff", path="shop")
        assert "Nothing differs in settings.py by HEAD." in worked.ok(
            "git_diff", path="settings.py"
        )

    @pytest.mark.parametrize("base", ["v1~1..v1", "HEAD~1..HEAD", "HEAD~1.."])
    def test_of_one_commit(self, worked: Looker, base: str) -> None:
        result = worked.call("git_diff", base=base)

        assert "-RATE = 0.2\n+RATE = 0.25\n" in result.text
        assert "new.py" not in result.text
        assert TOKEN not in result.text
        assert "REDACTED_" in result.text

    def test_a_changed_secret_shows_neither(self, look: Looker) -> None:
        other = TOKEN[:20] + TOKEN[:19:-1]
        look.made.commit({"settings.py": f'KEY = "{other}"\n'})
        for base in ("HEAD~1", "HEAD~1..HEAD"):
            text = look.ok("git_diff", base=base)
            assert other[4:] not in text
            assert TOKEN[4:] not in text

    @pytest.mark.parametrize(
        "base",
        [
            "--output=x",
            "-p",
            "HEAD:settings.py",
            ":/Begin",
            "HEAD^{/rate}",
            "a b",
            "HEAD...v1",
            "nothing",
            "HEAD~99",
            "v1..--output=x",
            "x" * 300,
        ],
    )
    def test_a_base_that_is_none(self, worked: Looker, base: str) -> None:
        said = worked.refused("git_diff", base=base)
        assert "base" in said or "no commit" in said
        assert not (worked.made.root / "x").exists()

    @pytest.mark.parametrize("base", ["HEAD~1", "HEAD~1..HEAD"])
    def test_what_may_not_be_read_is_not_shown(self, worked: Looker, base: str) -> None:
        worked.exclude = ("docs/",)
        text = worked.ok("git_diff", base=base)
        assert "private" not in text

    @pytest.mark.parametrize("base", ["HEAD~1", "HEAD~2..HEAD~1"])
    def test_what_is_forgotten_and_ignored_since_is_private(
        self, worked: Looker, base: str
    ) -> None:
        worked.made.git("rm", "-q", "--cached", "docs/secret.md")
        worked.made.write({".gitignore": "*.log\ndocs/secret.md\n"})
        worked.made.git("commit", "-q", "-m", "Forget")
        assert "private" not in worked.ok("git_diff", base=base)

    def test_no_program_of_the_repository_is_run(self, worked: Looker) -> None:
        mark = worked.made.root.parent / "was-run"
        program = f"touch {mark}; cat"
        for key in ("diff.external", "diff.x.textconv", "diff.x.command", "filter.x.clean"):
            worked.made.git("config", key, program)
        worked.made.write({".git/info/attributes": "*.py diff=x filter=x\n"})
        worked.ok("git_diff")
        worked.ok("git_diff", base="HEAD~1..HEAD")
        worked.ok("git_blame", path="shop/cart.py")
        worked.ok("git_log", path="shop/cart.py")
        assert not mark.exists()

    @pytest.mark.parametrize("base", ["HEAD", "HEAD~1..HEAD"])
    def test_what_does_not_fit_is_named(self, look: Looker, base: str) -> None:
        files = {f"f{n:02}.py": f"value_{n} = 1\n" * 250 for n in range(12)}
        look.made.write(files)
        if base != "HEAD":
            look.made.commit()
        text = look.ok("git_diff", base=base)

        assert len(text) < MAX_CHARACTERS + 3_000
        assert "Not shown: " in text
        assert "value_3 = 1" in look.ok("git_diff", base=base, path="f03.py")

    def test_one_huge_difference_begins(self, look: Looker) -> None:
        look.made.commit({"big.py": "".join(f"value_{n} = {n}\n" for n in range(5_000))})
        text = look.ok("git_diff", base="HEAD~1..HEAD", path="big.py")
        assert "value_0 = 0" in text
        assert "the rest does not fit" in text

    def test_revisions_that_git_knows(self) -> None:
        for name in ("HEAD", "v1.2", "feature/x", "HEAD~3", "@{upstream}", "v1^2", "a1b2c3", "@"):
            assert git_diff._revision(name) == name


class TestBlame:
    def test_lines_with_their_commits(self, worked: Looker) -> None:
        worked.type(
            "shop/prices.py", "RATE = 0.25\n\n# new\ndef total(prices):\n    return sum(prices)\n"
        )
        ids = worked.made.git("rev-list", "HEAD").split()
        text = worked.ok("git_blame", path="shop/prices.py", end_line=4)

        assert text == (
            '<excerpt path="shop/prices.py" lines="1-4 of 5">\n'
            f"-- {ids[0][:12]} 2026-01-02 Ada: Raise the rate\n1\tRATE = 0.25\n"
            f"-- {ids[1][:12]} 2026-01-02 Ada: change\n2\t\n"
            "-- not committed yet\n3\t# new\n"
            f"-- {ids[1][:12]} 2026-01-02 Ada: change\n4\tdef total(prices):\n"
            "</excerpt>\n"
        )

    def test_a_line_with_a_secret_is_the_commit_s(self, look: Looker) -> None:
        result = look.call("git_blame", path="settings.py", end_line=1)
        assert "not committed" not in result.text
        assert TOKEN not in result.text
        assert "REDACTED_" in result.text

    @pytest.mark.parametrize("path", [".env", "build.log", "../x", "nothing.py"])
    def test_what_may_not_be_read(self, worked: Looker, path: str) -> None:
        assert "cannot be read" in worked.refused("git_blame", path=path)

    def test_a_file_that_git_does_not_know(self, worked: Looker) -> None:
        assert "git has no answer" in worked.refused("git_blame", path="new.py")

    def test_few_lines_at_once(self, look: Looker) -> None:
        look.made.commit({"long.py": "x = 1\n" * 500})
        text = look.ok("git_blame", path="long.py")
        assert 'lines="1-200 of 500"' in text
        assert "The answer ends at line 200." in text
