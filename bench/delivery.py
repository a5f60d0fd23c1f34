"""Streamed edits in the editor, beside rewriting the whole region on every newline.

The same reply goes through both: kibitz's reader, diff and delivery into a client that answers
each edit, and the naive way, which sends the region anew with each finished line.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from kibitz.delivery import Delivery, Undo
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.reader import ReplacementReader
from kibitz.edits.region import TextChange
from kibitz.profiles import PLAIN
from kibitz.session import ContentChange, Documents
from kibitz_context.document import Document

URI = "file:///bench.py"
REPEATS = 5
SIZES = (50, 500, 5000)
CHUNK_CHARACTERS = 12
CHANGED_SHARE = 0.1


class InstantEditor:
    """A client that applies each edit at once and tells of it before it answers."""

    def __init__(self, text: str) -> None:
        self.mirror = Documents()
        self.mirror.open(URI, None, "python", 1, text)
        self.version = 1
        self.edits = 0
        self.characters = 0

    def document(self, uri: str) -> Document | None:
        return self.mirror.get(uri)

    def send_edit(
        self,
        document: Document,
        changes: Sequence[TextChange],
        undo: Undo,  # noqa: ARG002
    ) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if changes:
            self.edits += 1
            self.characters += sum(len(change.text) for change in changes)
            table = document.lines
            told = [
                ContentChange(
                    change.text,
                    table.position(change.span.start, "utf-32"),
                    table.position(change.span.end, "utf-32"),
                )
                for change in reversed(changes)
            ]
            self.version += 1
            asyncio.get_running_loop().call_soon(
                lambda: self.mirror.change(URI, self.version, told, "utf-32")
            )
        asyncio.get_running_loop().call_soon(future.set_result, True)
        return future

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(seconds, callback).cancel


def example(line_count: int) -> tuple[list[str], list[str]]:
    """A region and its new text: one line in ten is changed, added or gone."""
    chance = random.Random(line_count)
    old = [f"    value_{number} = compute({number})\n" for number in range(line_count)]
    new: list[str] = []
    for line in old:
        roll = chance.random()
        if roll < CHANGED_SHARE / 3:
            new.append(line.replace("compute", "calculate"))
        elif roll < 2 * CHANGED_SHARE / 3:
            new += [line, "    check()\n"]
        elif roll > CHANGED_SHARE:
            new.append(line)
    return old, new


def chunks(text: str) -> list[str]:
    return [text[at : at + CHUNK_CHARACTERS] for at in range(0, len(text), CHUNK_CHARACTERS)]


async def with_kibitz(old: list[str], reply: str) -> tuple[float, InstantEditor, list[str]]:
    editor = InstantEditor("".join(old))
    profile = replace(PLAIN, edit_interval_seconds=0.0)
    delivery = Delivery(editor, profile, URI, 0, old)
    editor.mirror.follow(delivery.document_changed)
    reader, normalizer, diff = ReplacementReader(old), LineNormalizer(old), StreamingDiff(old)
    began = time.process_time()
    for chunk in chunks(reply):
        delivery.write(diff.push(normalizer.feed(reader.feed(chunk))))
        await asyncio.sleep(0)
    rest = reader.finish(closed=True)
    delivery.write(diff.push(normalizer.feed(rest) + normalizer.finish()) + diff.finish())
    await delivery.finish()
    seconds = time.process_time() - began
    document = editor.document(URI)
    assert document is not None
    return seconds, editor, document.lines.lines


async def naive(old: list[str], reply: str) -> tuple[float, InstantEditor, list[str]]:
    editor = InstantEditor("".join(old))
    text, count = "", len(old)
    body = reply.removeprefix("<replacement>\n").removesuffix("</replacement>")
    began = time.process_time()
    for chunk in chunks(body):
        text += chunk
        if "\n" not in chunk:
            continue
        document = editor.document(URI)
        assert document is not None
        whole = text[: text.rindex("\n") + 1]
        rest = "".join(old[whole.count("\n") :])
        span = document.whole
        await editor.send_edit(document, [TextChange(span, whole + rest)], "continue")
        await asyncio.sleep(0)
    document = editor.document(URI)
    assert document is not None
    await editor.send_edit(document, [TextChange(document.whole, text)], "end")
    await asyncio.sleep(0)
    seconds = time.process_time() - began
    document = editor.document(URI)
    assert document is not None
    assert count == len(old)
    return seconds, editor, document.lines.lines


def main() -> None:
    print("| lines | way | edits | characters sent per reply character | CPU ms | ratio |")
    print("|--:|---|--:|--:|--:|--:|")
    for size in SIZES:
        old, new = example(size)
        reply = "<replacement>\n" + "".join(new) + "</replacement>"
        times: dict[str, list[float]] = {"kibitz": [], "whole region per line": []}
        editors: dict[str, InstantEditor] = {}
        for _ in range(REPEATS if size < 5000 else 1):
            for way, run in (("kibitz", with_kibitz), ("whole region per line", naive)):
                seconds, editors[way], lines = asyncio.run(run(old, reply))
                assert lines == new, way
                times[way].append(seconds)
        base = median(times["whole region per line"])
        for way, measured in times.items():
            editor = editors[way]
            print(
                f"| {size} | {way} | {editor.edits} | {editor.characters / len(reply):.2f} | "
                f"{median(measured) * 1000:.1f} | {median(measured) / base:.3f} |"
            )


if __name__ == "__main__":
    main()
