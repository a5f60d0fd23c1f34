"""The fast tier never pays the high price: its prompts stay below 100,000 tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS
from kibitz.standin import Exchange, Reply
from support.raw_client import EditorText
from support.workshop import Workshop, lines, open_workshop

MOST_TOKENS = 100_000
# Of the fast tier's model: a shorter prefix makes no entry.
LEAST_CACHED_TOKENS = 512


def table(name: str, rows: int) -> str:
    """Dense text: hardly two characters a token."""
    return "".join(f"{name}_{n}={{{n % 7}:{n % 11},{n % 13}:{n % 17}}}\n" for n in range(rows))


async def test_a_large_repository_and_much_changed_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"tables/t{n}.py": table(f"T{n}", 1_500) for n in range(6)}
    async with open_workshop(tmp_path, monkeypatch, files={**files}) as shop:
        for number in range(3):
            (shop.root / f"tables/t{number}.py").write_text(table(f"N{number}", 1_500))
        text = await shop.open("tables/t0.py")
        shop.standin.enqueue(Reply("Rows.\n"))
        await shop.do("kibitz.explain", text, tier="fast", range=lines(1, 40))
        use = shop.standin.journal.last.cache_use
        tokens = use.input_tokens + use.read_tokens + use.write_5m_tokens + use.write_1h_tokens
        assert MOST_TOKENS / 4 < tokens <= MOST_TOKENS


async def complete_after_edits_in_many_places(shop: Workshop, text: EditorText) -> Exchange:
    """The request for a completion in the middle of ``tables/t5.py``, which is shown."""
    for number in range(5):
        other = await shop.open(f"tables/t{number}.py")
        shop.client.type(other, 0, table(f"E{number}", 50))
    shop.client.type(text, text.text.index("T5_700="), "\n")
    shop.standin.enqueue(Reply("<completion>T5 = {}</completion>"))
    answer = await shop.client.request(
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": text.uri},
            "position": {"line": 700, "character": 0},
            "context": {"triggerKind": 1},
        },
    )
    assert [item["insertText"] for item in answer["items"]] == ["T5 = {}"]
    return shop.standin.journal.last


async def test_a_completion_with_a_full_window_and_edits_in_many_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"tables/t{n}.py": table(f"T{n}", 1_500) for n in range(6)}
    inline = {"textDocument": {"inlineCompletion": {}}}
    async with open_workshop(tmp_path, monkeypatch, files={**files}, capabilities=inline) as shop:
        for number in range(3):
            (shop.root / f"tables/t{number}.py").write_text(table(f"N{number}", 1_500))
        last = await complete_after_edits_in_many_places(shop, await shop.open("tables/t5.py"))
        assert last.request.last_user_text.count("<recent-edit ") == 5
        use = last.cache_use
        cached = use.read_tokens + use.write_5m_tokens + use.write_1h_tokens
        assert cached >= LEAST_CACHED_TOKENS
        assert use.input_tokens + cached <= MOST_TOKENS


def module(name: str, functions: int) -> str:
    """Signatures as dense as tables: whatever is shown of it takes many tokens."""
    return "".join(
        f"def {name}_{n}(a={{{n % 7}:{n % 11},{n % 13}:{n % 17}}}, b=({n},{n + 1},{n + 2})):\n"
        f"    return [a[{n % 7}],b[{n % 3}],{n}*{n % 5}]\n\n\n"
        for n in range(functions)
    )


async def test_a_completion_behind_the_whole_snapshot_of_a_large_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything that the real gathering finds, and not what there is before it is done."""
    files = {f"part{n % 9}/m{n}.py": module(f"M{n}", 60) for n in range(120)}
    files |= {f"tables/t{n}.py": table(f"T{n}", 1_500) for n in range(6)}
    inline = {"textDocument": {"inlineCompletion": {}}}
    async with open_workshop(tmp_path, monkeypatch, files={**files}, capabilities=inline) as shop:
        for number in range(3):
            (shop.root / f"tables/t{number}.py").write_text(table(f"N{number}", 1_500))
        text = await shop.open("tables/t5.py")
        # An explanation waits for the index; a completion takes what there is.
        shop.standin.enqueue(Reply("Rows.\n"))
        await shop.do("kibitz.explain", text, tier="fast", range=lines(1, 2))
        whole = 0.9 * FAST_SNAPSHOT_TOKENS
        assert shop.standin.journal.last.cache_use.write_1h_tokens > whole
        use = (await complete_after_edits_in_many_places(shop, text)).cache_use
        assert use.read_tokens > whole, "the snapshot is read, not written again"
        written = use.write_5m_tokens + use.write_1h_tokens
        assert use.input_tokens + use.read_tokens + written <= MOST_TOKENS


async def test_what_cannot_be_that_short_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open("prices.py", table("P", 14_000))
        await shop.do("kibitz.explain", text, tier="fast")
        assert not shop.standin.journal.messages
        (sentence,) = shop.client.messages()
        assert "100,000" in sentence
        assert "`route`" in sentence
