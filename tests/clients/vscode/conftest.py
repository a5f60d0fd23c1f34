"""One code-server and one browser for all tests of the extension; each test has its own window."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kibitz.standin import StandIn
from support.code_server import CodeServer, browser, must_be_installed
from support.vscode import OpenWorkshop, VSCodeWorkshop, open_window
from support.workshop import EXAMPLE, make_repository

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    must_be_installed()
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def code_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    must_be_installed()
    with CodeServer.start(tmp_path_factory.mktemp("vscode")) as running:
        yield running


@pytest.fixture
def open_workshop(code_server: CodeServer, chromium: Browser, tmp_path: Path) -> OpenWorkshop:
    """Opens a window on a repository with `files`, whose server talks to a stand-in Claude."""

    @contextlib.contextmanager
    def opened(
        files: Mapping[str, str] = {"prices.py": EXAMPLE}, root: Path | None = None, **more: Any
    ) -> Iterator[VSCodeWorkshop]:
        if root is None:
            root = make_repository(tmp_path / "repository", files)
        home = tmp_path / "home"
        config = home / "config" / "kibitz" / "config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(more.pop("user_file", ""))
        with StandIn.in_thread(accepted_keys=more.pop("accepted_keys", None)) as standin:
            environment = {
                "ANTHROPIC_BASE_URL": standin.base_url,
                **{
                    f"XDG_{kind}_HOME": str(home / kind.lower())
                    for kind in ("CONFIG", "STATE", "CACHE")
                },
                **more.pop("environment", {}),
            }
            with open_window(
                code_server, chromium, root, environment=environment, **more
            ) as window:
                yield VSCodeWorkshop(window, standin, root, home)

    return opened
