"""CPU of a refactoring from the wire to the editor, beside a bare `create(stream=True)` loop.

The bare side gathers the reply and sends one edit; kibitz reads, compares and sends verified
edits while the reply arrives.  The stand-in sends the reply far faster than Claude writes, so there
is no interval between edits here: each hunk is one, and with our plugin each new line, which is
half as many again as at Claude's pace (116 instead of 74).  Each edit comes back before the next
delta is read.
"""

from __future__ import annotations

import _pydecimal
import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import tables
from bench.edits import change_some
from bench.overhead import BARE, OURS, Side
from kibitz.standin import Reply, StandIn
from kibitz_context.lines import split_lines

LINES = 500
CHARACTERS_PER_DELTA = 9  # two thousand deltas
RUNS = 9
WARMING_UP = 2

#: Both sides encode what they send for the editor as the protocol has it.
ENCODING = """
from bench.edits import change_some
from kibitz_context.lines import split_lines
import _pydecimal
old = split_lines(open(_pydecimal.__file__, encoding="utf-8").read())[:LINES]
"""

ONE_EDIT = """
async def edited():
    texts = []
    events = await client.messages.create(
        **PROMPT, stream=True,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Go on."}]}],
        thinking={"type": "between_tools"}, output_config={"effort": "medium"},
    )
    async for event in events:
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            texts.append(event.delta.text)
            yield True
    end = {"line": len(old), "character": 0}
    place = {"start": {"line": 0, "character": 0}, "end": end}
    edit = {"range": place, "newText": "".join(texts)}
    document = {"uri": "file:///a", "version": 1}
    json.dumps({"documentChanges": [{"textDocument": document, "edits": [edit]}]})
asyncio.run(main(edited))
"""

STREAMED = """
from bench.delivery_ways import InstantEditor
from kibitz.delivery import Delivery
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.reader import ReplacementReader
from kibitz.profiles import PLAIN, with_plugin
from dataclasses import replace
profile = with_plugin(PLAIN) if sys.argv[2] == "plugin" else PLAIN
profile = replace(profile, shortest_interval_seconds=0, longest_interval_seconds=0)
async def edited():
    editor = InstantEditor("".join(old))
    delivery = Delivery(editor, profile, "file:///bench.py", 0, old)
    editor.mirror.follow(delivery.document_changed)
    reader, normalizer, diff = ReplacementReader(old), LineNormalizer(old), StreamingDiff(old)
    async for event in continued(claude, prompt, Purpose("refactor", "/bench")):
        if isinstance(event, TextDelta):
            if lines := normalizer.feed(reader.feed(event.text)):
                was_in_hunk = diff.in_hunk
                edits = diff.push(lines)
                if edits or was_in_hunk != diff.in_hunk:
                    delivery.write(edits, in_hunk=diff.in_hunk)
                    await editor.caught_up()
            yield True
    rest = reader.finish(closed=True)
    delivery.write(diff.push(normalizer.feed(rest) + normalizer.finish()) + diff.finish())
    await delivery.finish()
    assert editor.edits >= LINES / 10, editor.edits
asyncio.run(main(edited))
"""


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench delivery_cpu")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args(list(arguments))
    program = split_lines(Path(_pydecimal.__file__).read_text(encoding="utf-8"))
    new = "".join(change_some(program[:LINES]))
    reply = f"<replacement>\n{new}</replacement>"
    size = CHARACTERS_PER_DELTA
    deltas = [reply[at : at + size] for at in range(0, len(reply), size)]
    common = f"LINES = {LINES}\n{ENCODING}"
    bare = BARE.rpartition("async def stream")[0]
    ours = OURS.rpartition("async def stream")[0]
    programs = {
        "bare SDK, one edit": (common + bare + ONE_EDIT, ""),
        "kibitz, plain client": (common + ours + STREAMED, "plain"),
        "kibitz, our plugin": (common + ours + STREAMED, "plugin"),
    }
    figures: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder, StandIn.in_thread() as standin:
        standin.when("", Reply(deltas))
        with contextlib.ExitStack() as stack:
            sides = {
                name: stack.enter_context(
                    contextlib.closing(Side(text, Path(folder), standin, client))
                )
                for name, (text, client) in programs.items()
            }
            for run in range(WARMING_UP + RUNS):
                for name, side in sides.items():
                    _, cpu = side.ask()
                    if run >= WARMING_UP:
                        figures[name].append(cpu * 1000)
    base = median(figures["bare SDK, one edit"])
    rows = [
        (
            name,
            f"{median(each):.1f} ({min(each):.1f}-{max(each):.1f})",
            f"{median(each) / base:.2f}",
        )
        for name, each in figures.items()
    ]
    text = (
        f"A region of {LINES} lines in {len(deltas):,} deltas, from the wire to the editor; "
        f"{RUNS} requests each, in turn. There is no interval between edits: with our plugin each "
        "new line is one, half as many again as at Claude's pace.\n\n"
        + tables.table(("", "CPU per 1,000 deltas, ms, median (min-max)", "ratio"), rows)
    )
    print(text)
    if options.write:
        tables.write("streamed-edits-cpu", text)


if __name__ == "__main__":
    main()
