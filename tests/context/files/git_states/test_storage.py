"""One commit is the same bytes, however git stores it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.git_folder import GitFolder
from support.git_states import FILES, A, C, look


def test_replacements_and_grafts_of_one_clone_do_not_change_a_commit(made: GitFolder) -> None:
    first = made.git("rev-parse", "HEAD")
    second = made.commit({"b.py": "second\n"})
    expected = look(made.root).context
    blob = made.git("hash-object", "-w", "--stdin", stdin=b"replaced\n")
    made.git("replace", made.git("rev-parse", "HEAD:a.py"), blob)
    made.git("replace", second, first)
    made.write({".git/info/grafts": f"{second}\n"})
    assert look(made.root).context == expected


def test_a_repository_with_long_ids(tmp_path: Path) -> None:
    tmp_path.joinpath("root").mkdir()
    made = GitFolder(tmp_path / "root")
    made.git("init", "-q", "--object-format=sha256")
    head = made.commit(FILES)
    made.write({"b.py": "b = 3\n"})
    found = look(made.root)
    assert (found.context.commit, len(head)) == (head, 64)
    assert found.files == {"a.py": A, "b.py": "b = 3\n", "d/c.py": C}


@pytest.mark.parametrize("layout", ["split", "version 4", "packed", "untracked cache"])
def test_how_git_stores_things_does_not_matter(made: GitFolder, layout: str) -> None:
    made.write({"b.py": "b = 3\n", "new.py": "new\n"})
    expected = look(made.root).context
    if layout == "split":
        made.git("update-index", "--split-index")
    elif layout == "version 4":
        made.git("update-index", "--index-version", "4")
    elif layout == "packed":
        made.git("gc", "-q")
    else:
        made.git("config", "core.untrackedCache", "true")
        made.git("status")
    assert look(made.root).context == expected
