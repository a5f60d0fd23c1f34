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
        self._shown = shown
        self._last_report_at = 0.0

    @property
    def is_shown(self) -> bool:
        """Whether the client shows it, as far as is known."""
        return self._shown

    async def begin(self, title: str) -> None:
        """Create the token and begin.  A client that does not accept it shows no progress."""
        if not self._shown:
            return
        created = self._server.protocol.send_request_async(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(self._token)
        )
        accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        created.add_done_callback(lambda done: _pass_on(done, accepted))
        try:
            # The request itself is not called off: its answer may still come.
            await asyncio.wait([accepted], timeout=CREATE_SECONDS)
        except asyncio.CancelledError:
            # Stopped before it began: the end that follows must have a beginning.
            self._send(types.WorkDoneProgressBegin(title=title))
            raise
        if not (accepted.done() and accepted.result()):
            logger.info("the editor accepted no progress token")
            self._shown = False
            return
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


def _pass_on(created: asyncio.Future[Any], accepted: asyncio.Future[bool]) -> None:
    """Say whether a token was accepted, also where nobody waits for it any more."""
    is_accepted = not created.cancelled() and created.exception() is None
    if not accepted.done():
        accepted.set_result(is_accepted)
