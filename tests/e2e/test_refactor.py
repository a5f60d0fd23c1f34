"""Refactor: the buffer changes while the reply streams, and ends as the reply or as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kibitz.profiles import PLAIN
from kibitz.standin import Fault, Reply
from support.workshop import EXAMPLE, cursor, lines, open_workshop

TOTAL = lines(6, 10)
NEW_TOTAL = '''\
def total(prices):
    """The sum of all prices."""
    return sum(prices)
'''
AFTER = EXAMPLE.replace(
    """\
def total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result
""",
    NEW_TOTAL,
)
REPLY = f"<replacement>\n{NEW_TOTAL}</replacement>"

SERVED = ["eglot", "helix", "honest", "kakoune", "neovim", "vscode", "zed"]


@pytest.mark.parametrize("profile", SERVED)
async def test_the_buffer_gets_the_reply_in_every_client(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(REPLY, chunk_size=5))
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == AFTER
        assert "change" in message
        assert shop.client.messages() == []
        body = shop.standin.journal.last.request.body
        assert body["stop_sequences"] == ["</replacement>"]
        assert (
            "<instruction>\nUse sum\n</instruction>" in body["messages"][-1]["content"][-1]["text"]
        )


async def test_a_lying_client_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = dataclasses.replace(PLAIN, echo_seconds=0.05)
    monkeypatch.setattr("kibitz.handlers.lifecycle.profile_for", lambda _: hasty)
    async with open_workshop(tmp_path, monkeypatch, profile="lying") as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()

        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == EXAMPLE
        (message,) = shop.client.messages()
        assert "the text did not change" in message


async def test_the_first_lines_stand_before_the_reply_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        new = "# one\nRATE = 0.2\nSHARE = 0.5\n"
        shop.standin.enqueue(Reply(f"<replacement>\n{new}</replacement>").hold_at("RATE = 0.2\n"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=lines(3, 3), instruction="Comment")
        await shop.standin.reached()

        await shop.client.wait_until(lambda: "# one" in text.text, "the first edit")
        actions = await shop.client.code_actions(text, cursor(3))
        shop.standin.release()
        await shop.client.progress_end(job)

        assert any(action["title"].startswith("Stop: ") for action in actions)
        assert text.text == EXAMPLE.replace("RATE = 0.2\n", new)


async def test_keep_and_revert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY), Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        shop.client.type(text, 0, "# typed after\n")
        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        actions = await shop.client.code_actions(text, cursor(8))
        revert = next(action for action in actions if action["title"].startswith("Revert: "))

        answer = await shop.client.execute(
            revert["command"]["command"], *revert["command"]["arguments"]
        )
        await shop.client.progress_end(answer["job"])

        assert text.text == "# typed after\n" + EXAMPLE
        assert {lens["command"]["title"] for lens in lenses} == {"Keep", "Revert"}
        # A plugin marks what was changed by what the lens says of it.
        hunks = [lens["data"] for lens in lenses if lens["command"]["title"] == "Keep"]
        assert [line for hunk in hunks for line in hunk["removed"]] == [
            "    result = 0",
            "    for price in prices:",
            "        result = result + price",
            "    return result",
        ]
        assert [hunk["lines"][0] for hunk in hunks] == [
            lens["range"]["start"]["line"] for lens in lenses[::2]
        ]

        await shop.do("kibitz.refactor", text, range=lines(7, 11), instruction="Use sum")
        assert (await shop.client.execute("kibitz.keep", {"uri": text.uri}))["kept"] > 0
        left = await shop.client.code_actions(text, cursor(8))
        assert not [action for action in left if "Revert" in action["title"]]
        assert text.text == "# typed after\n" + AFTER


async def test_what_the_user_changed_is_not_reverted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        shop.client.type(text, text.text.index("sum(prices)"), "round(")

        await shop.do("kibitz.revert", text)

        assert "round(sum(prices)" in text.text
        (message,) = shop.client.messages()
        assert "not reverted" in message


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("I would rather not."), "Claude did not change the code: I would rather not."),
        (Reply(REPLY, stop_reason="refusal"), ""),
        (Reply("<replacement>\ndef total(prices):\n    x = 1\n", stop_reason="max_tokens"), ""),
        (Reply("<replacement>\ndef total(prices):\n    x = 1\n"), "cannot be used"),
        (Reply(REPLY, faults=[Fault.drop("sum")]), ""),
        (Reply(REPLY, faults=[Fault.early_end("sum")]), ""),
        (Reply(""), "empty"),
    ],
)
async def test_an_incomplete_reply_leaves_the_text_as_it_was(
    reply: Reply, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reply)
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == EXAMPLE
        assert "Failed" in message
        (sentence,) = shop.client.messages()
        assert told in sentence
        assert not [
            a for a in await shop.client.code_actions(text, cursor(8)) if "Revert" in a["title"]
        ]


async def test_where_the_user_types_in_the_region_claudes_version_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"), Reply(REPLY))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, text.text.index("    return result"), "    # wait\n")
        typed = text.text
        shop.standin.release()
        end = await shop.client.progress_end(job)

        assert text.text == typed
        assert "1 offered where you were typing" in end["message"]
        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        assert {lens["command"]["title"] for lens in lenses} == {
            "Apply Claude's version",
            "Keep mine",
        }
        offered = {
            action["title"]: action["command"]
            for action in await shop.client.code_actions(text, cursor(8))
        }
        apply = offered["Apply Claude's version"]
        answer = await shop.client.execute(apply["command"], *apply["arguments"])
        await shop.client.progress_end(answer["job"])
        assert text.text == AFTER

        await shop.do("kibitz.revert", text)
        assert text.text == typed
        assert shop.client.messages() == []


async def test_an_offer_that_the_user_does_not_want_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, text.text.index("    return result"), "    # wait\n")
        shop.standin.release()
        await shop.client.progress_end(job)

        answer = await shop.client.execute("kibitz.keep", {"job": job, "offer": 0})

        assert answer["kept"] == 1
        titles = [action["title"] for action in await shop.client.code_actions(text, cursor(8))]
        assert not {"Apply Claude's version", "Keep mine"} & set(titles)


async def test_the_lenses_of_an_edit_that_the_user_undoes_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        shop.client.type(text, 0, EXAMPLE, removing=len(text.text))

        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        assert lenses == []


@pytest.mark.parametrize("how", ["pasting", "undo", "close"])
async def test_a_conflict_closes_the_connection_at_once(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = REPLY.replace(NEW_TOTAL, f"# total\n{NEW_TOTAL}    # and no more of it")
        shop.standin.enqueue(Reply(reply).hold_at("# and no more"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "# total" in text.text, "the first edit")

        if how == "pasting":
            start, stop = text.text.index("def total"), text.text.index("return result")
            shop.client.type(text, start, "pass  # ", removing=stop - start)
        elif how == "undo":
            shop.client.type(text, 0, EXAMPLE, removing=len(text.text))
        else:
            shop.client.close_text(text)
        await shop.standin.journal.wait_for_disconnect()
        end = await shop.client.progress_end(job)

        assert end["message"].startswith("Stopped: ")
        assert len(shop.client.messages()) == (0 if how == "close" else 1)
        if how != "close":
            (sentence,) = shop.client.messages()
            offered = {action["title"] for action in await shop.client.code_actions(text, TOTAL)}
            can_be_reverted = how == "pasting"
            assert ("can be reverted" in sentence) is can_be_reverted
            assert any(title.startswith("Revert: ") for title in offered) is can_be_reverted


async def test_edits_over_each_other_are_taken_back_from_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            Reply("<replacement>\nRATE = 1\n</replacement>"),
            Reply("<replacement>\nRATE = 2\n</replacement>"),
        )
        text = await shop.open()
        for _ in range(2):
            await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Raise it")
        assert "RATE = 2" in text.text

        await shop.do("kibitz.revert", text)

        assert text.text == EXAMPLE
        assert shop.client.messages() == []


async def test_typing_that_neovim_has_not_told_yet_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        # In the buffer at once, and in a `didChange` only a little later.
        text.replace(0, 0, "# above\n")
        shop.standin.release()
        await shop.client.wait_until(
            lambda: shop.client.notifications("workspace/applyEdit"), "the edit of the old text"
        )
        shop.client.before_sending()
        await shop.client.progress_end(job)

        assert text.text == "# above\n" + AFTER


async def test_typing_elsewhere_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, 0, "# above\n")
        shop.client.type(text, len(text.text), "# below\n")
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == "# above\n" + AFTER + "# below\n"


async def test_the_comment_above_the_code_is_the_instruction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        marked = EXAMPLE.replace("def total", "# kibitz: use sum\ndef total")
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open(text=marked)

        await shop.do("kibitz.refactor", text, range=cursor(8))

        assert text.text == AFTER
        task = shop.standin.journal.last.request.last_user_text
        assert "<instruction>\nuse sum\n" in task


async def test_without_an_instruction_the_user_is_given_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        shop.client.pick = 0

        await shop.do("kibitz.refactor", text, range=TOTAL)
        assert text.text == AFTER
        assert "simpler" in shop.standin.journal.last.request.last_user_text

        shop.client.pick = None
        assert "Nothing chosen" in await shop.do("kibitz.refactor", text, range=TOTAL)


async def test_two_edits_of_one_range_the_newer_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply("<replacement>\nnever\n").hold_at("never"), Reply(REPLY))
        text = await shop.open()
        first = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="One")
        await shop.standin.reached()
        second = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Two")

        ends = [await shop.client.progress_end(job) for job in (first, second)]

        assert "a newer request took its place" in ends[0]["message"]
        assert text.text == AFTER


async def test_a_reply_equal_to_the_text_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        same = "".join(EXAMPLE.splitlines(keepends=True)[5:10])
        shop.standin.enqueue(Reply(f"<replacement>\n{same}</replacement>"))
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Nothing")

        assert "Nothing to change" in message
        assert (text.text, text.version) == (EXAMPLE, 1)


async def test_lines_around_the_region_that_the_reply_repeats_are_not_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        body = "    return sum(prices)\n"
        shop.standin.enqueue(
            Reply(f"<replacement>\ndef total(prices):\n{body}</replacement>", chunk_size=5)
        )
        text = await shop.open()

        await shop.do("kibitz.refactor", text, range=lines(7, 10), instruction="Use sum")

        assert text.text.count("def total(prices):") == 1
        assert f"def total(prices):\n{body}\n\ndef with_tax" in text.text


MANY = "".join(f"value_{number} = {number}\n" for number in range(12))
MANY_NEW = MANY.replace("value_1 =", "first =").replace("value_11 =", "last =")


async def test_a_stream_that_breaks_after_its_first_edits_takes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = Reply(f"<replacement>\n{MANY_NEW}</replacement>", faults=[Fault.cut("value_9")])
        shop.standin.enqueue(reply.hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == MANY
        (sentence,) = shop.client.messages()
        assert sentence
        actions = await shop.client.code_actions(text, cursor(2))
        assert not [action for action in actions if "Revert" in action["title"]]


async def test_what_stands_when_the_user_stops_can_be_reverted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = Reply(f"<replacement>\n{MANY_NEW}</replacement>").hold_at("value_8")
        shop.standin.enqueue(reply)
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        stop = next(
            action
            for action in await shop.client.code_actions(text, cursor(2))
            if action["title"].startswith("Stop: ")
        )
        await shop.client.execute(stop["command"]["command"], *stop["command"]["arguments"])
        end = await shop.client.progress_end(job)
        await shop.standin.journal.wait_for_disconnect()

        assert "Stopped: you stopped it" in end["message"]
        assert text.text == MANY.replace("value_1 =", "first =")
        await shop.do("kibitz.revert", text)
        assert text.text == MANY


PLUGIN = {"experimental": {"kibitz": {"applyEdit": True}}}


async def test_a_plugin_gets_each_line_as_a_part_of_one_undo_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=PLUGIN) as shop:
        shop.standin.enqueue(Reply(f"<replacement>\n{MANY_NEW}</replacement>").hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)
        edits = await shop.client.wait_until(
            lambda: shop.client.notifications("kibitz/applyEdit")[2:], "the end of the step"
        )

        assert text.text == MANY_NEW
        assert shop.client.notifications("workspace/applyEdit") == []
        sent = [*shop.client.notifications("kibitz/applyEdit")[:2], *edits]
        assert [each["undo"] for each in sent] == ["start", "continue", "end"]
        ((first,), (last,), (end,)) = (each["edit"]["documentChanges"] for each in sent)
        assert first["textDocument"] == {"uri": text.uri, "version": 1}
        assert [edit["newText"] for edit in first["edits"]] == ["first = 1\n"]
        assert [edit["newText"] for edit in last["edits"]] == ["last = 11\n"]
        assert end["edits"] == []


async def test_a_plugin_whose_editor_hides_the_document_gets_the_rest_as_one_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=PLUGIN) as shop:
        apply = shop.client.request_handlers["kibitz/applyEdit"]
        shop.client.request_handlers["kibitz/applyEdit"] = lambda params: {
            **apply(params),
            "hidden": True,
        }
        new = MANY.replace(" = ", " == ")
        shop.standin.enqueue(Reply(f"<replacement>\n{new}</replacement>").hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Compare")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "==" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == new
        written = [
            each
            for each in shop.client.notifications("kibitz/applyEdit")
            if each["edit"]["documentChanges"][0]["edits"]
        ]
        assert len(written) == 2


async def test_lenses_keep_and_revert_each_change_and_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(f"<replacement>\n{MANY_NEW}</replacement>"))
        text = await shop.open("many.py", MANY)
        await shop.do("kibitz.refactor", text, instruction="Rename")

        async def lenses() -> list[tuple[int, str, dict[str, object]]]:
            found = await shop.client.request(
                "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
            )
            return [
                (each["range"]["start"]["line"], each["command"]["title"], each["command"])
                for each in found
            ]

        shown = await lenses()
        assert [lens[:2] for lens in shown] == [
            (1, "Keep"),
            (1, "Revert"),
            (1, "Keep all"),
            (1, "Revert all"),
            (11, "Keep"),
            (11, "Revert"),
        ]
        for at, expected in ((5, MANY_NEW.replace("last =", "value_11 =")), (1, MANY)):
            command = (await lenses())[at][2]
            answer = await shop.client.execute(command["command"], *command["arguments"])
            await shop.client.progress_end(answer["job"])
            assert text.text == expected
        assert await lenses() == []


async def test_what_does_not_parse_any_more_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            Reply("<replacement>\nRATE = (0.2\n</replacement>"),
            Reply("<replacement>\nRATE = (0.3\n</replacement>"),
        )
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Break")
        assert message.startswith("1 change, prices.py does not parse any more")
        message = await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Go on")
        assert message.startswith("1 change"), "it is no worse than before"
        assert "does not parse" not in message
