"""What the policy is told and decides, within budgets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kibitz_context.caching import policy
from kibitz_context.caching.policy import Decision, Lease
from kibitz_context.gather import Focus
from kibitz_context.layers.changes import changes_budget
from kibitz_context.lines import Span
from kibitz_context.values import Layer
from support.asking_editor import (
    MAX_TOKENS,
    PRICES,
    REQUEST,
    Clock,
    Editor,
    plan,
    prefix_of,
)
from support.git_folder import GitFolder
from support.prefix_files import FILES


def test_the_policy_hears_what_is_the_case(
    editor: Editor, made: GitFolder, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    heard: list[policy.State] = []

    def decide(state: policy.State) -> Decision:
        heard.append(state)
        return Decision("keep" if state.prefix_known else "first", "1h", "5m", 2, "so")

    monkeypatch.setattr(policy, "decide", decide)
    editor.request = replace(REQUEST, rules_tokens=77, tokens_factor=2.0, ttl="1h", keep_warm=False)
    snapshot = editor.ask().snapshot
    editor.buffers = {made.root / "b.py": "three\n", made.root / "d/c.py": "four\n"}
    clock.now += 50
    editor.ask()
    editor.buffers = {made.root / "b.py": "five\n", made.root / "d/c.py": FILES["d/c.py"]}
    clock.now += 50
    editor.ask()
    editor.ask()
    first, second, third, fourth = heard
    assert (first.prefix_known, first.snapshot_lease, first.request_times) == (False, None, ())
    assert first.snapshot_tokens == 2 * snapshot.tokens
    assert first.changes_budget_tokens == 2 * changes_budget(MAX_TOKENS)
    assert (first.rules_tokens, first.prices, first.ttl, first.keep_warm) == (
        77,
        PRICES,
        "1h",
        False,
    )
    assert second.prefix_known
    assert second.request_times == (clock.now - 100,)
    assert second.snapshot_lease == Lease("1h", clock.now + 3_500)
    assert [each.sightings for each in second.tail] == [2, 2], "nobody has worked on them before"
    assert third.log_lease == Lease("5m", clock.now + 250)
    assert third.log_tokens > third.stale_log_tokens > 0
    assert [each.sightings for each in third.tail] == [1, 1]
    assert [each.sightings for each in fourth.tail] == [2, 2]
    assert all(state.rebuild is None for state in heard)


def test_a_newer_base_is_offered_when_its_snapshot_is_ready(
    editor: Editor, made: GitFolder, offers: list[policy.Rebuild | None]
) -> None:
    before = editor.ask()
    head = made.commit({"b.py": "b = 3\n"})
    made.write({"a.py": "a = 9\n"})
    assert plan(editor.ask()).step == "keep", "not prepared yet"
    editor.prepare()
    after = editor.ask()
    assert offers[:2] == [None, None]
    assert offers[2] is not None
    assert 0 < offers[2].changes_tokens < 100, "a.py alone"
    assert (plan(after).step, after.commit) == ("rebuild", head)
    assert after.commit != before.commit
    assert "b = 3" in after.snapshot.text
    assert "a = 9" in plan(after).changes_log[0], "it was seen before"
    assert not plan(after).snapshot_alive


def test_a_prompt_has_no_more_tokens_than_it_may(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    focus_text = "focus = 1\n" * 2_000
    left_out: dict[int, set[str]] = {}
    for most in (3_000, 12_000, 40_000):
        made.write({"b.py": "changed = 1\n" * 1_500, "a.py": "x = 1\n" * 900})
        editor.request = replace(
            REQUEST,
            model=f"m{most}",
            max_prompt_tokens=most,
            caller_tokens=500,
            rules_tokens=300,
            tokens_factor=1.25,
        )
        focus = Focus("z.py", focus_text, Span(9_000, 9_010))
        for _ in range(3):
            found = editor.ask(focus=focus)
            layers: tuple[Layer, ...] = (found.snapshot, found.changes, found.task)
            assert 800 + 1.25 * sum(layer.tokens for layer in layers) <= most
        told = {use.path for use in (*found.changes.files, *found.task.files)}
        left_out[most] = {omission.path for omission in found.omitted}
        assert told | left_out[most] >= {"a.py", "b.py", "z.py"}
    assert left_out[3_000] > left_out[12_000] >= left_out[40_000]


def test_the_snapshot_that_was_sent_is_never_trimmed(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    made.write({"b.py": "3\n"})
    for _ in range(3):
        before = editor.ask()
    editor.request = replace(REQUEST, max_prompt_tokens=10)
    after = editor.ask(focus=Focus("z.py", "z\n", Span(0, 2)))
    assert prefix_of(after) == prefix_of(before)
    assert after.task.text == ""
    assert {omission.path for omission in after.omitted} == {"z.py"}
