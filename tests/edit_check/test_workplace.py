"""A copy of a repository in which unsaved texts stand: complete, apart, and gone afterwards."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kibitz.edit_check import workplace
from kibitz.edit_check.workplace import Stopped, TooLarge, copied, unsaved

FILES = {"a.py": "A = 1\n", "sub/b.py": "B = 1\n", "sub/deep/c.txt": "c\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name, text in {**FILES, "build/made.o": "o", "sub/cache/x": "x", ".git/HEAD": "h"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def never() -> bool:
    return False


def test_files_are_copied_texts_laid_over_and_the_rest_linked(root: Path) -> None:
    texts = {root / "a.py": "A = 2\n", root / "sub/new.py": "N = 1\n"}
    with copied(root, [*FILES, "gone.py"], texts, never) as copy:
        assert copy.name == root.name
        assert (copy / "a.py").read_text() == "A = 2\n"
        assert (copy / "sub/new.py").read_text() == "N = 1\n"
        assert (copy / "sub/b.py").read_text() == "B = 1\n"
        assert not (copy / "sub").is_symlink()
        assert (copy / "sub/b.py").stat().st_mtime_ns == (root / "sub/b.py").stat().st_mtime_ns
        # What is no file of the repository is found where it is.
        for name in ("build", "sub/cache", ".git"):
            assert (copy / name).is_symlink()
            assert os.path.realpath(copy / name) == os.path.realpath(root / name)
        # Whatever a check writes beside the files stays there.
        (copy / "sub/b.py").write_text("spoilt")
        (copy / "report.txt").write_text("r")
    assert not copy.exists()
    assert (root / "a.py").read_text() == "A = 1\n"
    assert (root / "sub/b.py").read_text() == "B = 1\n"
    assert (root / "build/made.o").exists()
    assert not (root / "report.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_stays_one(root: Path) -> None:
    (root / "link.py").symlink_to("a.py")
    with copied(root, ["a.py", "link.py"], {root / "a.py": "A = 2\n"}, never) as copy:
        assert (copy / "link.py").read_text() == "A = 2\n"


def test_a_byte_order_mark_stays(root: Path) -> None:
    (root / "a.py").write_bytes(b"\xef\xbb\xbfA = 1\n")
    assert unsaved({root / "a.py": "A = 1\n"}, root) == {}
    with copied(root, ["a.py"], {root / "a.py": "A = 2\n"}, never) as copy:
        assert (copy / "a.py").read_bytes() == b"\xef\xbb\xbfA = 2\n"


def test_what_is_unsaved(root: Path, tmp_path: Path) -> None:
    texts = {
        root / "a.py": "A = 1\n",
        root / "sub/b.py": "B = 2\n",
        root / "new.py": "",
        tmp_path / "elsewhere.py": "E\n",
    }
    assert unsaved(texts, root) == {root / "sub/b.py": "B = 2\n", root / "new.py": ""}


def test_too_large_a_repository_is_not_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "MOST_FILES", 2)
    with pytest.raises(TooLarge), copied(root, [*FILES], {}, never):
        pass
    monkeypatch.setattr(workplace, "MOST_FILES", 3)
    monkeypatch.setattr(workplace, "MOST_BYTES", 13)
    with pytest.raises(TooLarge), copied(root, [*FILES], {}, never):
        pass


def test_a_copy_that_nobody_waits_for_is_given_up(root: Path) -> None:
    with pytest.raises(Stopped), copied(root, [*FILES], {}, lambda: True):
        pass
