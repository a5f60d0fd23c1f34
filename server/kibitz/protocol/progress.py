"""The progress of one job, as the client shows it: begin, some reports, exactly one end.

The token is the job's id, so that a client's cancel finds the job.  The end is always sent, also
for a job that was stopped or failed: a client takes the job for running until then.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from lsprotocol import types

from kibitz.protocol.pygls_mends import MendedServer

logger = logging.getLogger(__name__)

REPORT_INTERVAL_SECONDS = 0.25

# How long a client may take to accept a token.  It does so by itself in no time; some never
# answer, and the work does not wait for them.
CREATE_SECONDS = 3.0


class Progress:
    """Progress with one token; does nothing for a client that has no progress."""

    def __init__(self, server: MendedServer, token: str, *, shown: bool) -> None:
        self._server = server
        self._token = token
        self._wanted = shown
        self._shown = False
        self._last_report_at = 0.0

    @property
    def is_shown(self) -> bool:
        """Whether the client shows it now."""
        return self._shown

    async def begin(self, title: str) -> None:
        """Create the token and begin.

        A client that does not accept it shows no progress; for one that accepts it late, as
        Neovim 0.11 does that sleeps after a menu in Visual mode, it begins then.
        """
        if not self._wanted:
            return
        created = self._server.protocol.send_request_async(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(self._token)
        )
        answered = asyncio.Event()

        def take_answer(done: asyncio.Future[Any]) -> None:
            if done.cancelled() or done.exception() is not None:
                logger.info("the editor accepted no progress token")
            elif self._wanted:
                self._begin(title)
            answered.set()

        created.add_done_callback(take_answer)
        try:
            # The request itself is not called off: its answer may still come.
            async with asyncio.timeout(CREATE_SECONDS):
                await answered.wait()
        except TimeoutError:
            logger.info("the editor has not accepted the progress token yet")
        except asyncio.CancelledError:
            # Stopped before it began: the end that follows must have a beginning.
            self._begin(title)
            raise

    def _begin(self, title: str) -> None:
        if not self._shown:
            self._shown = True
            self._send(types.WorkDoneProgressBegin(title=title, cancellable=True))

    def report(self, message: str, *, always: bool = False) -> None:
        """Show how far the job is; reports that come too quickly are left out, but for those that
        are to be shown always."""
        now = asyncio.get_running_loop().time()
        is_due = always or now - self._last_report_at >= REPORT_INTERVAL_SECONDS
        if self._shown and is_due:
            self._last_report_at = now
            self._send(types.WorkDoneProgressReport(message=message))

    def end(self, message: str) -> None:
        self._wanted = False
        if self._shown:
            self._shown = False
            self._send(types.WorkDoneProgressEnd(message=message))

    def _send(
        self,
        value: types.WorkDoneProgressBegin
        | types.WorkDoneProgressReport
        | types.WorkDoneProgressEnd,
    ) -> None:
        self._server.progress(types.ProgressParams(self._token, value))
