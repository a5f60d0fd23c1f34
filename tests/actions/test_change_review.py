"""Orders for changes: large files in parts that hold every changed line once."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kibitz.actions.change_review import PART_CHARACTERS, orders_for, parts_of
from kibitz_context.layers.change_set import ChangedFile, ChangeSet, changed_lines
from kibitz_context.layers.diffs import unified_diff
from kibitz_context.values import Allowed


@given(st.data())
def test_parts_are_apart_and_hold_every_changed_line(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 120))
    width = data.draw(st.sampled_from([10, 2_000, 50_000]))
    lines = [
        f"def f{number}():\n" if number % 7 == 0 else f"    x = {'1' * width}\n"
        for number in range(count)
    ]
    cuts = sorted(data.draw(st.sets(st.integers(0, count), max_size=12)))
    changed = list(zip(cuts[::2], cuts[1::2], strict=False))
    parts = list(parts_of(lines, changed))
    held = [line for first, end in parts for line in range(first, end)]
    assert held == sorted(set(held)), "in order, each line once"
    assert {line for start, end in changed for line in range(start, end)} <= set(held)
    assert all(
        sum(map(len, lines[first:end])) <= 2 * PART_CHARACTERS or end - first == 1
        for first, end in parts
    )


def test_a_large_file_is_reviewed_by_the_definitions_that_were_changed() -> None:
    functions = [f"def f{n}():\n" + f"    return {'1' * 50}\n" * 100 for n in range(40)]
    old = "\n".join(functions)
    functions[3] = functions[3].replace("return", "yield", 1)
    functions[30] = functions[30].replace("return", "yield", 1)
    new = "\n".join(functions)
    file = ChangedFile("a.py", Allowed(new), changed_lines(old, new), unified_diff(old, new))
    first, second = orders_for(ChangeSet((file,), ()), Path("/r"))
    for order, name in ((first, "def f3()"), (second, "def f30()")):
        assert order.document is not None
        assert order.span is not None
        assert order.hunks is not None
        assert order.document.text == new
        assert new[order.span.start : order.span.end].startswith(name)
        assert order.hunks.diff.count("@@ -") == 1
        ((start, end),) = order.hunks.lines
        assert new.splitlines()[start:end] == [f"    yield {'1' * 50}"]
