"""Secrets: found in the formats that are known, replaced without moving anything."""

from __future__ import annotations

import random
import re
import string
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context.gate import secrets
from kibitz_context.gate.secret_names import NAMED
from kibitz_context.gate.secret_rules import Rule
from kibitz_context.gate.secret_shapes import SHAPED
from kibitz_context.gate.secrets import redact
from kibitz_context.values import Allowed

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def drawn(alphabet: str, length: int, seed: int = 7) -> str:
    """The same random-looking text every time.  Written out, scanners would take it for real."""
    source = random.Random(f"{alphabet}{length}{seed}")
    return "".join(source.choice(alphabet) for _ in range(length))


UUID = "-".join(drawn(HEX, length, length) for length in (8, 4, 4, 4, 12))

# (rule, a line with a secret, the secret)
EXAMPLES: list[tuple[str, str, str]] = [
    (rule, f'x = "{secret}"', secret)
    for rule, secret in [
        ("anthropic", "sk-ant-api03-" + drawn(LETTERS + "-_", 93) + "AA"),
        ("openai-project", "sk-proj-" + drawn(LETTERS, 48)),
        ("openai-service", "sk-svcacct-" + drawn(LETTERS, 48)),
        ("openai-admin", "sk-admin-" + drawn(LETTERS, 48)),
        ("openai", "sk-" + drawn(LETTERS, 48)),
        ("openrouter", "sk-or-v1-" + drawn(HEX, 64)),
        ("huggingface", "hf_" + drawn(LETTERS, 34)),
        ("replicate", "r8_" + drawn(LETTERS, 37)),
        ("groq", "gsk_" + drawn(LETTERS, 52)),
        ("perplexity", "pplx-" + drawn(LETTERS, 48)),
        ("xai", "xai-" + drawn(LETTERS, 80)),
        ("nvidia", "nvapi-" + drawn(LETTERS, 64)),
        ("aws-access-key-id", "AKIA" + drawn(string.ascii_uppercase + "234567", 16)),
        ("aws-access-key-id", "ASIA" + drawn(string.ascii_uppercase, 16)),
        ("google-api", "AIza" + drawn(LETTERS + "-_", 35)),
        ("google-oauth-secret", "GOCSPX-" + drawn(LETTERS, 28)),
        ("google-oauth-token", "ya29." + drawn(LETTERS, 80)),
        ("azure-client-secret", "abc8Q~" + drawn(LETTERS, 33)),
        ("digitalocean", "dop_v1_" + drawn(HEX, 64)),
        ("alibaba", "LTAI" + drawn(LETTERS, 20)),
        ("tencent", "AKID" + drawn(LETTERS, 32)),
        ("yandex-api", "AQVN" + drawn(LETTERS, 36)),
        ("heroku-v2", "HRKU-AA" + drawn(LETTERS, 58)),
        ("vercel", "vercel_blob_rw_" + drawn(LETTERS, 40)),
        ("netlify", "nfp_" + drawn(LETTERS, 36)),
        ("github", "ghp_" + drawn(LETTERS, 36)),
        ("github", "gho_" + drawn(LETTERS, 36)),
        ("github", "ghs_" + drawn(LETTERS, 36)),
        ("github-fine-grained", "github_pat_" + drawn(LETTERS, 22) + "_" + drawn(LETTERS, 59)),
        ("gitlab", "glpat-" + drawn(LETTERS + "-_", 20)),
        ("gitlab", "gldt-" + drawn(LETTERS, 20)),
        ("gitlab-runner", "GR1348941" + drawn(LETTERS, 20)),
        ("bitbucket", "ATBB" + drawn(LETTERS, 32)),
        ("npm", "npm_" + drawn(LETTERS, 36)),
        ("pypi", "pypi-AgEIcHlwaS5vcmc" + drawn(LETTERS + "-_", 120)),
        ("rubygems", "rubygems_" + drawn(HEX, 48)),
        ("nuget", "oy2" + drawn(string.ascii_lowercase + string.digits, 43)),
        ("crates", "cio" + drawn(LETTERS, 32)),
        ("clojars", "CLOJARS_" + drawn(HEX, 60)),
        ("docker-hub", "dckr_pat_" + drawn(LETTERS, 27)),
        ("jfrog", "AKCp" + drawn(LETTERS, 69)),
        ("slack", "xoxb-" + drawn(string.digits, 12) + "-" + drawn(LETTERS, 24)),
        ("slack-app", f"xapp-1-A{drawn('ABC123', 9)}-{drawn('0123456789', 12)}-{drawn(HEX, 64)}"),
        ("sendgrid", "SG." + drawn(LETTERS, 22) + "." + drawn(LETTERS, 43)),
        ("twilio", "SK" + drawn(HEX, 32)),
        ("mailgun", "key-" + drawn(HEX, 32)),
        ("mailchimp", drawn(HEX, 32) + "-us12"),
        ("brevo", "xkeysib-" + drawn(HEX, 64) + "-" + drawn(LETTERS, 16)),
        ("postman", "PMAK-" + drawn(HEX, 24) + "-" + drawn(HEX, 34)),
        ("resend", "re_" + drawn(LETTERS, 8) + "_" + drawn(LETTERS, 24)),
        ("telegram-bot", drawn("123456789", 10) + ":AA" + drawn(LETTERS, 33)),
        ("stripe", "sk_live_" + drawn(LETTERS, 24)),
        ("stripe", "rk_test_" + drawn(LETTERS, 24)),
        ("stripe-webhook", "whsec_" + drawn(LETTERS, 32)),
        ("square", "sq0atp-" + drawn(LETTERS, 22)),
        ("braintree", f"access_token$production${drawn(HEX, 16)}${drawn(HEX, 32)}"),
        ("shopify", "shpat_" + drawn(HEX, 32)),
        ("plaid", f"access-production-{UUID}"),
        ("grafana", "glsa_" + drawn(LETTERS, 32) + "_" + drawn(HEX, 8)),
        ("grafana-cloud", "glc_" + drawn(LETTERS, 60)),
        ("newrelic", "NRAK-" + drawn(string.ascii_uppercase + string.digits, 27)),
        ("sentry", "sntrys_" + drawn(LETTERS, 90)),
        ("dynatrace", f"dt0c01.{drawn('ABCDEF234567', 24)}.{drawn('ABCDEF234567', 64)}"),
        ("vault-service", "hvs." + drawn(LETTERS, 90)),
        ("terraform-cloud", drawn(LETTERS, 14) + ".atlasv1." + drawn(LETTERS, 67)),
        ("pulumi", "pul-" + drawn(HEX, 40)),
        ("doppler", "dp.pt." + drawn(LETTERS, 43)),
        ("databricks", "dapi" + drawn(HEX, 32)),
        ("circleci-v2", f"CCIPAT_{drawn(LETTERS, 22)}_{drawn(HEX, 40)}"),
        ("sonar", "squ_" + drawn(HEX, 40)),
        ("launchdarkly", f"api-{UUID}"),
        ("age-key", "AGE-SECRET-KEY-1" + drawn(string.ascii_uppercase + string.digits, 58)),
        ("tailscale", "tskey-auth-" + drawn(LETTERS, 17) + "-" + drawn(LETTERS, 32)),
        ("planetscale", "pscale_tkn_" + drawn(LETTERS, 43)),
        ("supabase", "sbp_" + drawn(HEX, 40)),
        ("neon", "napi_" + drawn(string.ascii_lowercase + string.digits, 64)),
        ("atlassian", "ATATT3" + drawn(LETTERS, 180)),
        ("linear", "lin_api_" + drawn(LETTERS, 40)),
        ("notion", "ntn_" + drawn(LETTERS, 46)),
        ("figma", "figd_" + drawn(LETTERS + "-_", 40)),
        ("contentful", "CFPAT-" + drawn(LETTERS, 43)),
        ("dropbox", "sl." + drawn(LETTERS, 140)),
        ("facebook", "EAAM" + drawn(LETTERS, 120)),
        ("jwt", f"eyJ{drawn(LETTERS, 33)}.eyJ{drawn(LETTERS, 80)}.{drawn(LETTERS, 43)}"),
    ]
] + [
    (
        "azure-connection",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={drawn(LETTERS, 86)}==;B=c",
        drawn(LETTERS, 86) + "==",
    ),
    ("azure-sas", f"https://a.example/b?sv=1&sig={drawn(LETTERS, 43)}%3D", drawn(LETTERS, 43)),
    (
        "aws-secret",
        f"aws_secret_access_key = {drawn(LETTERS + '/+', 40)}",
        drawn(LETTERS + "/+", 40),
    ),
    ("heroku", f'HEROKU_API_KEY: "{UUID}"', UUID),
    ("cloudflare", f"cloudflare_token={drawn(LETTERS, 40)}", drawn(LETTERS, 40)),
    ("datadog", f'datadog.api("x"); dd_api_key = "{drawn(HEX, 32)}"', drawn(HEX, 32)),
    ("snyk", f"snyk_token: {UUID}", UUID),
    ("circleci", f"CIRCLE_TOKEN={drawn(HEX, 40)}", drawn(HEX, 40)),
    (
        "npm-auth",
        f"//registry.example/:_authToken={UUID}",
        UUID,
    ),
    (
        "slack-webhook",
        f"https://hooks.slack.com/services/T0A1B2C3/B0A1B2C3/{drawn(LETTERS, 24)}",
        f"T0A1B2C3/B0A1B2C3/{drawn(LETTERS, 24)}",
    ),
    (
        "discord-webhook",
        f"https://discord.com/api/webhooks/{drawn('123456789', 18)}/{drawn(LETTERS, 68)}",
        f"{drawn('123456789', 18)}/{drawn(LETTERS, 68)}",
    ),
    ("authorization", f'"Authorization": "Basic {drawn(LETTERS, 32)}=="', drawn(LETTERS, 32)),
    ("bearer", f"curl -H 'Authorization: Bearer {drawn(LETTERS, 32)}'", drawn(LETTERS, 32)),
    ("query-parameter", f"https://a.example/?q=1&api_key={drawn(LETTERS, 24)}", drawn(LETTERS, 24)),
    ("basic-auth-url", "postgres://app:tr0ub4dor@db.example:5432/app", "tr0ub4dor"),
    ("basic-auth-url", "redis://:tr0ub4dor@cache:6379", "tr0ub4dor"),
    ("password", 'db_password = "hunter2"', "hunter2"),
    ("password", "{'password': 'p\"w!'}", 'p"w!'),
    ("password", 'conf["DB_PASSWORD"] = "correct-horse"', "correct-horse"),
    ("password-unquoted", "  password: hunter2x9", "hunter2x9"),
    ("password-setting", "POSTGRES_PASSWORD=example", "example"),
    ("password-setting", "  MYSQL_ROOT_PASSWORD: swordfish  # local", "swordfish"),
    ("credential", f'client_secret: "{drawn(LETTERS, 24)}"', drawn(LETTERS, 24)),
    ("credential", f"apiKey: '{drawn(LETTERS, 20)}',", drawn(LETTERS, 20)),
    ("credential", 'SECRET_KEY = "django-insecure-4f%x2(k9"', "django-insecure-4f%x2(k9"),
    ("credential-unquoted", f"token = {drawn(LETTERS, 30)}", drawn(LETTERS, 30)),
    ("credential-setting", "export API_TOKEN=3c5a-77Qz-90", "3c5a-77Qz-90"),
    ("markup", "<password>hunter2</password>", "hunter2"),
    ("curl-user", "curl -s -u admin:hunter22 https://a.example", "hunter22"),
]


@pytest.mark.parametrize(("rule", "line", "secret"), EXAMPLES)
def test_a_known_format_is_replaced_and_nothing_else(rule: str, line: str, secret: str) -> None:
    text = f"# before\n{line}\nafter\n"
    answer = redact(text)
    assert secret not in answer.text
    assert len(answer.text) == len(text)
    assert answer.text.startswith("# before\n") and answer.text.endswith("\nafter\n")
    assert restored(answer) == text
    # What betrays the secret is still there to be read.
    before = line[: line.index(secret)]
    assert answer.text[: text.index(secret)].endswith(before[-3:])


def restored(answer: Allowed) -> str:
    text = answer.text
    for placeholder, secret in answer.secrets:
        assert text.count(placeholder) == 1
        text = text.replace(placeholder, secret)
    return text


def test_there_are_more_than_a_hundred_formats_each_with_its_own_name() -> None:
    rules = [*SHAPED, *NAMED]
    assert len(rules) > 100
    assert len({rule.id for rule in rules}) == len(rules)
    known = {rule.id for rule in rules} | {"azure-sas"}
    assert {rule for rule, _, _ in EXAMPLES} <= known
    assert len({rule for rule, _, _ in EXAMPLES}) > 80


@pytest.mark.parametrize("rule", [*SHAPED, *NAMED], ids=lambda rule: rule.id)
def test_the_quantifiers_of_a_pattern_are_bounded(rule: Rule) -> None:
    without_classes = re.sub(r"\[(?:\\.|[^\]\\])*\]", "C", rule.pattern)
    without_escapes = re.sub(r"\\.", "E", without_classes)
    assert not re.search(r"[*+]|\{\d+,\}", without_escapes)
    assert rule.keywords


@pytest.mark.parametrize("rule", NAMED, ids=lambda rule: rule.id)
def test_keywords_of_names_are_in_lower_case(rule: Rule) -> None:
    assert all(keyword == keyword.lower() for keyword in rule.keywords)


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD"]',
        "password: str = field(default='')",
        'parser.add_argument("--password", help="the password")',
        'password = "${DB_PASSWORD}"',
        'password = "{{ vault.password }}"',
        'PASSWORD_FIELD = "password"',
        '"password": "string",',
        "    token = tokens[0]",
        "max_tokens = 60_000",
        "MAX_TOKENS=60000 * 2",
        'TOKEN_TYPE = "identifier"',
        'secret_name = "my-application-secret"',
        "const apiKey = process.env.API_KEY;",
        "api_key: ${{ secrets.API_KEY }}",
        "https://example.org:8080/path@2x.png",
        "git+ssh://git@example.org/a/b.git",
        "https://user:${PASSWORD}@example.org",
        "key = lambda pair: pair[0]",
        "self.access_key = access_key",
        "import { authenticateTokenMiddlewareFactory } from './middleware/authenticate'",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "class SkLearnEstimatorWithAVeryLongNameIndeedItIsLong:",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_ordinary_code_is_left_alone(line: str) -> None:
    assert redact(line) == Allowed(line)


KEY_BODY = "\n".join(drawn(LETTERS + "+/", 64, seed) for seed in range(5)) + "\nQx8=\n"


@pytest.mark.parametrize(
    "kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_private_key_loses_its_body_and_keeps_its_lines(kind: str, ending: str) -> None:
    text = f"key = '''-----BEGIN {kind}-----\n{KEY_BODY}-----END {kind}-----'''\nmore\n"
    text = text.replace("\n", ending)
    answer = redact(text)
    lines, hidden = text.split(ending), answer.text.split(ending)
    assert [len(line) for line in hidden] == [len(line) for line in lines]
    assert hidden[0] == lines[0] and hidden[-3:] == lines[-3:]
    assert not any(line in answer.text for line in lines[1:7])
    assert restored(answer) == text


def test_a_private_key_in_a_string_literal_is_found() -> None:
    body = "\\n".join(drawn(LETTERS + "+/", 64, seed) for seed in range(3))
    text = (
        f'{{"private_key": "-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n"}}'
    )
    answer = redact(text)
    assert drawn(LETTERS + "+/", 64, 1) not in answer.text
    assert restored(answer) == text


def test_an_unfinished_private_key_is_one() -> None:
    text = f"-----BEGIN EC PRIVATE KEY-----\n{KEY_BODY}"
    assert not any(line in redact(text).text for line in KEY_BODY.split("\n")[:5])


def test_prose_about_private_keys_stays() -> None:
    text = 'Looks for "-----BEGIN PRIVATE KEY-----" and takes everything after the first line.\n'
    assert redact(text) == Allowed(text)


def test_a_placeholder_is_the_same_every_time_and_wherever_its_line_stands() -> None:
    line = 'db_password = "hunter2"\n'
    (placeholder, _), *rest = redact(line).secrets
    assert not rest
    above = 'api_key = "' + drawn(LETTERS, 24) + '"\n'
    assert (placeholder, "hunter2") in redact(above + line).secrets


def test_a_placeholder_tells_nothing_about_the_secret() -> None:
    one = redact('password = "hunter2"').text
    other = redact('password = "swordfs"').text
    assert one == other


def test_the_neighbour_on_the_line_tells_nothing_either() -> None:
    def second(first: str) -> str:
        return redact(f'login(password="{first}", api_key="{drawn(LETTERS, 24)}")').secrets[1][0]

    assert second("hunter2") == second("swordfs")


def test_equal_secrets_in_different_places_can_be_told_apart() -> None:
    text = 'password = "hunter2"\npassword = "hunter2"\npassword = "hunter3"\n'
    answer = redact(text)
    assert len({placeholder for placeholder, _ in answer.secrets}) == 3
    assert restored(answer) == text


def test_no_placeholder_is_part_of_another_even_without_its_filling() -> None:
    secrets = [drawn(LETTERS, length, length) for length in range(4, 60)] * 3
    answer = redact("".join(f'password = "{secret}"\n' for secret in secrets))
    names = [placeholder.rstrip("_") for placeholder, _ in answer.secrets]
    assert len(names) == len(secrets)
    for one in names:
        assert sum(one in other for other in names) == 1


def test_a_text_that_holds_a_placeholder_does_not_get_it_twice() -> None:
    (placeholder, _), *_ = redact('password = "hunter2"').secrets
    answer = redact(f'# {placeholder}\npassword = "hunter2"')
    assert answer.secrets[0][0] != placeholder


def test_what_was_redacted_stays_as_it_is() -> None:
    for _, line, _ in EXAMPLES:
        once = redact(line).text
        assert redact(once) == Allowed(once)


def test_a_letter_that_becomes_two_in_lower_case_moves_nothing() -> None:
    text = 'İİİ PASSWORD = "hunter2"'
    assert redact(text).text.startswith('İİİ PASSWORD = "')
    assert redact(text).secrets[0][1] == "hunter2"


def test_a_token_longer_than_its_format_is_taken_whole() -> None:
    token = "ghp_" + drawn(LETTERS, 200)
    assert not re.search(drawn(LETTERS, 200)[-20:], redact(f"{token} rest").text)


def test_a_secret_in_a_line_of_a_megabyte_is_found() -> None:
    token = "ghp_" + drawn(LETTERS, 36)
    text = "a=1;" * 125_000 + f'"{token}"' + ";b=2" * 125_000
    assert token not in redact(text).text


_snippets = st.sampled_from(
    [line for _, line, _ in EXAMPLES]
    + [
        "\n",
        "\r\n",
        "\r",
        "\u2028",
        " ",
        "😋",
        '"',
        "=",
        ": ",
        "-----BEGIN PRIVATE KEY-----",
        KEY_BODY,
    ]
    + ["password", "token", "eyJ", "://", "@", "İ"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_snippets, st.text(max_size=8)), max_size=8).map("".join))
def test_any_text_keeps_its_length_and_its_line_endings(text: str) -> None:
    answer = redact(text)
    assert len(answer.text) == len(text)
    for index, char in enumerate(text):
        if char in "\r\n":
            assert answer.text[index] == char
        else:
            assert answer.text[index] not in "\r\n"
    assert len(answer.text.splitlines()) <= len(text.splitlines())
    assert redact(answer.text).text == answer.text
    for placeholder, secret in answer.secrets:
        assert len(placeholder) == len(secret)


_parts = st.sampled_from(
    ["aB3_" * 5, "x" * 19, "y" * 20, "apikey", "password", "token", "Z", " ", "\n", "é"]
)


@given(st.lists(_parts, max_size=12).map("".join), st.integers(20, 60))
def test_it_does_not_matter_where_the_pieces_end_in_which_a_text_is_searched(
    text: str, piece_characters: int
) -> None:
    names, _ = secrets._compiled_names()
    with mock.patch.object(secrets, "PIECE_CHARACTERS", piece_characters):
        runs = list(secrets._runs(text))
        named = [name.span() for name in secrets._names_in(text)]
    assert runs == [run.span() for run in secrets._RUN.finditer(text)]
    assert named == [name.span() for name in names.finditer(text)]


# What each pattern would have to try again and again, if it tried anything again.
HARD = [
    "a" * 50_000,
    "password" * 8_000,
    "password " * 8_000,
    "token_" * 8_000 + "=",
    "eyJ" + "a" * 50_000 + ".",
    "eyJ." * 10_000,
    "https://" + "a" * 50_000 + ":",
    "://" * 15_000,
    "-----BEGIN PRIVATE KEY-----\n" * 2_000,
    "AccountKey=" * 5_000,
    "sk-" * 15_000,
    "<password>" * 5_000,
    "curl " * 10_000 + "-u",
    "secret = '" + "\\" * 40_000,
    "a.b-c_d/e+" * 5_000,
    "PASSWORD_" * 6_000,
    "aws" + " " * 40_000 + "=",
    # A quarter of a megabyte in one line: names, runs of characters with a keyword, and secrets.
    "token:a," * 32_000,
    ("sk-" + "x" * 24 + ";") * 10_000,
    'password="hunter2";' * 12_500,
    'password="hunter2"\n' * 12_500,
]


@pytest.mark.parametrize("text", HARD, ids=lambda text: text[:12].strip())
def test_no_text_takes_a_pattern_very_long(text: str) -> None:
    # Not a measurement: what is quadratic or worse would take minutes here.
    assert len(redact(text).text) == len(text)
