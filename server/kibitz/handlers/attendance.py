"""What is done for a connection between its requests, begun when it is first of use.

A server that nobody has opened a file with loads none of it, and what is loaded is loaded in a
thread, since that takes as long as many answers.  The repositories of open documents are prepared
(`upkeep.attendant`), which sends nothing; prefixes are written ahead and kept alive
(`upkeep.keep_warm`), which sends code, and so only in trusted repositories.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz.actions.desk import Desk
from kibitz.backend import Backend
from kibitz.handlers.preferences import Preferences
from kibitz.session import Session

if TYPE_CHECKING:
    from kibitz.actions.brief import Brief
    from kibitz.claude.values import Prompt
    from kibitz.upkeep.attendant import Attendant
    from kibitz.upkeep.keep_warm import KeepWarm
    from kibitz_context.files.repository import Repository

logger = logging.getLogger(__name__)

# Opening a document brings a volley of requests, whose answers are not to wait for us.
FIRST_SECONDS = 1.0


class Attendance:
    """Implements `upkeep.attendant.Care` for one connection.  Touched on the event loop only."""

    def __init__(
        self, session: Session, backend: Backend, desk: Desk, preferences: Preferences
    ) -> None:
        self._session = session
        self._backend = backend
        self._desk = desk
        self._preferences = preferences
        self._attendant: Attendant | None = None
        self._opened: list[Path] | None = None
        self._keep_warm: KeepWarm | None = None

    # -- what happens in the editor ------------------------------------------------------------

    def document_opened(self, path: Path) -> None:
        if self._attendant is not None:
            self._attendant.open(path)
        elif self._opened is not None:
            self._opened.append(path)
        else:
            self._opened = [path]
            self._session.jobs.in_background(self._attend(), "attending to repositories")

    def files_changed(self, paths: Sequence[str]) -> None:
        if self._attendant is not None:
            self._attendant.hear(map(os.path.realpath, paths))

    def response_began(self, brief: Brief, prompt: Prompt) -> None:
        """A response has begun: its prefix is in the cache, and may be worth keeping there."""
        if brief.settings.context.keep_warm == "auto":
            self._session.jobs.in_background(self._keep(brief, prompt), "a warm prefix")

    async def _attend(self) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        await asyncio.to_thread(import_module, "kibitz.upkeep.attendant")
        from kibitz.upkeep.attendant import Attendant

        session, desk = self._session, self._desk
        self._attendant = attendant = Attendant(
            lambda path: desk.repository(path, tuple(session.folders)),
            self,
            watches=lambda: not session.client_watches,
        )
        for path in self._opened or ():
            attendant.open(path)
        await attendant.run()

    async def _keep(self, brief: Brief, prompt: Prompt) -> None:
        await asyncio.to_thread(import_module, "kibitz.upkeep.keep_warm")
        from kibitz.upkeep.keep_warm import KeepWarm, kept

        if self._keep_warm is None:
            backend, may_warm = self._backend, self._preferences.may_warm
            self._keep_warm = KeepWarm(backend.warm, backend.warming_spent_today_usd, may_warm)
            self._session.jobs.in_background(self._keep_warm.run(), "keeping warm")
        self._keep_warm.began(kept(brief, prompt, self._desk.known_models()))

    # -- what is done for a repository ---------------------------------------------------------

    async def prepare(self, repository: Repository) -> None:
        desk = self._desk
        if desk.preparer is None:
            return
        settings = await asyncio.to_thread(self._preferences.settings_in, repository.root)
        tiers = {settings.route.get(action, "standard") for action in ("explain", "ask")}
        if settings.hover.mode == "ask":
            tiers.add(settings.route.get("hover", "fast"))
        for tier in sorted(tiers):
            subject = await asyncio.to_thread(desk.subject, repository, tier)
            preparation = await asyncio.to_thread(desk.preparer.prepare, subject)
            await preparation.wait(None)

    async def look_at(self, repository: Repository, files: Sequence[str]) -> None:
        desk = self._desk
        if desk.preparer is not None:
            subject = await asyncio.to_thread(desk.subject, repository, "standard")
            preparation = await asyncio.to_thread(desk.preparer.look_at, subject, files)
            await preparation.wait(None)

    def settings_changed(self) -> None:
        self._preferences.forget()
        self._preferences.settings_of(None)
        self._preferences.tell_problems()

    async def opened(self, repository: Repository) -> None:
        """Write the snapshot's entry ahead of the first request, where that pays."""
        await asyncio.to_thread(import_module, "kibitz.upkeep.pre_warm")
        from kibitz.upkeep import pre_warm

        desk, backend = self._desk, self._backend
        settings = await asyncio.to_thread(self._preferences.settings_in, repository.root)
        # Remembered of every repository, so that something is known when one comes to be trusted.
        at = await asyncio.to_thread(pre_warm.opened, repository, desk, settings, backend)
        if self._preferences.may_warm(repository.root):
            await pre_warm.pre_warm(at, desk, backend)
