"""The task layer: what one request needs beyond the snapshot and the changes.

The text that was asked about, as far as nothing else shows it, and excerpts of other files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz_context import markup
from kibitz_context.gate.baseline import Sources
from kibitz_context.indexing import history
from kibitz_context.indexing.index import index_of
from kibitz_context.lines import Span
from kibitz_context.ranking import related
from kibitz_context.ranking.related import Known, Parse
from kibitz_context.texts.outline import definitions
from kibitz_context.texts.symbols import symbols
from kibitz_context.tokens import characters, estimate
from kibitz_context.values import Allowed, FileForm, FileUse, Focus, Layer, Omission

# Shares of the snapshot's tokens, which are the measure of what a request may be.
FOCUS_SHARE = 0.5
RELATED_SHARE = 0.1
# Where the snapshot is small or switched off (0 tokens), work at hand is still shown.
LEAST_FOCUS_TOKENS = 16_000
LEAST_RELATED_TOKENS = 2_000

OVER_BUDGET = "there was no room left for it in the prompt"


@dataclass(frozen=True)
class Seen:
    """What Claude sees already.

    `snapshot` are the files that the snapshot or the changes layer show whole as they were,
    `outlined` those of which the snapshot shows what they define; `changes` is how the changes
    layer shows those that it speaks of as they are; `texts` are the current texts of all files that
    differ.
    """

    snapshot: frozenset[str]
    changes: Mapping[str, FileForm]
    texts: Mapping[str, str | None]
    outlined: frozenset[str] = frozenset()

    def whole(self) -> frozenset[str]:
        """The files whose current text stands in one piece somewhere."""
        unchanged = (path for path in self.snapshot if path not in self.texts)
        return frozenset(
            (*unchanged, *(path for path, form in self.changes.items() if form == "full"))
        )

    def shows(self, path: str) -> bool:
        """Whether the current text of `path` can be read from the snapshot and the changes."""
        if path not in self.texts:
            return path in self.snapshot
        form = self.changes.get(path)
        return form == "full" or (form == "excerpt" and path in self.snapshot)


def build(
    sources: Sources,
    seen: Seen,
    focus: Focus | None,
    question: str,
    max_tokens: int,
    *,
    index_folder: Path | None = None,
    room_tokens: int | None = None,
    parse: Parse = symbols,
) -> tuple[Layer, tuple[Omission, ...]]:
    """The layer, and what had no room in it.

    `max_tokens` is what the snapshot may be, `room_tokens` what is left of the whole prompt,
    None: as much as is wanted.  `index_folder` is the cache folder where the base is indexed,
    None where it is not; `parse` reads texts that are not in the index.
    """
    room = characters(room_tokens) if room_tokens is not None else None
    blocks: list[str] = []
    uses: list[FileUse] = []
    omitted: list[Omission] = []
    words = related.words_in_prose(question)
    selected: Focus | None = None
    if focus is not None:
        answer = sources.gate.admit(focus.path, focus.text)
        if isinstance(answer, Allowed):
            selected = replace(focus, text=answer.text)
            if not focus.alone and not seen.shows(focus.path):
                wanted = characters(max(LEAST_FOCUS_TOKENS, int(max_tokens * FOCUS_SHARE)))
                shown = _focus_blocks(focus, answer.text, _least(wanted, room))
                if room is not None:
                    room -= sum(len(block) for block, _ in shown)
                    if not shown and not focus.in_task:
                        omitted.append(Omission(focus.path, OVER_BUDGET))
                blocks += [block for block, _ in shown]
                uses += _one_use([use for _, use in shown])
            defined = {found.name for found in definitions(answer.text.split("\n"))}
            region = _around(answer.text, focus.span, characters(LEAST_RELATED_TOKENS))
            words += [name for name in related.names_in_code(region) if name not in defined]
    nearby = related.excerpts(
        list(dict.fromkeys(words)),
        sources,
        current=seen.texts,
        seen=seen.whole() | ({focus.path} if focus is not None else frozenset()),
        near=focus.path if focus is not None else "",
        max_characters=_least(
            characters(max(LEAST_RELATED_TOKENS, int(max_tokens * RELATED_SHARE))), room
        ),
        known=_known(sources, index_folder, selected, question, parse),
        outlined=seen.outlined,
    )
    blocks += nearby.blocks
    uses += nearby.files
    return markup.layer("task", markup.section("task-context", blocks), uses), tuple(omitted)


def _known(
    sources: Sources, index_folder: Path | None, focus: Focus | None, question: str, parse: Parse
) -> Known | None:
    commit = sources.base.commit
    if index_folder is None or commit is None:
        return None
    return Known(
        index_of(sources.repository, index_folder),
        history.history(sources.repository, commit, index_folder / history.FILE_NAME),
        focus,
        question,
        parse,
    )


def _least(wanted: int, room: int | None) -> int:
    # The tags round the layer are a few characters more.
    return wanted if room is None else max(0, min(wanted, room - 100))


def _one_use(uses: list[FileUse]) -> list[FileUse]:
    """Parts of one file count as one use of it."""
    if len(uses) < 2:
        return uses
    return [FileUse(uses[0].path, sum(use.tokens for use in uses), "excerpt", 1.0)]


def _focus_blocks(focus: Focus, text: str, max_characters: int) -> list[tuple[str, FileUse]]:
    """The text of the focus, whole or the part round its span.

    Lines that the caller's own task shows are left out: what stands above and below them is
    shown instead.
    """
    span = focus.span
    if not focus.in_task:
        part = _around(text, span, max_characters)
        form: FileForm = "full" if len(part) == len(text) else "excerpt"
        tag = "file" if form == "full" else "excerpt"
        return [_block(focus.path, tag, part, form)] if max_characters > 0 else []
    start = text.rfind("\n", 0, max(0, min(span.start, len(text)))) + 1
    end = text.find("\n", max(start, min(span.end, len(text)) - 1)) + 1 or len(text)
    room = max_characters - (end - start)
    if len(text) <= max_characters:
        pieces = ((0, text[:start]), (end, text[end:]))
    else:
        above = _tail_lines(text[:start], room // 2)
        below = _head_lines(text[end:], room - len(above))
        pieces = ((start - len(above), above), (end, below))
    return [
        _block(
            focus.path,
            "excerpt",
            f"lines {text.count(chr(10), 0, offset) + 1}-"
            f"{text.count(chr(10), 0, offset) + _n_lines(piece)}:\n{piece}",
            "excerpt",
        )
        for offset, piece in pieces
        if piece.strip()
    ]


def _block(path: str, tag: str, text: str, form: FileForm) -> tuple[str, FileUse]:
    block = markup.block(tag, markup.with_line_feeds(text), path=path)
    return block, FileUse(path, estimate(block), form, 1.0)


def _n_lines(piece: str) -> int:
    return piece.count("\n") + (not piece.endswith("\n"))


def _tail_lines(text: str, max_characters: int) -> str:
    """The last whole lines of `text` that fit."""
    if len(text) <= max_characters:
        return text
    part = text[len(text) - max_characters :] if max_characters > 0 else ""
    return part[part.find("\n") + 1 :] if "\n" in part else ""


def _head_lines(text: str, max_characters: int) -> str:
    """The first whole lines of `text` that fit."""
    if len(text) <= max_characters:
        return text
    return text[: text.rfind("\n", 0, max(0, max_characters)) + 1]


def _around(text: str, span: Span, max_characters: int) -> str:
    """The lines of `text` round `span`, as many as fit; of a longer span its beginning.

    Lines that are cut off at either end are left out, if there are others.
    """
    if len(text) <= max_characters:
        return text
    start = max(0, min(span.start, len(text)))
    length = max(0, min(span.end - start, max_characters))
    begin = max(0, min(start - (max_characters - length) // 2, len(text) - max_characters))
    part = text[begin : begin + max_characters]
    first_break = part.find("\n") + 1
    if begin > 0 and 0 < first_break <= start - begin:
        part = part[first_break:]
    if begin + max_characters < len(text) and "\n" in part:
        part = part[: part.rindex("\n") + 1]
    return part
