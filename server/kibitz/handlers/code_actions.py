"""Code actions: the menu, answered from the text at hand without asking Claude.

Every action is a command with one argument object; nothing is resolved later.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from kibitz.actions.catalog import QUICKFIX_KIND, REFACTOR_KIND, SEND, Offer, offers
from kibitz.actions.prompt_files import PromptFile
from kibitz.dismissals import INTENDED, WRONG
from kibitz.handlers import conversations, cursors
from kibitz.handlers.connection import Connection
from kibitz.handlers.orders import identity
from kibitz.handlers.preferences import project_root
from kibitz.handlers.written_edits import hunk_count
from kibitz.protocol import from_lsp, to_lsp
from kibitz.session import touches
from kibitz_context.document import Document
from kibitz_context.lines import Span

MAX_DIAGNOSTICS = 10


Menu = list[types.CodeAction | types.Command]


def answer(
    connection: Connection, params: types.CodeActionParams
) -> Menu | Coroutine[Any, Any, Menu]:
    """The menu; that somebody opens it is the sign to load the SDK ahead of the first request."""
    document = connection.session.documents.get(params.text_document.uri)
    connection.warm_up()
    prompts = (
        connection.preferences.known_prompt_files(document.path) if document is not None else ()
    )
    if document is None or prompts is not None:
        return code_actions(connection, params, prompts or ())
    return _after_reading_prompts(connection, params, document.path)


async def _after_reading_prompts(
    connection: Connection, params: types.CodeActionParams, path: Path | None
) -> Menu:
    prompts = await asyncio.to_thread(connection.preferences.prompt_files, path)
    return code_actions(connection, params, prompts)


def code_actions(
    connection: Connection,
    params: types.CodeActionParams,
    prompt_files: Sequence[PromptFile] = (),
) -> Menu:
    """What can be done at a place; empty for a document that is not open."""
    uri = params.text_document.uri
    document = connection.session.documents.get(uri)
    if document is None:
        return []
    encoding = connection.session.client.encoding
    selected = from_lsp.span(document.lines, params.range, encoding)
    span = cursors.meant(document, selected, connection.session.client.profile.cursor)
    first_line, last_line = params.range.start.line, params.range.end.line
    actions = [
        *_of_running_edits(connection, uri),
        *_of_written_edits(connection, uri, first_line, last_line),
        *_of_findings(connection, document, first_line, last_line, params.context.diagnostics),
    ]
    others = [item for item in params.context.diagnostics if item.source != to_lsp.SOURCE]
    offered = (
        [SEND] * (conversations.has_question(document) and not actions)
        if conversations.is_conversation(document)
        else offers(
            document,
            span,
            asks_for_text=connection.session.client.plugin_edits,
            diagnostics=[_described(item) for item in others[:MAX_DIAGNOSTICS]],
            prompt_files=prompt_files,
            in_repository=_is_in_repository(document.path),
        )
    )
    for offer in offered:
        client = connection.session.client
        if (offer.edits or offer.in_files) and not client.apply_edit:
            continue
        if offer.in_files and not client.versioned_edits:
            continue
        action = _of_offer(connection, document, offer)
        if offer.kind == QUICKFIX_KIND:
            action.diagnostics = others
        actions.append(action)
    actions += _of_completion(connection, document, span)
    wanted = params.context.only
    if wanted:
        actions = [action for action in actions if _is_wanted(action, wanted)]
    elif connection.session.client.profile.hides_source_actions:
        for action in actions:
            action.kind = None if (action.kind or "").startswith("source.") else action.kind
    return list(actions)


def _is_in_repository(path: Path | None) -> bool:
    """Whether there seem to be changes to tell: looks at a few names on the disk."""
    return path is not None and os.path.lexists(project_root(path.parent) / ".git")


def _described(diagnostic: types.Diagnostic) -> str:
    """A diagnostic of any server in one paragraph, with its related information."""
    code = f" [{diagnostic.code}]" if diagnostic.code is not None else ""
    source = f"{diagnostic.source}: " if diagnostic.source else ""
    message = diagnostic.message
    lines = [f"line {diagnostic.range.start.line + 1}: {source}{message}{code}"]
    lines += [
        f"  see line {related.location.range.start.line + 1} of "
        f"{related.location.uri.rpartition('/')[2]}: {related.message}"
        for related in (diagnostic.related_information or [])[:5]
    ]
    return "\n".join(lines)


def _action(
    title: str, kind: str, command: str, argument: dict[str, Any], *, preferred: bool = False
) -> types.CodeAction:
    return types.CodeAction(
        title=title,
        kind=kind,
        command=types.Command(title=title, command=command, arguments=[argument]),
        is_preferred=True if preferred else None,
    )


def _of_completion(
    connection: Connection, document: Document, span: Span
) -> list[types.CodeAction]:
    """Completion at the cursor, where the editor can show none in the text.

    Some editors take only the first word of what a list of names offers.
    """
    client = connection.session.client
    if client.inline_completion or not client.apply_edit:
        return []
    if not span.is_empty or not document.text.strip():
        return []
    at = to_lsp.plain_range(to_lsp.range(document.lines, span, client.encoding))
    argument = {"uri": document.uri, "range": at, "version": document.version}
    return [_action("Complete here", REFACTOR_KIND, "kibitz.complete", argument)]


def _of_offer(connection: Connection, document: Document, offer: Offer) -> types.CodeAction:
    argument: dict[str, Any] = {"uri": document.uri, "version": document.version}
    if offer.whole_lines is not None:
        start, end = offer.whole_lines
        encoding = connection.session.client.encoding
        argument["range"] = to_lsp.plain_range(
            to_lsp.range_of_lines(document.lines, start, end, encoding)
        )
    argument.update(offer.arguments)
    return _action(offer.title, offer.kind, offer.command, argument)


def _of_running_edits(connection: Connection, uri: str) -> list[types.CodeAction]:
    return [
        _action(f"Stop: {job.title}", QUICKFIX_KIND, "kibitz.stop", {"job": job.id})
        for job in connection.session.jobs.running()
        if job.uri == uri
    ]


def _of_written_edits(
    connection: Connection, uri: str, first_line: int, last_line: int
) -> list[types.CodeAction]:
    """Keep and Revert where a finished edit was made: the hunk at the cursor, then the whole.

    Before those what Claude would have where the user has changed the lines.
    """
    actions: list[types.CodeAction] = []
    for edit in connection.session.written.values():
        if edit.uri != uri:
            continue
        for number, offer in enumerate(edit.offers):
            if offer.first <= last_line and first_line <= max(offer.stop - 1, offer.first):
                argument = {"uri": uri, "job": edit.job_id, "offer": number}
                actions += [
                    _action(title, QUICKFIX_KIND, command, argument)
                    for title, command in (
                        ("Apply Claude's version", "kibitz.applyOffer"),
                        ("Keep mine", "kibitz.keep"),
                    )
                ]
        hunks = edit.ledger.hunks
        there = [
            number
            for number, hunk in enumerate(hunks)
            if hunk.first <= last_line and first_line <= max(hunk.stop - 1, hunk.first)
        ]
        if not there:
            continue
        if hunk_count(connection, edit.job_id) > 1:
            for number in there:
                argument = {"uri": uri, "job": edit.job_id, "hunk": number}
                actions += [
                    _action("Keep this change", QUICKFIX_KIND, "kibitz.keep", argument),
                    _action("Revert this change", QUICKFIX_KIND, "kibitz.revert", argument),
                ]
        whole = {"job": edit.job_id}
        actions += [
            _action(f"Keep: {edit.title}", QUICKFIX_KIND, "kibitz.keep", whole),
            _action(f"Revert: {edit.title}", QUICKFIX_KIND, "kibitz.revert", whole),
        ]
    return actions


def _of_findings(
    connection: Connection,
    document: Document,
    first_line: int,
    last_line: int,
    diagnostics: Sequence[types.Diagnostic],
) -> list[types.CodeAction]:
    actions: list[types.CodeAction] = []
    ours = [item for item in diagnostics if item.source == to_lsp.SOURCE]
    for kept in connection.session.shelf.findings.get(document.uri, []):
        if not touches(kept, first_line, last_line):
            continue
        finding = kept.value
        argument = {"uri": document.uri, "finding": identity(kept, document.lines.lines)}
        mine = [item for item in ours if item.range.start.line == kept.start]
        found: list[types.CodeAction] = []
        if finding.suggestion and connection.session.client.apply_edit:
            found.append(
                _action(
                    f"Apply: {finding.title}",
                    QUICKFIX_KIND,
                    "kibitz.applyFinding",
                    argument,
                    preferred=True,
                )
            )
        lines = to_lsp.plain_range(
            to_lsp.range_of_lines(
                document.lines, kept.start, kept.end, connection.session.client.encoding
            )
        )
        # An empty range: the definition around it is meant.
        at = lines["start"]
        explain: dict[str, Any] = {
            "uri": document.uri,
            "range": lines,
            "instruction": f"Explain this finding: {finding.title}. {finding.message}",
        }
        found += [
            _action(f"Explain: {finding.title}", QUICKFIX_KIND, "kibitz.explain", explain),
            *(
                _action(
                    f"{title}: {finding.title}",
                    QUICKFIX_KIND,
                    "kibitz.dismissFinding",
                    {**argument, "reason": reason},
                )
                for title, reason in (("Dismiss", WRONG), ("Dismiss as intended", INTENDED))
            ),
            _action(
                f"Review again: {finding.title}",
                QUICKFIX_KIND,
                "kibitz.review",
                {
                    "uri": document.uri,
                    "version": document.version,
                    "range": {"start": at, "end": at},
                },
            ),
        ]
        for action in found:
            action.diagnostics = mine or None
        actions += found
    return actions


def _is_wanted(action: types.CodeAction, wanted: Sequence[str]) -> bool:
    """Whether the action is of one of the kinds asked for, or of a kind below one."""
    kind = str(action.kind or "")
    for asked in wanted:
        name = str(asked.value) if isinstance(asked, types.CodeActionKind) else str(asked)
        if not name or kind == name or kind.startswith(f"{name}."):
            return True
    return False
