"""Completion: what reaches the buffer, what it costs, and what is never asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply
from support.raw_client import EditorText
from support.workshop import EXAMPLE, Workshop, cursor, open_workshop

INLINE = {"textDocument": {"inlineCompletion": {"dynamicRegistration": False}}}
LISTED = {"textDocument": {"completion": {"completionItem": {}}}}
INVOKED, AUTOMATIC = 1, 2
UNFINISHED = EXAMPLE + "\n\ndef mean(prices):\n    return "
LAST = {"line": UNFINISHED.count("\n"), "character": len("    return ")}


async def inline(shop: Workshop, text: EditorText, kind: int, place: Any = LAST) -> list[Any]:
    """The texts that are offered at a place."""
    answer = await shop.client.request(
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": text.uri},
            "position": place,
            "context": {"triggerKind": kind},
        },
    )
    return [item["insertText"] for item in answer["items"]]


async def listed(shop: Workshop, text: EditorText, place: Any = LAST) -> list[Any]:
    answer = await shop.client.request(
        "textDocument/completion",
        {
            "textDocument": {"uri": text.uri},
            "position": place,
            "context": {"triggerKind": 1},
        },
    )
    assert answer["isIncomplete"] is True
    return answer["items"]


def cache_read(shop: Workshop) -> int:
    """The tokens that the last request has read from the cache."""
    return shop.standin.journal.last.cache_use.read_tokens


def completion(text: str, **more: Any) -> Reply:
    return Reply(f"<completion>{text}</completion>", **more)


async def test_who_asks_gets_what_belongs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        shop.standin.enqueue(completion("total(prices) / len(prices)", chunk_size=3))
        text = await shop.open(text=UNFINISHED)

        assert shop.client.server["inlineCompletionProvider"] == {}
        assert await inline(shop, text, INVOKED) == ["total(prices) / len(prices)"]

        (sent,) = shop.standin.journal.messages
        assert sent.request.stop_sequences == ("</completion>",)
        assert "    return {{CURSOR}}" in sent.request.last_user_text
        assert "claude-haiku" in sent.request.model


async def test_what_it_has_cost_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {**INLINE, "experimental": {"kibitz": {"status": True}}}
    async with open_workshop(tmp_path, monkeypatch, capabilities=shown) as shop:
        shop.standin.enqueue(completion("total(prices)"))
        text = await shop.open(text=UNFINISHED)
        await inline(shop, text, INVOKED)
        statuses = await shop.client.wait_until(
            lambda: [s for s in shop.client.notifications("kibitz/status") if s["spentTodayUsd"]],
            "a status with money in it",
        )
        assert statuses[-1]["busy"] is False


async def test_typing_along_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        shop.standin.enqueue(completion("total(prices)"))
        text = await shop.open(text=UNFINISHED)
        await inline(shop, text, INVOKED)

        shop.client.type(text, len(text.text), "tot")
        place = {**LAST, "character": LAST["character"] + 3}

        assert await inline(shop, text, AUTOMATIC, place) == ["al(prices)"]
        assert len(shop.standin.journal.messages) == 1


async def test_nothing_is_asked_by_typing_unless_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        text = await shop.open(text=UNFINISHED)
        assert await inline(shop, text, AUTOMATIC) == []
        assert shop.standin.journal.messages == []


async def test_switched_on_it_needs_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    automatic = {"KIBITZ_COMPLETION_TRIGGER": "auto"}
    async with open_workshop(
        tmp_path, monkeypatch, capabilities=INLINE, environment=automatic
    ) as shop:
        text = await shop.open(text=UNFINISHED)
        assert await inline(shop, text, AUTOMATIC) == []
        assert shop.standin.journal.messages == []

        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        shop.standin.enqueue(completion("total(prices)"))

        assert await inline(shop, text, AUTOMATIC) == ["total(prices)"]


async def test_what_goes_wrong_while_typing_is_silent_and_else_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = {"KIBITZ_COMPLETION_TRIGGER": "auto"}
    async with open_workshop(
        tmp_path, monkeypatch, capabilities=INLINE, environment=automatic
    ) as shop:
        text = await shop.open(text=UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        before = len(shop.client.messages())
        shop.standin.enqueue(Fault.overloaded(), Fault.overloaded())

        assert await inline(shop, text, AUTOMATIC) == []
        assert len(shop.client.messages()) == before
        assert await inline(shop, text, INVOKED) == []
        assert len(shop.client.messages()) == before + 1
        assert len(shop.standin.journal.messages) == 2, "a completion is never tried again"


async def test_an_overtaken_request_is_answered_with_nothing_and_its_stream_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        held = completion("total(prices)", chunk_size=4).hold_at("total")
        shop.standin.enqueue(held)
        text = await shop.open(text=UNFINISHED)
        first = asyncio.ensure_future(inline(shop, text, INVOKED))
        await shop.standin.reached()

        shop.client.type(text, len(text.text), "max(")
        shop.standin.enqueue(completion("prices)"))
        place = {**LAST, "character": LAST["character"] + 4}

        assert await inline(shop, text, INVOKED, place) == ["prices)"]
        assert await first == []
        assert len(shop.standin.journal.messages) == 2


async def test_a_list_of_names_has_it_with_the_word_that_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=LISTED) as shop:
        shop.standin.enqueue(completion("al(prices)"))
        text = await shop.open(text=UNFINISHED + "tot")
        place = {**LAST, "character": LAST["character"] + 3}

        (item,) = await listed(shop, text, place)

        assert (item["label"], item["filterText"]) == ("total(prices)", "tot")
        assert item["textEdit"] == {
            "range": {"start": LAST, "end": place},
            "newText": "total(prices)",
        }


async def test_for_a_client_that_takes_one_word_of_an_edit_it_is_a_text_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim", capabilities=LISTED) as shop:
        shop.standin.enqueue(completion("items = prices\n    return total(items)"))
        text = await shop.open(text=UNFINISHED.removesuffix("return ") + "my_")
        (item,) = await listed(shop, text, {**LAST, "character": 7})
        assert (item["insertText"], item["label"]) == ("my_items = prices",) * 2
        assert "textEdit" not in item


async def test_a_list_that_comes_with_typing_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=LISTED) as shop:
        text = await shop.open(text=UNFINISHED)
        shop.client.type(text, len(text.text), "t")
        place = {**LAST, "character": LAST["character"] + 1}
        assert await listed(shop, text, place) == []
        assert shop.standin.journal.messages == []


async def test_a_client_with_neither_puts_it_into_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(completion("total(prices) / len(prices)\n"))
        text = await shop.open(text=UNFINISHED.replace("\n", "\r\n"))
        at_cursor = cursor(LAST["line"] + 1, LAST["character"])

        titles = [item["title"] for item in await shop.client.code_actions(text, at_cursor)]
        assert "Complete here" in titles
        await shop.do("kibitz.complete", text, range=at_cursor)

        assert text.text.endswith("def mean(prices):\r\n    return total(prices) / len(prices)")
        assert text.text.count("\n") == text.text.count("\r\n")


async def test_by_command_too_there_is_one_request_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        shop.standin.enqueue(completion("total(prices)", chunk_size=4).hold_at("total"))
        text = await shop.open(text=UNFINISHED)
        first = asyncio.ensure_future(inline(shop, text, INVOKED))
        held = await shop.standin.reached()

        shop.standin.enqueue(completion("max(prices)\n", chunk_size=4).hold_at("max"))
        at_cursor = cursor(LAST["line"] + 1, LAST["character"])
        job = await shop.start("kibitz.complete", text, range=at_cursor)
        assert await first == []
        await shop.standin.journal.wait_for_disconnect(held)
        await shop.standin.reached()
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == UNFINISHED + "max(prices)"
        assert len(shop.standin.journal.messages) == 2


async def test_a_secret_stays_here_and_comes_back_in_the_completion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-ant-api03-" + "".join(f"{number:x}Kz" for number in range(30))
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        content = f'KEY = "{secret}"\nother = '
        text = await shop.open(text=content)

        def answer(request: Any) -> Reply:
            shown = request.last_user_text.partition('KEY = "')[2].partition('"')[0]
            return completion(f'"{shown}"', chunk_size=2)

        shop.standin.enqueue(answer)
        place = {"line": 1, "character": len("other = ")}

        assert await inline(shop, text, INVOKED, place) == [f'"{secret}"']
        assert secret not in str(shop.standin.journal.last.request.body)


@pytest.mark.real  # slow
async def test_the_head_of_the_window_is_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = {"KIBITZ_COMPLETION_TRIGGER": "auto"}
    long = "".join(f"value_{number} = compute({number}, 'some name')\n" for number in range(150))
    async with open_workshop(
        tmp_path,
        monkeypatch,
        capabilities=INLINE,
        environment=automatic,
        files={"long.py": long},
    ) as shop:
        text = await shop.open("long.py", long + "last = ")
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        reads, rests = [], []
        for added in ("", "(", "1 + ", "2 + "):
            shop.client.type(text, len(text.text), added)
            column = len(text.text.rpartition("\n")[2])
            shop.standin.enqueue(completion("value_1 + value_2"))
            place = {"line": 150, "character": column}
            assert await inline(shop, text, AUTOMATIC, place) != []
            reads.append(cache_read(shop))
            rests.append(shop.standin.journal.last.cache_use.input_tokens)
        # Written once it is known to hold still, and read from then on: only what is near the
        # cursor is paid for in full.
        head_tokens = reads[2] - reads[1]
        assert head_tokens > 1_500 and reads[3] == reads[2]
        assert rests[3] < rests[0] - head_tokens + 100


def cache_write(shop: Workshop) -> int:
    return shop.standin.journal.last.cache_use.write_5m_tokens


async def test_what_was_changed_last_is_told_and_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = {"KIBITZ_COMPLETION_TRIGGER": "auto"}
    secret = "sk-ant-api03-" + "".join(f"{number:x}Kz" for number in range(30))
    files = {
        "prices.py": EXAMPLE,
        "tax.py": EXAMPLE,
        ".env": "TOKEN=1\n",
        ".gitignore": "local.py\n",
    }
    async with open_workshop(
        tmp_path, monkeypatch, capabilities=INLINE, environment=automatic, files={**files}
    ) as shop:
        tax = await shop.open("tax.py")
        private = [await shop.open(".env"), await shop.open("local.py", "a = 1\n")]
        text = await shop.open(text=UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        shop.client.type(tax, 0, f'KEY = "{secret}"\nRATE_OF = 19\n')
        for each in private:
            shop.client.type(each, 0, "TOLD = 2\n")

        seen: list[tuple[str, int, int]] = []
        for added in ("", "(", "1 + ", "2 + "):
            shop.client.type(text, len(text.text), added)
            shop.standin.enqueue(completion("total(prices)"))
            place = {**LAST, "character": len(text.text.rpartition("\n")[2])}
            assert await inline(shop, text, AUTOMATIC, place) != []
            told = shop.standin.journal.last.request.last_user_text
            seen.append((told, cache_read(shop), cache_write(shop)))

        for told, *_ in seen:
            assert told.count("<recent-edit ") == 1 and '<recent-edit path="tax.py">' in told
            assert "+RATE_OF = 19" in told and "TOLD" not in told and secret not in told
        assert "+RATE_OF" in seen[0][0].partition("<window")[0], "before what moves"
        assert seen[3][1] >= seen[2][1] > seen[1][1] > 0 and seen[3][2] == 0


async def test_definitions_from_elsewhere_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "shop/basket.py": "from shop.rates import rate_for\n\n\ndef sum_up(items):\n",
        "shop/rates.py": "def rate_for(country, *, reduced):\n    return RATES[country][reduced]\n",
        **{f"shop/filler_{n}.py": f"def filler_{n}():\n    return {n}\n" * 40 for n in range(4)},
    }
    small = {"KIBITZ_CONTEXT_MAX_TOKENS": "0"}
    async with open_workshop(
        tmp_path, monkeypatch, capabilities=INLINE, files={**files}, environment=small
    ) as shop:
        content = files["shop/basket.py"] + "    rate = rate_for("
        text = await shop.open("shop/basket.py", content)
        shop.standin.enqueue(completion("'DE', reduced=False"))
        place = {"line": 4, "character": len("    rate = rate_for(")}
        assert await inline(shop, text, INVOKED, place) == ["'DE', reduced=False"]
        assert "def rate_for(country, *, reduced):" in str(shop.standin.journal.last.request.body)


@pytest.mark.parametrize("name", [".env", "local.py"])
async def test_of_a_file_that_is_not_sent_typing_is_silent_and_a_request_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    automatic = {"KIBITZ_COMPLETION_TRIGGER": "auto"}
    files = {"prices.py": EXAMPLE, ".gitignore": "local.py\n"}
    async with open_workshop(
        tmp_path, monkeypatch, capabilities=INLINE, environment=automatic, files={**files}
    ) as shop:
        text = await shop.open(name, UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        before = len(shop.client.messages())
        assert await inline(shop, text, AUTOMATIC) == []
        assert len(shop.client.messages()) == before
        assert await inline(shop, text, INVOKED) == []
        (sentence,) = shop.client.messages()[before:]
        assert f"{name} is not sent" in sentence
        assert shop.standin.journal.messages == []


async def test_each_language_has_a_switch_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = '[completion.trigger]\ndefault = "manual"\npython = "auto"\nlua = "off"\n'
    files = {"prices.py": EXAMPLE, "a.lua": "", "b.go": "", ".kibitz.toml": project}
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE, files={**files}) as shop:
        python = await shop.open(text=UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": python.uri})
        lua = await shop.client.open("a.lua", "local total = ", language="lua")
        go = await shop.client.open("b.go", "var total_of_it = ", language="go")
        at_lua = {"line": 0, "character": len(lua.text)}
        at_go = {"line": 0, "character": len(go.text)}

        assert await inline(shop, lua, INVOKED, at_lua) == []
        assert await inline(shop, go, AUTOMATIC, at_go) == []
        assert shop.standin.journal.messages == []
        for text, kind, place in ((python, AUTOMATIC, LAST), (go, INVOKED, at_go)):
            shop.standin.enqueue(completion("total(prices)"))
            assert await inline(shop, text, kind, place) == ["total(prices)"]

        toggled = {"language": "lua"}
        assert (await shop.client.execute("kibitz.toggleCompletion", toggled)) == {
            "trigger": "auto"
        }
        shop.standin.enqueue(completion("sum(prices)"))
        assert await inline(shop, lua, AUTOMATIC, at_lua) == ["sum(prices)"]
        assert (await shop.client.execute("kibitz.toggleCompletion", {"language": "python"})) == {
            "trigger": "manual"
        }


async def test_automatic_ones_end_with_the_budget_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = {"KIBITZ_COMPLETION_TRIGGER": "auto", "KIBITZ_BUDGET_DAY_USD": "0.000001"}
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE, environment=poor) as shop:
        text = await shop.open(text=UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        before = len(shop.client.messages())
        assert await inline(shop, text, AUTOMATIC) == []
        assert len(shop.client.messages()) == before
        assert shop.standin.journal.messages == []


async def test_a_part_that_was_taken_keeps_the_rest_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "items = [price for price in prices if price > 0]\n    return total(items)"
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        shop.standin.enqueue(completion(body))
        text = await shop.open(text=UNFINISHED.removesuffix("return "))
        place = {**LAST, "character": 4}
        assert await inline(shop, text, INVOKED, place) == [body]
        first, _, second = body.partition("\n")
        shop.client.type(text, len(text.text), first)
        place = {**place, "character": 4 + len(first)}
        assert await inline(shop, text, AUTOMATIC, place) == ["\n" + second]
        assert len(shop.standin.journal.messages) == 1


async def test_a_change_answers_what_was_asked_of_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        held = completion("total(prices)", chunk_size=4).hold_at("total")
        shop.standin.enqueue(held)
        text = await shop.open(text=UNFINISHED)
        asked = asyncio.ensure_future(inline(shop, text, INVOKED))
        await shop.standin.reached()

        shop.client.type(text, len(text.text), "to")
        assert await asked == []
        # Whoever goes on is served by the stream that runs, also where typing asks nobody.
        place = {**LAST, "character": LAST["character"] + 2}
        along = asyncio.ensure_future(inline(shop, text, AUTOMATIC, place))
        shop.standin.release()
        assert await along == ["tal(prices)"]
        assert len(shop.standin.journal.messages) == 1


async def test_it_can_be_switched_on_and_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        text = await shop.open(text=UNFINISHED)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        shop.standin.enqueue(completion("total(prices)"))
        assert (await shop.client.execute("kibitz.toggleCompletion", {})) == {"trigger": "auto"}
        assert await inline(shop, text, AUTOMATIC) == ["total(prices)"]
        assert (await shop.client.execute("kibitz.toggleCompletion", {})) == {"trigger": "manual"}


async def test_a_suggestion_that_was_taken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=INLINE) as shop:
        shop.standin.enqueue(completion("total(prices)"))
        text = await shop.open(text=UNFINISHED)
        answer = await shop.client.request(
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": text.uri},
                "position": LAST,
                "context": {"triggerKind": INVOKED},
            },
        )
        command = answer["items"][0]["command"]
        told = await shop.client.execute(command["command"], *command["arguments"])
        assert told == {"known": True}
