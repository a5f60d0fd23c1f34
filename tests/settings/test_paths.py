from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz import paths
from kibitz.errors import UserError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="rights as POSIX knows them")
linux = pytest.mark.skipif(sys.platform != "linux", reason="XDG folders")


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@linux
def test_the_folders_are_those_of_the_specification() -> None:
    environ = {"HOME": "/home/ada"}
    assert paths.user_file(environ) == Path("/home/ada/.config/kibitz/config.toml")
    assert paths.ledger_file(environ) == Path("/home/ada/.local/state/kibitz/ledger.sqlite")
    assert paths.trust_file(environ) == Path("/home/ada/.local/state/kibitz/trust.toml")
    assert paths.audit_folder(environ) == Path("/home/ada/.local/state/kibitz/audit")
    assert paths.dismissed_findings_file(environ).name == "findings"
    assert paths.answers_folder(environ) == Path("/home/ada/.cache/kibitz/answers")


@linux
def test_the_environment_moves_them() -> None:
    environ = {"XDG_CONFIG_HOME": "/a", "XDG_STATE_HOME": "/b", "XDG_CACHE_HOME": "/c"}
    assert paths.config_folder(environ) == Path("/a/kibitz")
    assert paths.state_folder(environ) == Path("/b/kibitz")
    assert paths.cache_folder(environ) == Path("/c/kibitz")


@linux
@pytest.mark.parametrize("relative", ["", "state", "../state", "~/state"])
def test_a_relative_folder_is_ignored(relative: str) -> None:
    environ = {"HOME": "/home/ada", "XDG_STATE_HOME": relative}
    assert paths.state_folder(environ) == Path("/home/ada/.local/state/kibitz")


def test_without_a_home_the_system_is_asked() -> None:
    assert paths.home({}).is_absolute()
    assert paths.home({"HOME": "not/absolute"}).is_absolute()


def test_a_folder_and_what_is_above_it_are_made_private(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        folder = paths.make_private(tmp_path / "state" / "kibitz" / "audit")
    finally:
        os.umask(umask)
    assert [rights(path) for path in (folder, *folder.parents[:2])] == [0o700] * 3


def test_rights_of_others_are_taken_from_an_existing_folder(tmp_path: Path) -> None:
    folder = tmp_path / "kibitz"
    folder.mkdir(mode=0o755)
    folder.chmod(0o777)
    assert rights(paths.make_private(folder)) == 0o700


def test_making_it_twice_is_fine(tmp_path: Path) -> None:
    paths.make_private(tmp_path / "kibitz")
    assert paths.make_private(tmp_path / "kibitz") == tmp_path / "kibitz"


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kibitz").symlink_to(tmp_path / "elsewhere")
    paths.make_private(tmp_path / "kibitz")
    assert rights(tmp_path / "elsewhere") == 0o700


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_folder_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "kibitz")
    with pytest.raises(UserError, match=r"move it away|check its rights"):
        paths.make_private(tmp_path / "kibitz")


def test_a_folder_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(UserError, match="Anybody may write"):
        paths.make_private(shared / "kibitz")
    shared.chmod(0o1777)  # as /tmp: others may add to it, but not replace what is ours
    paths.make_private(shared / "kibitz")


def test_a_folder_of_someone_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kibitz").mkdir()
    someone_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: someone_else)
    with pytest.raises(UserError, match="another user"):
        paths.make_private(tmp_path / "kibitz")
