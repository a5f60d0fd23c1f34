"""What an endpoint says of its models, and what it refuses: learnt, kept, and never sent again."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.models import model_facts_file
from kibitz.claude.models.catalogue import RequestOptions, builtin
from kibitz.claude.models.knowledge import AGAIN_SECONDS, Knowledge, refused_parameter
from kibitz.claude.models.known_model import Parameter
from kibitz.claude.models.model_facts import STALE_SECONDS, Learnt, LearntModel
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Finished,
    Message,
    ModelFacts,
    Prompt,
    Purpose,
    Tier,
)
from kibitz.standin import StandIn
from support.wire_server import WHOLE, WireServer, error_response, serving

SONNET = "claude-sonnet-5-5"
NEWER = "claude-sonnet-7"


def prompt(model: str = SONNET, tier: Tier = "fast") -> Prompt:
    question = Message("user", (Block("Question?"),))
    return Prompt(tier=tier, model=model, system=(), messages=(question,), max_tokens=100)


def facts(
    id_: str = NEWER, thinking: str = "adaptive disabled", effort: bool = True, **more: object
) -> ModelFacts:
    """What the Models API says of a model."""
    types = {
        kind: {"supported": kind in thinking.split()}
        for kind in ("adaptive", "between_tools", "disabled", "enabled")
    }
    levels = {level: {"supported": effort} for level in ("low", "medium", "high", "max")}
    capabilities = {
        "thinking": {"supported": True, "types": types},
        "effort": {"supported": effort, **levels},
    }
    usual: dict[str, object] = {"max_input_tokens": 500_000, "max_output_tokens": 32_000}
    return ModelFacts(id_, capabilities=capabilities, **{**usual, **more})  # type: ignore[arg-type]


def learnt(*models: ModelFacts) -> Learnt:
    return Learnt().listed(models, 1000.0)


class TestWhatIsListed:
    def test_a_newer_model_gets_limits_and_parameters(self) -> None:
        known = learnt(facts()).laid_over(builtin())
        assert known.context_tokens(NEWER) == 500_000
        assert known.max_output_tokens(NEWER) == 32_000
        assert known.request_options(NEWER, "fast") == RequestOptions("disabled", "low")
        assert known.request_options(NEWER, "deep").thinking == "adaptive"

    @pytest.mark.parametrize(
        ("thinking", "fast", "standard"),
        [
            ("adaptive between_tools", "between_tools", "adaptive"),
            ("adaptive", "adaptive", "adaptive"),
            ("disabled", "disabled", None),
            ("enabled", None, None),
        ],
    )
    def test_a_type_of_thinking_that_is_not_taken_is_not_sent(
        self, thinking: str, fast: str | None, standard: str | None
    ) -> None:
        known = learnt(facts(thinking=thinking)).laid_over(builtin())
        assert known.request_options(NEWER, "fast").thinking == fast
        assert known.request_options(NEWER, "standard").thinking == standard

    def test_what_the_endpoint_says_of_a_known_model_counts_more(self) -> None:
        said = facts(SONNET, "disabled", effort=False, max_input_tokens=200_000)
        known = learnt(said).laid_over(builtin())
        assert known.request_options(SONNET, "fast") == RequestOptions("disabled", None)
        assert known.context_tokens(SONNET) == 200_000
        assert known.cache_minimum_tokens(SONNET) == 512, "it says nothing of that"
        assert known.prices(SONNET) == builtin().prices(SONNET)

    def test_a_dated_id_is_the_same_model(self) -> None:
        said = facts("claude-haiku-4-5-20251001", "enabled disabled", effort=False)
        known = learnt(said).laid_over(builtin())
        assert known.context_tokens("claude-haiku-4-5") == 500_000
        assert known.context_tokens("claude-haiku-4-5@20251001") == 500_000
        # It does not think unless asked to, which the list does not say.
        assert known.request_options("claude-haiku-4-5", "fast").thinking is None

    def test_models_of_which_nothing_is_said_stay_unknown(self) -> None:
        known = learnt(ModelFacts("gemma-3:270m"), ModelFacts(SONNET)).laid_over(builtin())
        assert known == builtin()

    @pytest.mark.parametrize("limit", [-1, 0, True, "many", None, 1.5])
    def test_a_limit_in_another_shape_is_none(self, limit: object) -> None:
        said = dataclasses.replace(facts(), max_input_tokens=limit)
        assert learnt(said).laid_over(builtin()).context_tokens(NEWER) is None

    @pytest.mark.parametrize(
        "capabilities",
        [{"thinking": 1}, {"thinking": {"types": []}}, {"effort": "yes"}, {"effort": {}}, {}],
    )
    def test_capabilities_in_another_shape_say_nothing(
        self, capabilities: dict[str, object]
    ) -> None:
        said = ModelFacts(SONNET, capabilities=capabilities)
        assert learnt(said).laid_over(builtin()) == builtin()

    def test_a_retirement_is_known_with_its_successor(self) -> None:
        going = facts("claude-sonnet-6", lifecycle="deprecated", retires_at="2027-03-01T00:00:00Z")
        known = learnt(facts(NEWER, lifecycle="active"), going).laid_over(builtin())
        entry = known.find("claude-sonnet-6")
        assert entry is not None
        assert (entry.lifecycle, entry.retires) == ("deprecated", datetime.date(2027, 3, 1))
        assert known.successor("claude-sonnet-6") == NEWER

    def test_another_endpoints_prices_stay_its_own(self) -> None:
        known = learnt(facts(), facts(SONNET)).laid_over(builtin().without_prices())
        assert (known.prices(NEWER), known.prices(SONNET)) == (None, None)

    async def test_the_standins_list_agrees_with_what_ships(self) -> None:
        """Two tables by two hands: what the API says of its models changes nothing we send."""
        async with StandIn() as standin:
            claude = AnthropicClaude(Connection(base_url=standin.base_url, api_key="any"))
            listed = await claude.models()
            await claude.aclose()
        known = Learnt().listed(listed, 0.0).laid_over(builtin())
        assert len(listed) == 18
        tiers: tuple[Tier, ...] = ("fast", "standard", "deep")
        for model in builtin().models:
            for tier in tiers:
                before = builtin().request_options(model, tier)
                after = known.request_options(model, tier)
                # The API takes an effort on Opus 4.5; we need not send one.
                if model != "claude-opus-4-5":
                    assert after == before, (model, tier)
            assert known.context_tokens(model) == builtin().context_tokens(model)
            assert known.max_output_tokens(model) == builtin().max_output_tokens(model)


class TestRefusals:
    @pytest.mark.parametrize(
        ("message", "parameter"),
        [
            ("adaptive thinking is not supported on this model", "adaptive"),
            (
                '"thinking.type.disabled" is not supported for this model. Use '
                '"thinking.type.adaptive" and "output_config.effort" to control thinking.',
                "adaptive",
            ),
            ("This model does not support the effort parameter.", "effort"),
            (
                "output_config.effort 'high' is not supported when thinking is disabled on this "
                "model.",
                "effort",
            ),
            ("output_config: Extra inputs are not permitted", "effort"),
            ("messages: at least one message is required", None),
        ],
    )
    def test_what_is_refused(self, message: str, parameter: Parameter | None) -> None:
        failure = ClaudeFailure("bad_request", message, status=400)
        assert refused_parameter(failure, RequestOptions("adaptive", "high")) == parameter
        assert refused_parameter(failure, RequestOptions()) is None, "nothing was sent"

    @pytest.mark.parametrize("kind", ["server_error", "rate_limit"])
    def test_other_failures_teach_nothing(self, kind: str) -> None:
        failure = ClaudeFailure(kind, "thinking", status=500)  # type: ignore[arg-type]
        assert refused_parameter(failure, RequestOptions("adaptive")) is None

    async def test_the_request_is_sent_again_without_it_and_others_never_with_it(self) -> None:
        refusals = [
            [error_response(400, message='"thinking.type.between_tools" is not supported.')],
            [error_response(400, message="adaptive thinking is not supported on this model")],
            [error_response(400, message="This model does not support the effort parameter.")],
        ]
        knowledge = Knowledge.of()
        async with serving(*refusals, [WHOLE]) as server:
            claude = claude_at(server, knowledge)
            assert isinstance(await ending(claude), Finished)
            assert isinstance(await ending(claude), Finished)
            await claude.aclose()
        sent = [thinking_and_effort(request.body) for request in server.requests]
        assert sent == [
            ("between_tools", "low"),
            ("adaptive", "low"),
            (None, "low"),
            (None, None),
            (None, None),
        ]
        assert knowledge.should_ask(), "what the endpoint says of its models is to be seen again"
        assert not knowledge.should_ask()

    async def test_an_endpoint_that_refuses_all_the_same_is_not_asked_for_ever(self) -> None:
        refusal = [error_response(400, message="thinking and effort are not for you")]
        async with serving(refusal) as server:
            claude = claude_at(server, Knowledge.of())
            with pytest.raises(ClaudeFailure) as caught:
                await ending(claude)
            await claude.aclose()
        assert caught.value.kind == "bad_request"
        assert len(server.requests) == 3, "between_tools, adaptive, nothing"

    def test_neither_the_user_nor_a_list_makes_the_endpoint_take_it(self) -> None:
        refusing = learnt(facts()).refusing(SONNET, "effort")
        known = refusing.without_refused(refusing.laid_over(builtin()))
        assert known.request_options(SONNET, "standard") == RequestOptions("adaptive", None, 6_144)

    def test_a_model_that_says_how_it_thinks_is_believed_again(self) -> None:
        refusing = Learnt().refusing(SONNET, "adaptive").refusing(NEWER, "effort")
        after = refusing.listed([facts(SONNET)], 0.0)
        assert dict(after.refused) == {NEWER: frozenset({"effort"})}

    def test_thinking_that_cannot_be_told_keeps_its_room(self) -> None:
        refusing = Learnt().refusing(SONNET, "between_tools").refusing(SONNET, "adaptive")
        options = refusing.without_refused(builtin()).request_options(SONNET, "fast")
        assert (options.thinking, options.thinking_allowance_tokens) == (None, 2_048)


class TestWhenToAsk:
    def test_once_a_day(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "facts.json"
        assert knowledge_in(file).should_ask()
        knowledge_in(file).listed([facts()])
        assert not knowledge_in(file).should_ask(), "another process has asked"
        at = time.time()
        monkeypatch.setattr(time, "time", lambda: at + STALE_SECONDS + 1)
        assert knowledge_in(file).should_ask()
        monkeypatch.setattr(time, "time", lambda: at - 1000)
        assert knowledge_in(file).should_ask(), "the clock was set back"

    def test_an_endpoint_that_cannot_be_asked_is_left_alone_for_a_while(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        knowledge = Knowledge.of()
        assert knowledge.should_ask()
        assert not knowledge.should_ask()
        at = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: at + AGAIN_SECONDS + 1)
        assert knowledge.should_ask()

    def test_an_endpoint_without_a_list_is_not_asked_again_that_day(self) -> None:
        knowledge = Knowledge.of()
        knowledge.lists_nothing()
        assert not knowledge.should_ask()
        knowledge.doubt()
        assert knowledge.should_ask()


COUNTS = st.none() | st.integers(1, 10**7)
MODELS = st.builds(
    LearntModel,
    st.text(min_size=1, max_size=20),
    COUNTS,
    COUNTS,
    st.none() | st.frozensets(st.sampled_from(["adaptive", "disabled", "between_tools"])),
    st.none() | st.booleans(),
    st.sampled_from([None, "active", "deprecated", "retired"]),
    st.none() | st.dates(),
)


class TestFile:
    @given(
        st.builds(
            Learnt,
            st.none() | st.floats(0, 1e10),
            st.lists(MODELS, max_size=4).map(tuple),
            st.dictionaries(st.text(max_size=9), st.frozensets(st.just("effort"), min_size=1)),
        )
    )
    def test_holds_what_was_written(self, kept: Learnt) -> None:
        data = json.loads(json.dumps(model_facts_file._as_json(kept)))
        assert model_facts_file._learnt(data) == kept

    def test_is_the_users_alone_and_made_when_there_is_something(self, tmp_path: Path) -> None:
        file = tmp_path / "cache" / "models" / "facts.json"
        knowledge = knowledge_in(file)
        assert not file.parent.exists()
        knowledge.listed([facts()])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert [each.name for each in file.parent.iterdir()] == ["facts.json"]
        assert knowledge_in(file).catalogue.context_tokens(NEWER) == 500_000

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            "null",
            '{"format": 99, "at": 1, "models": [], "refused": {}}',
            '{"format": 1, "at": "x", "models": [], "refused": {}}',
            '{"format": 1, "at": 1, "models": [{}], "refused": {}}',
            '{"format": 1, "at": 1, "models": [], "refused": {"m": ["all"]}}',
            "\x00\xff",
        ],
    )
    def test_that_cannot_be_read_is_as_if_it_were_not_there(
        self, tmp_path: Path, content: str
    ) -> None:
        file = tmp_path / "facts.json"
        file.write_text(content, encoding="latin-1")
        assert model_facts_file.read(file) == Learnt()

    def test_that_cannot_be_written_is_no_fault(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        knowledge = knowledge_in(tmp_path / "file" / "models" / "facts.json")
        knowledge.listed([facts()])
        assert knowledge.catalogue.context_tokens(NEWER) == 500_000

    def test_its_name_says_nothing_of_the_address(self, tmp_path: Path) -> None:
        one = model_facts_file.facts_file(tmp_path, "compatible https://secret.example/v1")
        other = model_facts_file.facts_file(tmp_path, "compatible https://other.example")
        assert one != other
        assert "secret" not in one.name


def knowledge_in(file: Path) -> Knowledge:
    return Knowledge(lambda learnt: learnt.laid_over(builtin()), file)


def claude_at(server: WireServer, knowledge: Knowledge) -> AnthropicClaude:
    async def no_sleep(_: float) -> None:
        await asyncio.sleep(0)

    connection = Connection(base_url=server.url, api_key="any")
    return AnthropicClaude(connection, known_models=knowledge, sleep=no_sleep)


async def ending(claude: AnthropicClaude) -> object:
    events = [event async for event in claude.stream(prompt(), Purpose("explain"))]
    return events[-1]


def thinking_and_effort(body: dict[str, object] | None) -> tuple[object, object]:
    assert body is not None
    thinking, output = body.get("thinking", {}), body.get("output_config", {})
    assert isinstance(thinking, dict) and isinstance(output, dict)
    return thinking.get("type"), output.get("effort")
