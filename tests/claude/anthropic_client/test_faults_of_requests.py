"""What every fault of a request becomes, and what is tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kibitz.claude.values import (
    ClaudeFailure,
    Purpose,
)
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
    failure_of,
    reply_to,
    words,
)
from support.wire_server import (
    WHOLE,
    error_response,
    response,
    serving,
)


class TestFaultsOfRequests:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (error_response(400), "bad_request"),
            (error_response(400, message="Your credit balance is too low to access"), "no_credit"),
            (
                error_response(
                    400, message="You have reached your specified API usage limits. You will"
                ),
                "spend_limit",
            ),
            (
                error_response(400, message="prompt is too long: 210000 tokens > 200000 maximum"),
                "too_large",
            ),
            (error_response(401, "authentication_error"), "wrong_credentials"),
            (error_response(402, "billing_error"), "no_credit"),
            (error_response(403, "permission_error"), "no_permission"),
            (error_response(404, "not_found_error", "model: claude-sonet-5"), "unknown_model"),
            (response(404, "<html>nginx</html>", "text/html"), "not_an_api"),
            (response(404, "404 page not found", "text/plain"), "not_an_api"),
            (error_response(405, "x", "x"), "not_an_api"),
            (response(403, "<html>Blocked</html>", "text/html"), "not_an_api"),
            (
                response(307, "", "text/plain", {"location": "https://other.example/x?k=1"}),
                "not_an_api",
            ),
            (response(407, "", "text/plain"), "network"),
            (error_response(408, "timeout"), "timeout"),
            (response(413, "<html>cloudflare</html>", "text/html"), "too_large"),
            (error_response(422, "x"), "bad_request"),
            (error_response(429, "rate_limit_error"), "rate_limit"),
            (
                error_response(429, "rate_limit_error", error_code="enforced_spend_limit_reached"),
                "spend_limit",
            ),
            (error_response(500, "api_error"), "server_error"),
            (response(502, "<html>Bad gateway</html>", "text/html"), "server_error"),
            (error_response(504, "timeout_error"), "timeout"),
            (error_response(529, "overloaded_error"), "overloaded"),
            (error_response(503, "overloaded_error"), "overloaded"),
            (
                response(404, '{"error":"model \\"x\\" not found"}', "application/json"),
                "unknown_model",
            ),
            (
                response(500, '{"error": {"code": 500, "message": "x"}}', "application/json"),
                "server_error",
            ),
        ],
    )
    async def test_statuses(self, answer: bytes, kind: str) -> None:
        failure = await failure_of([answer], max_retries=0)
        assert failure.kind == kind
        assert failure.model == "claude-sonnet-5-5"
        assert failure.endpoint is not None and failure.endpoint.startswith("http://127.0.0.1:")

    async def test_unknown_model_names_the_nearest(self) -> None:
        prompt = replace(PROMPT, model="claude-sonet-5.5")
        answer = error_response(404, "not_found_error", "model: claude-sonet-5.5")
        failure = await failure_of([answer], prompt=prompt)
        assert failure.facts["nearest"][0] == "claude-sonnet-5-5"

    async def test_a_model_that_is_gone_names_its_successor(self) -> None:
        prompt = replace(PROMPT, model="claude-3-5-haiku-20241022")
        answer = error_response(404, "not_found_error", "model: claude-3-5-haiku-20241022")
        failure = await failure_of([answer], prompt=prompt)
        assert failure.facts["successor"] == "claude-haiku-5-5"

    async def test_too_long_prompt_tells_the_numbers(self) -> None:
        message = "prompt is too long: 210000 tokens > 200000 maximum"
        failure = await failure_of([error_response(400, message=message)])
        assert (failure.facts["tokens"], failure.facts["maximum"]) == (210_000, 200_000)

    async def test_a_message_is_quoted_short_on_one_line_and_without_the_key(self) -> None:
        message = "bad key test-key\n\x1b[31mred\u202e " + "x" * 1000
        failure = await failure_of([error_response(400, message=message)])
        assert failure.message.startswith("bad key … [31mred x")
        assert len(failure.message) == 300

    async def test_request_id_comes_from_the_header_or_the_body(self) -> None:
        with_header = error_response(400, headers={"request-id": "req_header"})
        assert (await failure_of([with_header])).request_id == "req_header"
        assert (await failure_of([error_response(400)])).request_id == "req_body"

    async def test_refused_connection(self) -> None:
        async with serving([WHOLE]) as server:
            url = server.url
        async with claude_at(url, max_retries=0) as (claude, _):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "refused")

    async def test_name_that_does_not_resolve(self) -> None:
        async with claude_at("http://nowhere.invalid") as (claude, waits):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "dns")
        assert waits == [], "asking again at once does not mend a name"

    async def test_tls_to_something_that_does_not_speak_it(self) -> None:
        async with serving([WHOLE], greeting=error_response(400)) as server:
            url = server.url.replace("http:", "https:")
            async with claude_at(url) as (claude, _):
                with pytest.raises(ClaudeFailure) as caught:
                    await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "tls")

    async def test_server_that_hangs_up_without_an_answer(self) -> None:
        events, failure, waits, _ = await reply_to(["close"], [WHOLE])
        assert failure is None
        assert (words(events), len(waits)) == ("Hello", 1)


class TestRetries:
    async def test_bounded_with_growing_waits(self) -> None:
        _, failure, waits, server = await reply_to([error_response(529, "overloaded_error")])
        assert failure is not None and failure.kind == "overloaded"
        assert len(server.requests) == 3
        assert 0.375 <= waits[0] <= 0.5
        assert 0.75 <= waits[1] <= 1.0

    async def test_short_retry_after_is_obeyed(self) -> None:
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "3"})
        events, failure, waits, _ = await reply_to([busy], [WHOLE])
        assert failure is None
        assert (words(events), waits) == ("Hello", [3.0])

    async def test_long_retry_after_is_told_to_a_waiting_user(self) -> None:
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "30"})
        _, failure, waits, server = await reply_to([busy], [WHOLE])
        assert failure is not None
        assert (failure.kind, failure.retry_after_seconds) == ("rate_limit", 30.0)
        assert (len(server.requests), waits) == (1, [])

    async def test_in_the_background_it_is_awaited_up_to_a_limit(self) -> None:
        background = Purpose(action="review", interactive=False)
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "30"})
        _, failure, waits, _ = await reply_to([busy], [WHOLE], purpose=background)
        assert (failure, waits) == (None, [30.0])
        forever = error_response(429, "rate_limit_error", headers={"retry-after": "3600"})
        _, failure, waits, _ = await reply_to([forever], [WHOLE], purpose=background)
        assert failure is not None and waits == []

    async def test_spend_limit_is_never_retried(self) -> None:
        answer = error_response(429, "rate_limit_error", error_code="enforced_spend_limit_reached")
        _, failure, _, server = await reply_to([answer])
        assert failure is not None and failure.kind == "spend_limit"
        assert len(server.requests) == 1

    async def test_an_endpoint_may_forbid_it(self) -> None:
        answer = error_response(500, "api_error", headers={"x-should-retry": "false"})
        _, failure, _, server = await reply_to([answer])
        assert failure is not None
        assert len(server.requests) == 1

    async def test_a_completion_asks_once(self) -> None:
        answer = error_response(529, "overloaded_error")
        _, failure, _, server = await reply_to([answer], purpose=Purpose(action="complete"))
        assert failure is not None
        assert len(server.requests) == 1
