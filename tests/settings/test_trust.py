from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kibitz.errors import UserError
from kibitz.trust import Trust


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kibitz" / "trust.toml"


def repository(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_nothing_is_trusted_at_first(file: Path, tmp_path: Path) -> None:
    trust = Trust.load(file)
    assert not trust.is_trusted(tmp_path)
    assert trust.roots() == ()
    assert trust.problem is None
    assert not file.exists()


def test_grant_and_revoke(file: Path, tmp_path: Path) -> None:
    shop, other = repository(tmp_path / "shop"), repository(tmp_path / "other")
    trust = Trust.load(file)
    trust.grant(shop)
    assert trust.is_trusted(shop)
    assert not trust.is_trusted(other)
    assert Trust.load(file).roots() == (shop.resolve(),)
    assert trust.revoke(shop)
    assert not trust.is_trusted(shop)
    assert not trust.revoke(shop)


def test_trust_is_not_inherited(file: Path, tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    inner = repository(shop / "vendor" / "inner")
    trust = Trust.load(file)
    trust.grant(shop)
    assert not trust.is_trusted(inner)
    assert not trust.is_trusted(tmp_path)
    assert not trust.is_trusted(tmp_path / "shop2")


def test_trust_is_in_the_real_path(file: Path, tmp_path: Path) -> None:
    shop, evil = repository(tmp_path / "shop"), repository(tmp_path / "evil")
    link = tmp_path / "link"
    link.symlink_to(shop)
    trust = Trust.load(file)
    trust.grant(link)
    assert trust.is_trusted(shop)
    assert trust.is_trusted(shop / ".." / "shop")
    link.unlink()
    link.symlink_to(evil)
    assert not trust.is_trusted(link)


def test_another_process_is_heard(file: Path, tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    of_the_server, of_the_terminal = Trust.load(file), Trust.load(file)
    of_the_terminal.grant(shop)
    assert of_the_server.is_trusted(shop)
    of_the_terminal.revoke(shop)
    assert not of_the_server.is_trusted(shop)


@pytest.mark.parametrize(
    "name", ["a b", 'quote"and\\backslash', "tab\tnewline\n", "😋", "del\x7f", "[trusted]", "a.b=c"]
)
@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
def test_any_name_survives(file: Path, tmp_path: Path, name: str) -> None:
    root = repository(tmp_path / name)
    Trust.load(file).grant(root)
    trust = Trust.load(file)
    assert trust.problem is None
    assert trust.is_trusted(root)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text_is_refused(file: Path, tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"\xff")
    root.mkdir()
    with pytest.raises(UserError, match="UTF-8"):
        Trust.load(file).grant(root)


def test_only_a_folder_can_be_trusted(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder"):
        Trust.load(file).grant(tmp_path / "missing")


@pytest.mark.parametrize(
    "content",
    [
        b"not toml [",
        b"\xff\xfe",
        b"trusted = 3",
        b'[trusted]\n"relative/path" = 2026-01-01T00:00:00Z\n',
        b'[trusted]\n"/repo" = true\n',
        b'[trusted]\n"/repo" = {a = 1}\n',
        b"x = " + b"[" * 100_000,
    ],
)
def test_a_damaged_file_trusts_nothing_and_is_kept(
    file: Path, tmp_path: Path, content: bytes
) -> None:
    shop = repository(tmp_path / "shop")
    Trust.load(file).grant(shop)
    server = Trust.load(file)
    assert server.is_trusted(shop)
    file.write_bytes(content)
    for trust in (server, Trust.load(file)):
        assert not trust.is_trusted(shop)
        assert trust.problem is not None
        assert "nothing is trusted" in trust.problem
        for change in (trust.grant, trust.revoke):
            with pytest.raises(UserError, match="mend or delete"):
                change(shop)
    assert file.read_bytes() == content
    file.unlink()
    server.grant(shop)
    assert server.is_trusted(shop)


@pytest.mark.skipif(sys.platform == "win32", reason="rights as POSIX knows them")
def test_a_file_of_someone_else_trusts_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = repository(tmp_path / "shop")
    Trust.load(file).grant(shop)
    someone_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: someone_else)
    trust = Trust.load(file)
    assert not trust.is_trusted(shop)
    assert "another user" in (trust.problem or "")


@pytest.mark.skipif(sys.platform == "win32", reason="rights as POSIX knows them")
def test_the_file_is_private_and_no_rest_is_left(file: Path, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        Trust.load(file).grant(repository(tmp_path / "shop"))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {path.name for path in file.parent.iterdir()} == {"trust.toml", "trust.lock"}


def test_a_failed_write_leaves_the_file_as_it_was(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = repository(tmp_path / "shop"), repository(tmp_path / "other")
    trust = Trust.load(file)
    trust.grant(shop)

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(UserError, match="No space left"):
        trust.grant(other)
    assert trust.roots() == (shop.resolve(),)
    assert {path.name for path in file.parent.iterdir()} == {"trust.toml", "trust.lock"}


GRANT_ALL = """
import sys
from pathlib import Path
from kibitz.trust import Trust

trust = Trust.load(Path(sys.argv[1]))
for root in sys.argv[2:]:
    trust.grant(Path(root))
"""


def test_processes_that_write_at_once_lose_nothing(file: Path, tmp_path: Path) -> None:
    roots = [repository(tmp_path / f"repository-{number}") for number in range(40)]
    processes = [
        subprocess.Popen([sys.executable, "-c", GRANT_ALL, file, *roots[start::4]])
        for start in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert set(Trust.load(file).roots()) == {root.resolve() for root in roots}
