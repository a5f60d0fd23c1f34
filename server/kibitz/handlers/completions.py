"""Completion: inline where the client can, else in its list of names, else by command.

A request that the user has made is an explicit action; one that typing has made is answered from
memory unless automatic completion is switched on and the repository is trusted, and whatever goes
wrong with it is silent.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from kibitz import errors
from kibitz.actions.complete import complete
from kibitz.actions.values import Changed, Order, Step
from kibitz.claude.values import ClaudeFailure
from kibitz.completion.filters import polished
from kibitz.completion.reader import CompletionReader, CutOffError
from kibitz.completion.recent import RecentEdits
from kibitz.completion.spot import Spot
from kibitz.completion.worth import why_not
from kibitz.edits.values import LineEdit
from kibitz.errors import UserError
from kibitz.handlers.arguments import Arguments, parse, span_in
from kibitz.handlers.connection import Connection
from kibitz.handlers.edits import EditJob
from kibitz.handlers.preferences import project_root
from kibitz.open_documents import DocumentChange
from kibitz.protocol import from_lsp, to_lsp
from kibitz.settings import Trigger
from kibitz.suggestions import Suggestion, Suggestions
from kibitz_context.document import Document
from kibitz_context.lines import Span, dominant_ending, split_lines

logger = logging.getLogger(__name__)

# Clients ask for their list of names while a word is typed, and say that it was invoked.  Behind a
# word it counts as asked for only after so long without a change.  Higher: who asks at once has
# to ask again; lower: typing sends requests that nobody has asked for.
QUIET_SECONDS = 0.75

LONGEST_LABEL = 60

_WORD_BEFORE = re.compile(r"\w*\Z")

InlineList = types.InlineCompletionList
CompletionList = types.CompletionList
_Suggesting = Coroutine[Any, Any, Suggestion | None]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a completion is wanted, as the text was when the client asked."""

    document: Document
    offset: int
    spot: Spot


class Completions:
    """The completions of one connection."""

    def __init__(self, connection: Connection, now: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._now = now
        self._suggestions = Suggestions(connection.session.jobs)
        self._changed_at: dict[str, float] = {}
        self._toggled: dict[str, Trigger] = {}
        self._recent = RecentEdits()
        connection.session.documents.follow(self._text_changed)
        connection.session.documents.follow_closing(self._closed)
        self._commands: dict[str, Callable[[Arguments], Any]] = {
            "kibitz.complete": self._complete,
            "kibitz.acceptCompletion": self._accept,
            "kibitz.toggleCompletion": self._toggle,
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._commands)

    def run(self, name: str, arguments: list[Any]) -> Any:
        """Run one command.  Raises JsonRpcException for arguments that do not fit."""
        return self._commands[name](parse(arguments))

    # -- requests ------------------------------------------------------------------------------

    def inline(
        self, params: types.InlineCompletionParams
    ) -> InlineList | Coroutine[Any, Any, InlineList]:
        """`textDocument/inlineCompletion`."""
        kind = params.context.trigger_kind
        place = self._place(params, was_invoked=kind == types.InlineCompletionTriggerKind.Invoked)
        suggesting = self._suggesting(place)
        if place is None or suggesting is None:
            return types.InlineCompletionList([])
        return self._inline(place, suggesting)

    def listed(
        self, params: types.CompletionParams
    ) -> CompletionList | Coroutine[Any, Any, CompletionList]:
        """`textDocument/completion`."""
        place = self._place(params, was_invoked=False)
        if place is not None and self._was_asked_for(params, place):
            place = self._place(params, was_invoked=True)
        suggesting = self._suggesting(place)
        if place is None or suggesting is None:
            return types.CompletionList(is_incomplete=True, items=[])
        return self._listed(place, suggesting)

    async def _inline(self, place: _Place, suggesting: _Suggesting) -> InlineList:
        suggestion = await self._told(place, suggesting)
        if suggestion is None:
            return types.InlineCompletionList([])
        text = _with_endings(place.document, suggestion.text)
        here = self._range(place, place.offset)
        item = types.InlineCompletionItem(text, range=here, command=_accepting(suggestion))
        return types.InlineCompletionList([item])

    async def _listed(self, place: _Place, suggesting: _Suggesting) -> CompletionList:
        suggestion = await self._told(place, suggesting)
        if suggestion is None:
            return types.CompletionList(is_incomplete=True, items=[])
        begun = _word_before(place.spot)
        lists_edits = self._connection.session.client.profile.lists_edits
        text = suggestion.text if lists_edits else suggestion.text.partition("\n")[0]
        if not text:
            return types.CompletionList(is_incomplete=True, items=[])
        text = begun + _with_endings(place.document, text)
        first_line = text.strip().partition("\n")[0].rstrip()
        more = " …" if "\n" in text.strip() or len(first_line) > LONGEST_LABEL else ""
        edit = types.TextEdit(self._range(place, place.offset - len(begun)), text)
        item = types.CompletionItem(
            label=first_line[:LONGEST_LABEL] + more,
            kind=types.CompletionItemKind.Text,
            detail="kibitz",
            documentation=text,
            filter_text=begun or None,
            # Behind the names that other servers know for certain.
            sort_text="\uffff",
            text_edit=edit if lists_edits else None,
            insert_text=None if lists_edits else text,
            insert_text_format=types.InsertTextFormat.PlainText,
            insert_text_mode=types.InsertTextMode.AsIs,
            command=_accepting(suggestion),
        )
        return types.CompletionList(is_incomplete=True, items=[item])

    def _suggesting(self, place: _Place | None) -> _Suggesting | None:
        """The way to what is shown at a place, None where nothing can be.

        The request counts from here on, while its message is read: one that is read later never
        comes before it.
        """
        if place is None:
            return None
        document, spot = place.document, place.spot
        trigger = self._trigger(document)
        if trigger == "off":
            return None
        reason = why_not(spot)
        if reason is not None and spot.was_invoked:
            self._connection.editor.tell(f"Nothing to complete here: {reason}.")
            return None
        may_ask = spot.was_invoked or (trigger == "auto" and reason is None)
        ask = (lambda _: self._pieces(place)) if may_ask else None
        return self._suggestions.suggest(document.uri, spot, ask)

    async def _told(self, place: _Place, suggesting: _Suggesting) -> Suggestion | None:
        """The suggestion.  Who has asked for it hears why there is none; else it goes to the
        log."""
        try:
            return await suggesting
        except (UserError, ClaudeFailure) as error:
            if place.spot.was_invoked:
                sentence = (
                    error.sentence if isinstance(error, UserError) else errors.sentence_for(error)
                )
                self._connection.editor.tell(sentence, "error")
            else:
                logger.info("no completion: %s", type(error).__name__)
        except Exception:
            if place.spot.was_invoked:
                raise
            logger.exception("an automatic completion failed")
        return None

    async def _pieces(self, place: _Place) -> AsyncGenerator[str, None]:
        """What Claude writes, as far as it may be asked."""
        path = place.document.path
        if not place.spot.was_invoked and not await asyncio.to_thread(self._is_trusted, path):
            raise UserError("Automatic completion needs a trusted repository.")
        steps = complete(self._order(place), self._connection.desk)
        try:
            async with aclosing(steps) as closing:
                async for step in closing:
                    if isinstance(step, str):
                        yield step
        finally:
            # It has cost something, also where the text was not waited for.
            self._connection.announce_status()

    # -- commands ------------------------------------------------------------------------------

    def _complete(self, given: Arguments) -> dict[str, str]:
        """Put a completion into the document, for whom it can be shown no other way."""
        connection = self._connection
        document = connection.session.documents.get(given.uri) if given.uri is not None else None
        if document is None:
            raise JsonRpcInvalidParams("Give an open document as `uri`, and the cursor as `range`")
        if not connection.session.client.apply_edit:
            raise JsonRpcInvalidParams("This editor does not let a server edit its documents")
        span = span_in(document, given, connection.session.client.encoding)
        if span is None:
            raise JsonRpcInvalidParams("Give the cursor as `range`")
        spot = Spot.at(document.text, span.end, document.language, was_invoked=True)
        place = _Place(document, span.end, spot)
        line = document.lines.line_at(span.end)
        lines = (line, min(line + 1, len(document.lines.lines)))
        body = EditJob(connection, document, lines, "final")
        job = connection.session.jobs.start(
            lambda job: body.run(job, self._steps(place, lines)),
            kind="edit",
            title=f"Complete at line {line + 1}",
            uri=document.uri,
            lines=(line, line + 1),
        )
        return {"job": job.id}

    async def _steps(self, place: _Place, lines: tuple[int, int]) -> AsyncIterator[Step]:
        """The completion as an edit of its line."""
        document = place.document
        reader = CompletionReader(place.spot)
        closed = True
        steps = complete(self._order(place), self._connection.desk)
        try:
            async with self._suggestions.alone(document.uri), aclosing(steps) as closing:
                async for step in closing:
                    if not isinstance(step, str):
                        yield step
                        continue
                    reader.feed(step)
                    if reader.has_enough:
                        break
        except CutOffError:
            closed = False
        reader.finish(closed=closed)
        text = polished(reader.text if closed else reader.whole_lines, place.spot)
        if not text:
            raise UserError("Claude had nothing to add there.")
        start = document.lines.starts[lines[0]] if lines[0] < lines[1] else len(document.text)
        line = "".join(document.lines.lines[lines[0] : lines[1]])
        column = place.offset - start
        new = line[:column] + _with_endings(document, text) + line[column:]
        yield Changed((LineEdit(0, lines[1] - lines[0], tuple(split_lines(new))),))

    def _accept(self, given: Arguments) -> dict[str, bool]:
        known = given.suggestion is not None and self._suggestions.accepted(given.suggestion)
        return {"known": known}

    def _toggle(self, given: Arguments) -> dict[str, str]:
        """Switch automatic completion on or off, for a language or for all, until the end."""
        before = self._trigger_for(given.language, None)
        after: Trigger = "manual" if before == "auto" else "auto"
        self._toggled[given.language] = after
        what = f" for {given.language}" if given.language else ""
        words = "as you type" if after == "auto" else "when you ask for it"
        sentence = f"kibitz completes{what} {words}."
        root = self._connection.session.root_of(None)
        if after == "auto" and not self._connection.preferences.is_trusted(project_root(root)):
            sentence += " This needs a trusted repository: run `kibitz trust` in it."
        self._connection.editor.tell(sentence)
        return {"trigger": after}

    # -- parts ---------------------------------------------------------------------------------

    def _place(
        self,
        params: types.InlineCompletionParams | types.CompletionParams,
        *,
        was_invoked: bool,
    ) -> _Place | None:
        document = self._connection.session.documents.get(params.text_document.uri)
        if document is None:
            return None
        offset = document.lines.offset(
            from_lsp.position(params.position), self._connection.session.client.encoding
        )
        spot = Spot.at(document.text, offset, document.language, was_invoked=was_invoked)
        return _Place(document, offset, spot)

    def _order(self, place: _Place) -> Order:
        session = self._connection.session
        return Order(
            "complete",
            self._connection.session.start_of(place.document.path),
            place.document,
            Span(place.offset, place.offset),
            overlays=session.documents.overlays(),
            folders=tuple(session.folders),
            is_automatic=not place.spot.was_invoked,
            recent_edits=self._recent.settled,
        )

    def _range(self, place: _Place, start: int) -> types.Range:
        return to_lsp.range(
            place.document.lines,
            Span(start, place.offset),
            self._connection.session.client.encoding,
        )

    def _was_asked_for(self, params: types.CompletionParams, place: _Place) -> bool:
        """Whether somebody has asked for the list, and not just typed a word."""
        context = params.context
        if context is not None and context.trigger_kind != types.CompletionTriggerKind.Invoked:
            return False
        if not _word_before(place.spot):
            return True
        changed_at = self._changed_at.get(place.document.uri)
        return changed_at is None or self._now() - changed_at >= QUIET_SECONDS

    def _trigger(self, document: Document) -> Trigger:
        return self._trigger_for(document.language, document.path)

    def _trigger_for(self, language: str, path: Path | None) -> Trigger:
        toggled = self._toggled.get(language, self._toggled.get(""))
        if toggled is not None:
            return toggled
        return self._connection.preferences.settings_of(path).completion.trigger_for(language)

    def _is_trusted(self, path: Path | None) -> bool:
        return self._connection.preferences.is_trusted(
            project_root(self._connection.session.root_of(path))
        )

    def _text_changed(self, event: DocumentChange) -> None:
        uri = event.after.uri
        self._changed_at[uri] = self._now()
        self._suggestions.typed(uri)
        self._recent.changed(event.before, event.after, event.changes)

    def _closed(self, uri: str) -> None:
        self._changed_at.pop(uri, None)
        self._suggestions.close(uri)
        self._recent.closed(uri)


def _word_before(spot: Spot) -> str:
    """The word that the cursor stands behind, "" for none."""
    found = _WORD_BEFORE.search(spot.line_before)
    return found.group() if found is not None else ""


def _with_endings(document: Document, text: str) -> str:
    return text.replace("\n", dominant_ending(document.lines.lines))


def _accepting(suggestion: Suggestion) -> types.Command:
    return types.Command(
        title="Accepted",
        command="kibitz.acceptCompletion",
        arguments=[{"suggestion": suggestion.id}],
    )
