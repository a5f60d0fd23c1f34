"""The gate: what is refused, with which reason, and that nothing makes it raise or wait."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from kibitz_context.gate import gate as gate_module
from kibitz_context.gate.gate import MAX_TEXT_BYTES, Gate
from kibitz_context.values import Allowed, Refused
from support.git_folder import git_folder

OUTSIDE = Refused("it is outside the repository")


def refusal(gate: Gate, path: str | Path) -> str | None:
    """The reason by all three ways to ask, which must agree where content plays no part."""
    read = gate.read(path)
    admitted = gate.admit(path, "text")
    reason = gate.refusal(path)
    assert reason == (admitted.reason if isinstance(admitted, Refused) else None)
    assert isinstance(read, Allowed) == (reason is None), read
    if isinstance(read, Refused):
        assert read.reason == reason
    return reason


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text("print()\n")
    (tmp_path / "secret.txt").write_text("private")
    return Gate(root)


def test_an_ordinary_file_is_read(gate: Gate) -> None:
    assert gate.read("a.py") == Allowed("print()\n")
    assert gate.read(gate.root / "a.py") == Allowed("print()\n")
    assert gate.read("./a.py") == Allowed("print()\n")


# --- containment -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "x/../../secret.txt",
        "/etc/passwd",
        "a.py/../../secret.txt",
        "../root2/a.py",
        "//server/share/a.py",
        "\\\\server\\share\\a.py",
    ],
)
def test_nothing_outside_the_root_is_read(gate: Gate, path: str) -> None:
    (gate.root.parent / "root2").mkdir()
    (gate.root.parent / "root2/a.py").write_text("other")
    assert refusal(gate, path) == OUTSIDE.reason


def test_dots_that_stay_inside_are_fine(gate: Gate) -> None:
    (gate.root / "x").mkdir()
    assert gate.read("x/../a.py") == Allowed("print()\n")


def test_a_link_that_leads_out_is_refused(gate: Gate) -> None:
    (gate.root / "file").symlink_to("../secret.txt")
    (gate.root / "absolute").symlink_to("/etc/passwd")
    (gate.root / "folder").symlink_to("..")
    for path in ("file", "absolute", "folder/secret.txt"):
        assert refusal(gate, path) == OUTSIDE.reason


def test_a_link_that_stays_inside_is_followed(gate: Gate) -> None:
    (gate.root / "link.py").symlink_to("a.py")
    assert gate.read("link.py") == Allowed("print()\n")


def test_a_root_that_is_reached_by_a_link_is_the_same_root(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("root")
    assert Gate(tmp_path / "alias").read(tmp_path / "root/a.py") == Allowed("print()\n")
    assert gate.read(tmp_path / "alias/a.py") == Allowed("print()\n")
    assert gate.relative(tmp_path / "alias/a.py") == "a.py"


def test_a_folder_that_becomes_a_link_between_check_and_reading_leads_nowhere(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gate.root / "folder").mkdir()
    (gate.root / "folder/secret.txt").write_text("harmless")
    checked = Gate._path_refusal

    def swap(self: Gate, path: Path | str, real: Path) -> str | None:
        reason = checked(self, path, real)
        (gate.root / "folder/secret.txt").unlink()
        (gate.root / "folder").rmdir()
        (gate.root / "folder").symlink_to(tmp_path)
        return reason

    monkeypatch.setattr(Gate, "_path_refusal", swap)
    assert isinstance(gate.read("folder/secret.txt"), Refused)


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b", "x" * 5_000, "y/" * 2_000 + "z"])
def test_a_path_that_no_file_can_have_is_refused(gate: Gate, path: str) -> None:
    assert isinstance(gate.read(path), Refused)


def test_a_loop_of_links_ends(gate: Gate) -> None:
    (gate.root / "one").symlink_to("two")
    (gate.root / "two").symlink_to("one")
    assert isinstance(gate.read("one"), Refused)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (".env", ".env"),
        (".env.production", ".env.production"),
        (".envrc", ".envrc"),
        ("deploy/prod.env", "prod.env"),
        ("id_rsa", "id_rsa"),
        ("keys/id_ed25519.pub", "id_ed25519.pub"),
        ("id_work", "id_work"),
        ("server.pem", "server.pem"),
        ("tls/server.key", "server.key"),
        (".netrc", ".netrc"),
        (".npmrc", ".npmrc"),
        (".pypirc", ".pypirc"),
        ("credentials", "credentials"),
        ("credentials.json", "credentials.json"),
        ("credentials-prod.yaml", "credentials-prod.yaml"),
        ("cert.p12", "cert.p12"),
        ("home/.kube/config", ".kube"),
        ("home/.aws/config", ".aws"),
        ("home/.ssh/known_hosts", ".ssh"),
        (".docker/config.json", ".docker/config.json"),
        ("prod.tfvars", "prod.tfvars"),
        (".ENV", ".ENV"),
        ("Server.PEM", "Server.PEM"),
        (".env.", ".env."),
        ("id_rsa::$DATA", "id_rsa::$DATA"),
        (".en\u200bv", ".en\u200bv"),
    ],
)
def test_names_that_hold_credentials_are_refused(gate: Gate, path: str, part: str) -> None:
    file = gate.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    assert refusal(gate, path) == f"files called {part} hold credentials"


@pytest.mark.parametrize(
    "path",
    [
        "credentials.py",
        "credentials_test.go",
        "id_generator.py",
        "id_map.json",
        "environment.py",
        "env.py",
        "keyboard.rs",
        "monkey.py",
        ".docker/settings.json",
        "docs/pem.md",
    ],
)
def test_names_of_ordinary_files_are_not(gate: Gate, path: str) -> None:
    file = gate.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    assert gate.read(path) == Allowed("x")


def test_a_link_to_a_denied_file_is_refused_and_so_is_a_link_with_a_denied_name(gate: Gate) -> None:
    (gate.root / ".env").write_text("A=1")
    (gate.root / "notes.txt").symlink_to(".env")
    (gate.root / "id_rsa").symlink_to("a.py")
    assert refusal(gate, "notes.txt") == "files called .env hold credentials"
    assert refusal(gate, "id_rsa") == "files called id_rsa hold credentials"


@pytest.mark.parametrize("path", [".git/config", ".GIT/config", "sub/.git/HEAD", ".git", "git~1/x"])
def test_git_s_own_files_are_refused(gate: Gate, path: str) -> None:
    assert gate.refusal(path) == "it belongs to git itself"


def test_a_git_folder_of_another_name_is_git_s_own_too(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "x"})
    (tmp_path / "root/.git").rename(tmp_path / "root/.bare")
    (tmp_path / "root/.git").write_text("gitdir: .bare\n")
    assert Gate(made.root).refusal(".bare/config") == "it belongs to git itself"
    assert Gate(made.root).read("a.py") == Allowed("x")


# --- exclusion ---------------------------------------------------------------------------------


def test_what_git_ignores_is_refused_unless_it_is_tracked(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"kept.log": "kept"})
    made.write({".gitignore": "*.log\nbuild/\n", "b.log": "x", "build/x/a.py": "x", ":c.log": "x"})
    gate = Gate(made.root)
    assert refusal(gate, "b.log") == "it is ignored by git"
    assert refusal(gate, "build/x/a.py") == "it is ignored by git"
    assert refusal(gate, ":c.log") == "it is ignored by git"
    assert gate.read("kept.log") == Allowed("kept")
    assert gate.refusal("new.py") is None
    assert gate.read_listed("kept.log") == Allowed("kept")


def test_a_listed_path_that_a_link_leads_elsewhere_is_asked_about(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"src/a.py": "x", ".gitignore": "build/\n"})
    made.write({"build/a.py": "ignored"})
    gate = Gate(made.root)
    assert gate.read_listed("src/a.py") == Allowed("x")
    (made.root / "src/a.py").unlink()
    (made.root / "src").rmdir()
    (made.root / "src").symlink_to("build")
    assert gate.read_listed("src/a.py") == Refused("it is ignored by git")


def test_without_git_gitignore_counts_as_well(gate: Gate) -> None:
    (gate.root / ".gitignore").write_text("*.log\n")
    (gate.root / "b.log").write_text("x")
    assert refusal(gate, "b.log") == "it is ignored by git"


def test_a_submodule_decides_what_it_ignores(tmp_path: Path) -> None:
    outer = git_folder(tmp_path / "root", {"a.py": "x"})
    inner = git_folder(tmp_path / "root/sub", {".gitignore": "*.log\n", "b.py": "y"})
    inner.write({"c.log": "z"})
    gate = Gate(outer.root)
    assert refusal(gate, "sub/c.log") == "it is ignored by git"
    assert gate.read("sub/b.py") == Allowed("y")


def test_kibitzignore_is_obeyed_at_every_level_for_tracked_files_too(tmp_path: Path) -> None:
    made = git_folder(
        tmp_path / "root",
        {".kibitzignore": "private/\n*.sql\n", "a.sql": "x", "private/a.py": "x", "sub/b.py": "x"},
    )
    made.write({"sub/.kibitzignore": "/b.py\n"})
    gate = Gate(made.root)
    for path in ("a.sql", "private/a.py", "sub/b.py"):
        assert refusal(gate, path) == "it is excluded by .kibitzignore"


def test_exclude_wins_and_include_readmits_nothing(gate: Gate) -> None:
    for name in ("b.sql", ".env", "c.py"):
        (gate.root / name).write_text("x")
    (gate.root / ".kibitzignore").write_text("c.py\n")
    strict = Gate(gate.root, include=["*.sql", ".env", "c.py", ".git"], exclude=["*.sql"])
    assert refusal(strict, "b.sql") == "it is excluded by context.exclude"
    assert refusal(strict, ".env") == "files called .env hold credentials"
    assert refusal(strict, "c.py") == "it is excluded by .kibitzignore"
    # What is asked for explicitly need not be included.
    assert not strict.includes("a.py")
    assert strict.read("a.py") == Allowed("print()\n")


def test_case_does_not_open_the_gate_where_the_file_system_ignores_it(gate: Gate) -> None:
    (gate.root / "SECRETS").mkdir()
    (gate.root / "SECRETS/A.py").write_text("x")
    folded = Gate(gate.root, include=["secrets/"], exclude=["secrets/"], folded=True)
    assert folded.includes("SECRETS/A.py")
    assert refusal(folded, "SECRETS/A.py") == "it is excluded by context.exclude"


def test_patterns_that_cannot_be_used_are_told(gate: Gate) -> None:
    (gate.root / ".kibitzignore").write_text("[z-a]\n")
    assert Gate(gate.root, include=["!"], exclude=["ok", "\\"]).problems == (
        "context.include: '!' is not a usable pattern",
        "context.exclude: '\\\\' is not a usable pattern",
        ".kibitzignore: '[z-a]' is not a usable pattern",
    )


# --- content -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a\0b", "it is binary"),
        (b"\x89PNG\r\n\x1a\n\0\0", "it is binary"),
        (b"caf\xe9", "it is not UTF-8 text"),
        (b"\xed\xa0\x80", "it is not UTF-8 text"),
        ("café".encode("utf-16"), "it is UTF-16, not UTF-8"),
        ("café".encode("utf-16-be"), "it is binary"),
        (b"\xfe\xff\x00a", "it is UTF-16, not UTF-8"),
        ("café".encode("utf-32"), "it is UTF-32, not UTF-8"),
        (b"x" * (MAX_TEXT_BYTES + 1), "it is larger than 4 MB"),
    ],
)
def test_what_is_no_text_is_refused(gate: Gate, content: bytes, reason: str) -> None:
    (gate.root / "x").write_bytes(content)
    assert gate.read("x") == Refused(reason)
    assert gate.admit_blob("x", content) == Refused(reason)


def test_a_byte_order_mark_is_not_part_of_the_text(gate: Gate) -> None:
    (gate.root / "x").write_bytes(b"\xef\xbb\xbfa\r\n")
    assert gate.read("x") == Allowed("a\r\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\0b", "it is binary"),
        ("half \ud83d a pair", "it is not valid Unicode"),
        ("x" * (MAX_TEXT_BYTES + 1), "it is larger than 4 MB"),
        ("漢" * (MAX_TEXT_BYTES // 3 + 1), "it is larger than 4 MB"),
    ],
)
@pytest.mark.parametrize("path", ["a.py", None])
def test_a_buffer_that_is_no_text_is_refused(
    gate: Gate, path: str | None, text: str, reason: str
) -> None:
    assert gate.admit(path, text) == Refused(reason)


def test_a_buffer_of_a_file_that_does_not_exist_is_admitted_by_its_path(gate: Gate) -> None:
    assert gate.admit("new/folder/x.py", "text") == Allowed("text")
    assert gate.admit("new/.env", "text") == Refused("files called .env hold credentials")
    assert gate.admit(None, "text") == Allowed("text")


def test_secrets_are_replaced_however_the_text_comes(gate: Gate) -> None:
    text = 'password = "hunter2"\n'
    (gate.root / "x.py").write_text(text)
    for answer in (
        gate.read("x.py"),
        gate.admit("x.py", text),
        gate.admit_blob("x.py", text.encode()),
    ):
        assert isinstance(answer, Allowed)
        assert "hunter2" not in answer.text
        assert answer.secrets[0][1] == "hunter2"


@pytest.mark.parametrize("path", ["/a.py", "a//b.py", "", "x/../a.py", "../a.py", "."])
def test_the_path_of_a_blob_must_be_a_plain_one(gate: Gate, path: str) -> None:
    assert gate.admit_blob(path, b"x") == OUTSIDE


def test_a_path_of_bytes_that_are_no_text_is_refused(gate: Gate) -> None:
    assert gate.admit_blob("caf\udce9.py", b"x") == Refused("its name is not UTF-8")


# --- things that are no files ------------------------------------------------------------------


def test_a_file_that_is_gone(gate: Gate) -> None:
    assert gate.read("gone.py") == Refused("it does not exist")
    assert gate.read("a.py/b") == Refused("it does not exist")
    assert gate.read("no/folder/x") == Refused("it does not exist")


def test_a_folder(gate: Gate) -> None:
    (gate.root / "folder").mkdir()
    assert gate.read("folder") == Refused("it is a folder")
    assert gate.read(".") == Refused("it is a folder")
    assert gate.read(gate.root) == Refused("it is a folder")


def test_a_pipe_is_refused_at_once(gate: Gate) -> None:
    os.mkfifo(gate.root / "pipe")
    answers: list[Allowed | Refused] = []
    thread = threading.Thread(target=lambda: answers.append(gate.read("pipe")), daemon=True)
    thread.start()
    thread.join(10)
    assert answers == [Refused("it is not a regular file")], "it waited for a writer"


def test_a_pipe_that_takes_a_file_s_place_after_the_check_is_refused_at_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(gate.root / "pipe")
    monkeypatch.setattr(gate_module, "_may_be_opened", lambda name, folder: True)
    assert gate.read("pipe") == Refused("it is not a regular file")


def test_a_socket_and_a_device(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert Gate(tmp_path).read("socket") == Refused("it is not a regular file")
    assert Gate(Path("/dev")).read("zero") == Refused("it is not a regular file")


def test_a_file_that_may_not_be_read(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def forbid(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "a.py":
            raise PermissionError(13, "Permission denied")
        return really_open(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", forbid)
    monkeypatch.setattr(os, "supports_dir_fd", {forbid})
    assert gate.read("a.py") == Refused("it cannot be read (permission denied)")


def test_a_file_that_grows_while_it_is_read_is_cut_off(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "read", lambda descriptor, count: b"x" * count)
    assert gate.read("a.py") == Refused("it is larger than 4 MB")


def test_without_folders_as_descriptors_files_are_read_by_their_path(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set[object]())
    assert gate.read("a.py") == Allowed("print()\n")
    os.mkfifo(gate.root / "pipe")
    assert gate.read("pipe") == Refused("it is not a regular file")


def test_one_gate_serves_many_threads(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {f"d{n}/a.py": str(n) for n in range(20)})
    gate = Gate(made.root)
    answers: dict[int, Allowed | Refused] = {}

    def read(number: int) -> None:
        answers[number] = gate.read(f"d{number}/a.py")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: Allowed(str(number)) for number in range(20)}
