"""The index: what it knows of contents, and that its file may be lost, damaged, old or shared."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.indexing import index as index_module
from kibitz_context.indexing.index import Index, index_file, index_of
from kibitz_context.texts.symbols import Symbols, symbols
from kibitz_context.texts.words import word_counts
from support.git_folder import git_folder
from support.memory_index import MemoryIndex

FILES = {
    "store.py": "class Store:\n    def readAll(self):\n        return parse_config(self.path)\n",
    "config.py": "MAX = 3\n\ndef parse_config(path):\n    return Store(path)\n",
    "view.ts": "export class StoreView { draw(store: Store) { return store.readAll(); } }\n",
    "notes.toml": 'title = "how the store reads all"\n',
    "empty.py": "",
    "quiet.rb": "class Object\n  def paid?\n    self\n  end\nend\n",
}


def blob(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def entry(path: str, text: str) -> tuple[str, str, Symbols, Mapping[str, int]]:
    return blob(text), path, symbols(path, text), word_counts(text)


def tracked(path: str, text: str) -> TrackedFile:
    return TrackedFile(path, blob(text))


def filled(file: Path | None = None) -> Index:
    index = Index.open(file)
    index.add([entry(path, text) for path, text in FILES.items()])
    return index


NAMES = ("Store", "store", "readAll", "readall", "parse_config", "MAX", "draw", "paid?", "nobody")


@pytest.fixture(params=["memory", "file"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Index:
    return filled(tmp_path / "a" / "index.sqlite" if request.param == "file" else None)


def test_it_answers_like_one_that_is_easy_to_understand(index: Index) -> None:
    plain = MemoryIndex()
    for path, text in FILES.items():
        plain.add(blob(text), path, text)
    blobs = [blob(text) for text in FILES.values()]
    assert index.symbols([*blobs, "0" * 40]) == plain.symbols(blobs)
    assert index.definers(NAMES) == plain.definers(NAMES)
    assert index.users(NAMES) == plain.users(NAMES)
    words = ("store", "read", "all", "readall", "config", "nobody", "self")
    assert index.frequencies(words) == plain.frequencies(words)
    found = index.search(("read", "config"), 10)
    assert {each for each, _ in found} == {each for each, _ in plain.search(("read", "config"), 10)}


def test_names_that_differ_in_case_are_different(index: Index) -> None:
    assert index.definers(["Store", "store"]) == {"Store": {blob(FILES["store.py"])}}


def test_names_of_any_kind_are_found() -> None:
    names = ["é", "naïve_Name", "a$b", "operator+=", "~Foo", "ns::f", 'say"', "^a", "A", "a b", "-"]
    for name in names:
        index = Index.open(None)
        found = Symbols("python", references=((name, 1),))
        index.add([(blob(name), "a.py", found, {})])
        assert index.users(names) == {name: {blob(name)}}


def test_the_best_is_first(index: Index) -> None:
    index.add([entry("more.py", "config " * 3 + "config_reader\n")])
    found = index.search(("config",), 10)
    assert found[0][0] == blob("config " * 3 + "config_reader\n")
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert len(index.search(("config", "store"), 1)) == 1
    assert index.search(("config",), 0) == []
    others = [blob for blob, _ in index.search(("config", "store"), 10)][1:]
    assert [blob for blob, _ in index.search(("config", "store"), 1, others)] == others[:1]
    assert index.search(("config", "store"), 10, ()) == []


@pytest.mark.parametrize("words", [(), ("",), ('a"b',), ("NEAR(",), ("*",), ("-x",)])
def test_a_search_for_no_words_finds_nothing(index: Index, words: tuple[str, ...]) -> None:
    assert index.search(words, 10) == []


def test_missing_are_those_that_were_never_put_in(index: Index) -> None:
    known = [tracked(path, text) for path, text in FILES.items()]
    new = tracked("new.py", "x = 1\n")
    again = TrackedFile("other.py", new.blob_id)
    assert index.missing([*known, new, again, TrackedFile("folder.py")]) == [again]
    assert index.missing([TrackedFile("moved.py", known[0].blob_id)]) == []


def test_missing_of_many_is_the_same(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tracked(path, text) for path, text in FILES.items()] + [tracked("b.py", "b\n")]
    monkeypatch.setattr(index_module, "_MANY_FILES", 1)
    assert index.missing(files) == files[-1:]


def test_one_content_in_two_languages_is_two_entries(index: Index) -> None:
    text = "int one(void);\n"
    c, cpp = tracked("a.c", text), tracked("a.h", text)
    index.add([entry("a.c", text)])
    assert index.missing([c, cpp]) == [cpp]
    index.add([entry("a.h", text)])
    found = index.symbols_of([c, cpp])
    assert (found["a.c"].grammar, found["a.h"].grammar) == ("c", "cpp")
    assert index.symbols([c.blob_id])[c.blob_id].grammar == "c"


def test_what_is_there_stays_as_it_is(index: Index) -> None:
    text = FILES["store.py"]
    count = index.count()
    index.add([(blob(text), "store.py", Symbols("other"), {"new": 1})])
    assert index.count() == count
    assert index.symbols([blob(text)])[blob(text)].grammar == "python"
    assert index.frequencies(["new"]) == {}


def test_an_entry_that_fails_leaves_nothing_behind(index: Index) -> None:
    count = index.count()

    def entries() -> object:
        yield entry("one.py", "def one(): pass\n")
        raise RuntimeError("out of power")

    with pytest.raises(RuntimeError):
        index.add(entries())  # type: ignore[arg-type]
    assert index.count() == count
    assert index.definers(["one"]) == {}


def test_it_begins_anew_when_most_of_it_must_be_old(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_ENTRIES", len(FILES) - 1)
    index.add([entry("new.py", "def new(): pass\n")])
    assert index.count() == 1
    assert index.definers(["new", "Store"]) == {"new": {blob("def new(): pass\n")}}
    assert index.search(("store",), 10) == []


def test_what_is_complete_is_so_until_it_begins_anew(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_COMPLETE", 2)
    assert index.complete("a") is None
    for key in ("a", "b", "c", "b"):
        index.note_complete(key, len(key))
    assert [index.complete(key) for key in "abc"] == [None, 1, 1]
    monkeypatch.setattr(index_module, "MAX_ENTRIES", 0)
    index.add([entry("new.py", "def new(): pass\n")])
    assert index.complete("b") is None


def test_another_process_reads_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    filled(file)
    assert Index.open(file).definers(["MAX"]) == {"MAX": {blob(FILES["config.py"])}}


@pytest.mark.parametrize(
    "content", [b"no database at all", b"", b"SQLite format 3\0" + b"\xff" * 4096], ids=range(3)
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "index.sqlite"
    file.write_bytes(content)
    assert filled(file).count() == len(FILES)
    assert Index.open(file).count() == len(FILES)


def test_a_file_that_is_damaged_later_answers_nothing_and_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "index.sqlite"
    index = filled(file)
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    file.write_bytes(b"\xff" * file.stat().st_size)
    with caplog.at_level(logging.WARNING):
        files = [tracked(path, text) for path, text in FILES.items()]
        assert index.missing(files) == files
    assert "index" in caplog.text
    index.add([entry(path, text) for path, text in FILES.items()])
    assert index.count() == len(FILES)


def test_a_file_of_another_version_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "index.sqlite"
    filled(file)
    monkeypatch.setattr(index_module, "_version", lambda: 7)
    assert Index.open(file).count() == 0


def test_a_lost_file_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    index = filled(file)
    for each in tmp_path.iterdir():
        each.unlink()
    assert index.count() == 0
    index.add([entry("a.py", "a = 1\n")])
    assert index.count() == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no folders that cannot be written")
def test_where_nothing_can_be_written_it_is_in_memory(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("a file, where a folder should be")
    index = filled(place / "index.sqlite")
    assert index.count() == len(FILES)


def test_several_processes_may_write_at_the_same_time(tmp_path: Path) -> None:
    file = tmp_path / "index.sqlite"
    program = (
        "import sys; from pathlib import Path; from kibitz_context.indexing.index import Index\n"
        "from kibitz_context.texts.symbols import symbols\n"
        "index = Index.open(Path(sys.argv[1])); me = int(sys.argv[2])\n"
        "for number in range(40):\n"
        "    text = f'def name_{number % 30}_{me if number < 30 else 0}(): pass'\n"
        "    index.add([(f'{number + 100 * me:040x}', 'a.py', symbols('a.py', text), {})])\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(file), str(me)]) for me in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    index = Index.open(file)
    assert index.count() == 120
    assert len(index.definers(["name_3_0"])["name_3_0"]) == 4


def test_threads_may_read_while_one_writes(index: Index) -> None:
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(30):
                assert index.definers(["Store"]) == {"Store": {blob(FILES["store.py"])}}
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        index.add([entry("a.py", f"def one_{number}(): pass\n")])
    for thread in threads:
        thread.join()
    assert failures == []


def test_no_text_can_be_read_from_the_file(tmp_path: Path) -> None:
    """Names and words are in it, and no sentence."""
    file = tmp_path / "index.sqlite"
    index = Index.open(file)
    index.add([entry("a.py", 'def one():\n    return "the launch code is swordfish tomorrow"\n')])
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"launch code" not in stored
    assert index.search(("swordfish",), 3)


def test_work_trees_share_one_and_repositories_do_not(tmp_path: Path) -> None:
    first = git_folder(tmp_path / "first", {"a.py": "a = 1\n"})
    first.git("worktree", "add", "-q", str(tmp_path / "second"))
    other = git_folder(tmp_path / "other", {"a.py": "a = 1\n"})
    cache = tmp_path / "cache"
    files = [
        index_file(Repository.find(root), cache)
        for root in (first.root, tmp_path / "second", other.root)
    ]
    assert files[0] == files[1] != files[2]
    assert index_of(Repository.find(first.root), cache) is index_of(
        Repository.find(tmp_path / "second"), cache
    )
