"""What git keeps encrypted is shown to nobody, though it is in clear on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.gate.gate import Gate
from kibitz_context.values import Refused
from support.git_folder import GitFolder, git_folder
from support.git_states import look

ENCRYPTED = "git keeps it encrypted"
CLEAR = "launch: tulip\n"

# Any two programs will do: one that makes it unreadable, and one that takes that back.
CLEAN = "#!/bin/sh\nprintf '\\000GITCRYPT\\000'; tr a-z n-za-m\n"
SMUDGE = "#!/bin/sh\ntail -c +11 | tr a-z n-za-m\n"


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    made = git_folder(tmp_path / "root", {})
    for name, script in (("clean", CLEAN), ("smudge", SMUDGE)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
        made.git("config", f"filter.git-crypt.{name}", str(tmp_path / name))
    made.write({".gitattributes": "vault.yml filter=git-crypt diff=git-crypt\n"})
    made.commit({"vault.yml": CLEAR, "a.py": "a = 1\n"})
    assert b"tulip" not in made.git("show", "HEAD:vault.yml").encode()
    return made


def test_a_file_in_clear_is_not_sent_changed_or_not(made: GitFolder) -> None:
    for text in (CLEAR, CLEAR + "abort: rose\n"):
        made.write({"vault.yml": text})
        found = look(made.root)
        assert "tulip" not in found.context.snapshot.text + found.context.changes.text
        assert found.files["a.py"] == "a = 1\n"
        assert found.omitted["vault.yml"] == ENCRYPTED
    gate = Gate(made.root)
    assert gate.read("vault.yml") == Refused(ENCRYPTED)
    assert gate.admit("vault.yml", CLEAR) == Refused(ENCRYPTED)


def test_a_colleague_without_the_key_has_the_same_snapshot(made: GitFolder, tmp_path: Path) -> None:
    made.git("clone", "-q", ".", "../clone")
    theirs = look(tmp_path / "clone").context
    assert theirs.snapshot == look(made.root).context.snapshot
    assert theirs.changes.text == ""


@pytest.mark.parametrize(
    ("attributes", "path", "is_encrypted"),
    [
        ("secret/** filter=git-crypt diff=git-crypt", "secret/deep/a.py", True),
        ("*.sec filter=git-crypt-team", "d/a.sec", True),
        ("*.env.txt  filter=crypt  merge=crypt", "d/a.env.txt", True),
        ('"a b.py" filter=git-crypt', "a b.py", True),
        ("* filter=git-crypt\n.gitattributes !filter !diff", "d/b.py", True),
        ("* filter=git-crypt\nd/*.py -filter", "d/b.py", False),
        ("* filter=git-crypt\n*.png filter=lfs", "d/b.png", False),
        ("[attr]private filter=git-crypt\nd/* private", "d/b.py", True),
        ("*.psd filter=lfs diff=lfs merge=lfs -text", "a.psd", False),
        ("*.py text eol=lf ident", "a.py", False),
        ("# *.py filter=git-crypt", "a.py", False),
        ("crypt.py text", "crypt.py", False),
        ("d filter=git-crypt", "d/a.py", False),
        ("d/ filter=git-crypt", "d/a.py", False),
        ("/a.py filter=git-crypt", "d/a.py", False),
    ],
)
def test_which_files_that_are(
    tmp_path: Path, attributes: str, path: str, is_encrypted: bool
) -> None:
    made = git_folder(tmp_path, {".gitattributes": attributes + "\n"})
    said = made.git("check-attr", "filter", "--", path).rpartition(": ")[2]
    assert ("crypt" in said) == is_encrypted, "git itself is the judge"
    expected = ENCRYPTED if is_encrypted else None
    assert Gate(tmp_path).name_refusal(path) == expected
    assert Gate(tmp_path, is_settled=True).name_refusal(path) == expected


def test_attributes_of_a_folder_and_those_that_are_not_checked_out(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"d/.gitattributes": "*.yml filter=git-crypt\n", "d/a.yml": "x"})
    gate = Gate(tmp_path)
    assert gate.name_refusal("d/a.yml") == ENCRYPTED
    assert gate.name_refusal("a.yml") is None
    made.git("sparse-checkout", "set", "--cone")
    assert Gate(tmp_path).name_refusal("d/a.yml") == ENCRYPTED
    assert gate.signature([""]) != gate.signature(["", "d/"])
