"""Facts about commits: who, when, why and which paths; no content, no mail address, no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.files.git_commands import GitFolder as Folder
from kibitz_context.files.repository import Repository
from kibitz_context.gate import commits
from kibitz_context.gate.commits import Blamed, Commit, CommitsProblem
from support.git_folder import GitFolder, git_folder

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    made = git_folder(tmp_path / "root")
    made.commit({"a.py": "one\ntwo\nthree\n", "sub/b.py": "b\n"}, "Begin")
    made.commit({"a.py": "one\n2\nthree\n", "c.py": "c\n"}, "Count\n\nBecause of b.")
    return made


def at(made: GitFolder) -> Folder:
    folder = Repository.find(made.root).git
    assert folder is not None
    return folder


def test_the_newest_commits_come_first(made: GitFolder) -> None:
    newest, first = commits.log(at(made), 10)

    assert newest == Commit(
        made.git("rev-parse", "HEAD"), "Ada", "2026-01-02", "Count\n\nBecause of b.",
        ("a.py", "c.py"),
    )  # fmt: skip
    assert (first.summary, first.paths) == ("Begin", ("a.py", "sub/b.py"))
    assert commits.log(at(made), 1) == (newest,)


@pytest.mark.parametrize(
    ("path", "summaries"),
    [
        ("a.py", ["Count", "Begin"]),
        ("sub", ["Begin"]),
        ("sub/b.py", ["Begin"]),
        ("nothing.py", []),
        ("*.py", []),
        (":(glob)**", []),
        ("--output=x", []),
    ],
)
def test_a_path_is_a_path_and_nothing_else(
    made: GitFolder, path: str, summaries: list[str]
) -> None:
    assert [each.summary for each in commits.log(at(made), 10, path)] == summaries
    assert not (made.root / "x").exists()


def test_mail_addresses_and_secrets_stay_here(made: GitFolder) -> None:
    message = (
        f"Use {TOKEN}\n\nReported by <eve@example.org>, see a@b.\n"
        "Co-authored-by: Bob <bob.x+y@mail.example.com>"
    )
    made.git("-c", "user.name=Eve eve@example.org", "commit", "-q", "--allow-empty", "-m", message,
             "--author=Eve eve@example.org <eve@example.org>")  # fmt: skip
    (newest,) = commits.log(at(made), 1)

    assert newest.author == "Eve"
    assert "example" not in newest.message
    assert TOKEN not in newest.message
    assert newest.message.endswith("Co-authored-by: Bob")
    assert "see a@b." in newest.message, "that is no address"


def test_a_huge_message_is_cut_between_lines(made: GitFolder) -> None:
    line = f"key {TOKEN} of all\n"
    made.git("commit", "-q", "--allow-empty", "-F", "-", stdin=(line * 400).encode())
    (newest,) = commits.log(at(made), 1)

    assert len(newest.message) <= commits.MAX_MESSAGE_CHARACTERS
    assert "ghp_" not in newest.message


def test_lines_come_from_their_commits(made: GitFolder) -> None:
    content = b"new\none\n2\nthree\n"
    found = commits.blame(at(made), "a.py", content, 1, 4)

    assert [(each.first, each.last, each.commit and each.commit.summary) for each in found] == [
        (1, 1, None),
        (2, 2, "Begin"),
        (3, 3, "Count"),
        (4, 4, "Begin"),
    ]
    assert found[1].commit is not None
    assert (found[1].commit.author, found[1].commit.date) == ("Ada", "2026-01-02")
    assert commits.blame(at(made), "a.py", content, 3, 3) == found[2:3]


def test_line_endings_of_the_checkout_are_no_change(made: GitFolder) -> None:
    made.git("config", "core.autocrlf", "true")
    found = commits.blame(at(made), "a.py", b"one\r\n2\r\nthree\r\n", 1, 1)

    assert [each.commit and each.commit.summary for each in found] == ["Begin"]


def test_a_list_of_commits_to_skip_is_not_read(made: GitFolder) -> None:
    made.git("config", "blame.ignoreRevsFile", "/nowhere")

    assert commits.blame(at(made), "a.py", b"one\n", 1, 1)


def test_what_git_cannot_tell_is_said(made: GitFolder, tmp_path: Path) -> None:
    with pytest.raises(CommitsProblem, match="no such path 'x'"):
        commits.blame(at(made), "x", b"one\n", 1, 1)
    with pytest.raises(CommitsProblem):
        commits.log(at(git_folder(tmp_path / "empty")), 1)


def test_a_new_file_is_not_committed_yet(made: GitFolder) -> None:
    made.write({"new.py": "x\n"})
    made.git("add", "new.py")

    assert commits.blame(at(made), "new.py", b"x\n", 1, 1) == (Blamed(1, 1, None),)
