"""What git was told to add, to forget, or not to look at."""

from __future__ import annotations

import pytest

from support.git_folder import GitFolder
from support.git_states import A, B, C, look


def test_what_is_to_be_added_is_new(made: GitFolder) -> None:
    made.write({"n.py": "new\n"})
    made.git("add", "--intent-to-add", "n.py")
    assert look(made.root).files["n.py"] == "new\n"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_not_to_look_at_is_shown_as_it_was_committed(
    made: GitFolder, flag: str
) -> None:
    """These are files that somebody keeps changed for himself alone: a port, a password."""
    made.git("update-index", flag, "a.py")
    made.write({"a.py": "private\n"})
    assert look(made.root).files["a.py"] == A
    (made.root / "a.py").unlink()
    assert look(made.root).files["a.py"] == A


def test_what_git_was_told_to_forget_is_still_there(made: GitFolder) -> None:
    made.git("rm", "-q", "--cached", "a.py")
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": C}
    made.write({".gitignore": "a.py\n"})
    found = look(made.root)
    assert found.files == {".gitignore": "a.py\n", "b.py": B, "d/c.py": C}
