"""How a text is stored on the disk: line endings, encodings, keywords."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kibitz_context.gate.gate import Gate
from support.context_reader import NOT_SHOWN
from support.git_folder import GitFolder, git_folder
from support.git_states import look


@pytest.mark.parametrize(
    ("attributes", "settings"),
    [
        ("*.py text eol=crlf\n", {}),
        ("*.py text eol=lf\n", {"core.autocrlf": "true"}),
        ("* text=auto\n", {"core.autocrlf": "true"}),
        ("* text=auto\n", {"core.autocrlf": "input"}),
        ("* text=auto\n", {"core.eol": "crlf"}),
        ("* -text\n", {"core.autocrlf": "true", "core.safecrlf": "true"}),
        ("*.py text\n", {"core.autocrlf": "true", "core.safecrlf": "true"}),
        ("*.py working-tree-encoding=UTF-16\n", {}),
        ("*.py working-tree-encoding=ISO-8859-1\n", {}),
        ("*.py working-tree-encoding=no-such-encoding\n", {}),
    ],
)
def test_a_file_that_git_converts_is_not_changed_by_that(
    tmp_path: Path, attributes: str, settings: Mapping[str, str]
) -> None:
    texts = {"a.py": "caf\xe9 = 1\n", "b.py": "b = 2\nb = 3\n"}
    made = git_folder(tmp_path, texts)
    made.write({".gitattributes": attributes})
    made.git("add", ".gitattributes")
    made.git("commit", "-q", "-m", "attributes")
    for key, value in settings.items():
        made.git("config", key, value)
    made.git("rm", "-q", "--cached", "-r", ".")
    made.git("reset", "-q", "--hard")
    for path in texts:
        os.utime(tmp_path / path, (0, 0))
    found = look(tmp_path)
    assert found.files == {".gitattributes": attributes, **texts}
    assert (found.context.changes.text, found.omitted) == ("", {})


def test_a_file_in_another_encoding_that_was_changed_is_not_shown_and_that_is_said(
    tmp_path: Path,
) -> None:
    made = git_folder(tmp_path, {".gitattributes": "*.txt working-tree-encoding=UTF-16\n"})
    made.commit({"u.txt": "one\n".encode("utf-16")})
    assert look(tmp_path).files["u.txt"] == "one\n"
    made.write({"u.txt": "two\n".encode("utf-16")})
    found = look(tmp_path)
    assert found.files["u.txt"] == NOT_SHOWN
    assert found.omitted == {"u.txt": "it is UTF-16, not UTF-8"}


def test_an_expanded_keyword_is_no_change(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"i.py": "# $Id$\n", ".gitattributes": "*.py ident\n"})
    (tmp_path / "i.py").unlink()
    made.git("checkout", "-q", "i.py")
    assert "$Id: " in (tmp_path / "i.py").read_text()
    os.utime(tmp_path / "i.py", (0, 0))
    assert look(tmp_path).context.changes.text == ""


def test_a_file_that_was_only_touched_is_not_read(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(made.root / "a.py", (0, 0))
    monkeypatch.setattr(Gate, "read_listed", lambda *_: pytest.fail("it was read"))
    assert look(made.root).context.changes.text == ""
