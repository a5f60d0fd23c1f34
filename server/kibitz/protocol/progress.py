"""The progress of one job, as the client shows it: begin, some reports, exactly one end.

The token is the job's id, so that a client's cancel finds the job.  The end is always sent, also
for a job that was stopped or failed: a client takes the job for running until then.
"""

from __future__ import annotations

import asyncio
import logging

from lsprotocol import types

from kibitz.protocol.pygls_mends import MendedServer

logger = logging.getLogger(__name__)

REPORT_INTERVAL_SECONDS = 0.25


class Progress:
    """Progress with one token; does nothing for a client that has no progress."""

    def __init__(self, server: MendedServer, token: str, *, shown: bool) -> None:
        self._server = server
        self._token = token
        self._shown = shown
        self._last_report_at = 0.0

    async def begin(self, title: str) -> None:
        """Create the token and begin.  A client that refuses the token shows no progress."""
        if not self._shown:
            return
        try:
            await self._server.window_work_done_progress_create_async(
                types.WorkDoneProgressCreateParams(self._token)
            )
        except asyncio.CancelledError:
            # Stopped before it began: the end that follows must have a beginning.
            self._send(types.WorkDoneProgressBegin(title=title))
            raise
        except Exception:  # noqa: BLE001 - the work goes on without its progress
            logger.info("the editor refused a progress token")
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
