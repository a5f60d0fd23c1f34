"""Explain and ask: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import pytest

from kibitz.standin import Fault, Reply
from support.command_line import CommandLine


def test_an_explanation_is_plain_markdown(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("# Total\n\nAdds *all* prices."))
    outcome = commands.run("explain", "prices.py:6-10")
    assert (outcome.code, outcome.out, outcome.err) == (0, "# Total\n\nAdds *all* prices.\n", "")
    assert commands.asked[-1].request.body["stream"] is True


def test_a_text_from_stdin_is_an_unsaved_document(commands: CommandLine) -> None:
    assert commands.run("explain", "-:2", stdin="a = 1\r\nb = 2\r\n").code == 0
    assert '<region path="stdin" first_line="2">\n2\tb = 2\n</region>' in commands.task


def test_escape_sequences_of_the_answer_are_taken_out(commands: CommandLine) -> None:
    commands.standin.enqueue(
        Reply("red: \x1b[31mred\x1b[0m \x1b]0;title\x07end\u202e\u200b\r\n.", chunk_size=1)
    )
    assert commands.run("explain", "prices.py").out == "red: red end\n.\n"


def test_the_bill_is_printed_when_asked_for(commands: CommandLine) -> None:
    quiet = commands.run("explain", "prices.py")
    verbose = commands.run("explain", "prices.py", "--verbose")
    assert quiet.err == ""
    (line,) = verbose.err.splitlines()
    use = commands.asked[-1].cache_use
    assert use.read_tokens > 0
    assert line.startswith("claude-sonnet-5-5: ")
    assert f"({use.read_tokens:,} read from cache, 0 written to cache, " in line
    assert f"{commands.asked[-1].output_tokens:,} tokens out, $0." in line
    assert line.endswith(commands.asked[-1].request_id)


def test_a_question(commands: CommandLine) -> None:
    outcome = commands.run("ask", "Where is the rate?")
    assert (outcome.code, outcome.err) == (0, "")
    assert "“Where is the rate?”" in outcome.out
    assert "<question>\nWhere is the rate?\n</question>" in commands.task
    assert "<region" not in commands.task


def test_a_question_on_stdin(commands: CommandLine) -> None:
    assert commands.run("ask", "-", stdin="Where is the rate?\n").code == 0
    assert "<question>\nWhere is the rate?\n</question>" in commands.task


def test_a_question_about_stdin(commands: CommandLine) -> None:
    assert commands.run("ask", "What broke?", "-", stdin="Traceback: boom\n").code == 0
    assert "<question>\nWhat broke?\n</question>" in commands.task
    assert '<region path="stdin" first_line="1">\n1\tTraceback: boom\n</region>' in commands.task


def test_what_ask_may_choose(commands: CommandLine) -> None:
    code = commands.run("ask", "Why?", "--model", "claude-opus-5-5", "--max-tokens", "777").code
    body = commands.asked[-1].request.body
    assert (code, body["model"], body["max_tokens"]) == (0, "claude-opus-5-5", 777)


@pytest.mark.parametrize("arguments", [["ask", ""], ["ask", "  "]])
def test_an_empty_question(commands: CommandLine, arguments: list[str]) -> None:
    outcome = commands.run(*arguments)
    assert (outcome.code, outcome.err) == (2, "kibitz: Nothing was asked; give a question.\n")
    assert not commands.asked


def test_stdin_is_only_one_thing(commands: CommandLine) -> None:
    outcome = commands.run("ask", "-", "-", stdin="x")
    assert outcome.code == 2
    assert "Stdin cannot be both" in outcome.err


Answer = Reply | Fault


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (Reply("", stop_reason="end_turn"), 3, "Claude's answer was empty; ask again."),
        (Reply("half", stop_reason="max_tokens"), 3, "The reply was cut off at its token limit"),
        (Reply.refusal("I"), 3, "Claude refused to answer"),
        (Reply("x" * 90).failing(Fault.drop(4)), 3, "broke off in the middle of the reply"),
        (Reply("x" * 90).failing(Fault.error_event(4)), 3, "is overloaded"),
        (Fault.status_code(401), 3, "does not accept the API key"),
        (Fault.status_code(400, "Your credit balance is too low to access the API."), 3, "credit"),
        (Fault.rate_limited(retry_after=90), 3, "try again in 90 seconds."),
        (Fault.html(200), 3, "answers (HTTP 200), but not as the Messages API does"),
    ],
    ids=lambda value: "" if isinstance(value, int) else None,
)
def test_failures_are_one_sentence(
    commands: CommandLine, answer: Answer, code: int, says: str
) -> None:
    for _ in range(3):  # some are tried again
        commands.standin.enqueue(answer)
    outcome = commands.run("explain", "prices.py", "--set", "audit=off")
    commands.standin.reset_script()
    assert outcome.code == code
    assert says in outcome.last_line
    assert outcome.err.count("\n") == 1


def test_what_came_before_a_failure_is_kept(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("The first half").failing(Fault.cut("first half")))
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (3, "The first half\n")


def test_without_credentials(commands: CommandLine) -> None:
    commands.set("ANTHROPIC_API_KEY", None)
    commands.set("ANTHROPIC_BASE_URL", None)
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (2, "")
    assert "There is no API key for api.anthropic.com; set ANTHROPIC_API_KEY" in outcome.err


def test_nobody_listens(commands: CommandLine) -> None:
    commands.set("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (3, "")
    assert "127.0.0.1:9 refuses the connection" in outcome.err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["budget.request_usd=0.0001"], "would go over the limit of $0.0001 for one"),
        (["budget.day_usd=0.0001"], "would go over the day's limit of $0.0001"),
    ],
)
def test_a_budget_that_is_too_small(commands: CommandLine, settings: list[str], says: str) -> None:
    options = [option for setting in settings for option in ("--set", setting)]
    outcome = commands.run("ask", "Why?", *options)
    assert (outcome.code, outcome.out) == (4, "")
    assert says in outcome.err
    assert not commands.asked


def test_a_project_may_lower_the_budget(commands: CommandLine) -> None:
    commands.write(".kibitz.toml", "budget.request_usd = 0.0001\n")
    assert commands.run("ask", "Why?").code == 4


def test_an_unknown_model_names_where_it_was_chosen(commands: CommandLine) -> None:
    by_option = commands.run("ask", "Why?", "--model", "claude-sonet-5-5")
    by_setting = commands.run("explain", "prices.py", "--set", "models.standard=claude-sonet-5-5")
    assert (by_option.code, by_setting.code) == (3, 3)
    assert 'set `--model` to "claude-sonnet-5-5".' in by_option.err
    assert 'set `models.standard` to "claude-sonnet-5-5".' in by_setting.err


def test_each_request_is_in_the_ledger(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    commands.run("ask", "Why?")
    usage = commands.run("usage", "--by", "task", "--json", "--since", "today")
    assert usage.code == 0
    assert '"key": "ask"' in usage.out
    assert '"key": "explain"' in usage.out
