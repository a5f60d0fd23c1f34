"""Tokens that say themselves what they are, by a prefix or a shape: data.

Each holds at least 20 characters of ``[A-Za-z0-9_/+-]`` in a row, in or beside its keyword.
"""

from __future__ import annotations

import re

from kibitz_context.gate.secret_rules import Rule

_WORD = r"A-Za-z0-9_\-"
_ALNUM = "A-Za-z0-9"
_BASE64 = "A-Za-z0-9+/"
_HEX = "0-9a-fA-F"
_UUID = f"[{_HEX}]{{8}}-[{_HEX}]{{4}}-[{_HEX}]{{4}}-[{_HEX}]{{4}}-[{_HEX}]{{12}}"
_START = "(?<![A-Za-z0-9])"
_END = "(?![A-Za-z0-9])"

_GITLAB_KINDS = "pat|dt|rt|soat|ptt|agent|cbt|imt|ffct|ft|oas"

# Formats grow: a token that is longer than its maker says today is still one.
_LONGEST = 4_000


def _token(rule_id: str, prefix: str, at_least: int, alphabet: str = _ALNUM) -> Rule:
    """A token that no word of another kind begins like: it is taken as far as it goes."""
    pattern = f"{_START}{re.escape(prefix)}[{alphabet}]{{{at_least},{_LONGEST}}}={{0,3}}"
    return Rule(rule_id, pattern, (prefix,))


def _exact(rule_id: str, prefix: str, body: str, min_entropy: float = 3.0) -> Rule:
    """A token with a short prefix: its length and its disorder count as well."""
    pattern = f"{_START}{re.escape(prefix)}{body}{_END}"
    return Rule(rule_id, pattern, (prefix,), min_entropy)


def _near(rule_id: str, names: tuple[str, ...], body: str, min_entropy: float = 3.0) -> Rule:
    """A token without a shape: a value that is given to a name of that vendor."""
    pattern = (
        rf"(?i:{'|'.join(names)})[A-Za-z0-9_.\-]{{0,40}}[\"'\]]{{0,2}}[ \t]{{0,8}}"
        rf"(?:=>|:=|=|:|,)[ \t]{{0,8}}[\"'`]?({body}){_END}"
    )
    return Rule(rule_id, pattern, names, min_entropy, folded=True)


SHAPED: tuple[Rule, ...] = (
    # Models
    _token("anthropic", "sk-ant-", 16, _WORD),
    _token("openai-project", "sk-proj-", 20, _WORD),
    _token("openai-service", "sk-svcacct-", 20, _WORD),
    _token("openai-admin", "sk-admin-", 20, _WORD),
    _token("openrouter", "sk-or-v1-", 32),
    _token("openai", "sk-", 32),
    _token("huggingface", "hf_", 30),
    _token("huggingface-organisation", "api_org_", 30),
    _exact("replicate", "r8_", "[A-Za-z0-9]{30,60}"),
    _token("groq", "gsk_", 40),
    _token("perplexity", "pplx-", 40),
    _token("xai", "xai-", 40),
    _token("nvidia", "nvapi-", 40, _WORD),
    # Clouds
    Rule(
        "aws-access-key-id",
        f"{_START}(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{{16}}{_END}",
        ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
    ),
    _near("aws-secret", ("secret",), r"[A-Za-z0-9/+]{40}", 3.5),
    _token("aws-bedrock", "ABSK", 60, _BASE64),
    _token("google-api", "AIza", 35, _WORD),
    _token("google-oauth-secret", "GOCSPX-", 20, _WORD),
    _token("google-oauth-token", "ya29.", 20, _WORD),
    Rule(
        "azure-connection",
        r"(?:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{40,200}={0,2})",
        ("AccountKey=", "SharedAccessKey=", "SharedSecretValue="),
    ),
    Rule(
        "azure-client-secret",
        r"(?<![A-Za-z0-9_~.\-])[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}",
        ("Q~",),
        3.0,
    ),
    _token("digitalocean", "dop_v1_", 64),
    _token("digitalocean-oauth", "doo_v1_", 64),
    _token("digitalocean-refresh", "dor_v1_", 64),
    _exact("alibaba", "LTAI", "[A-Za-z0-9]{16,24}"),
    _exact("tencent", "AKID", "[A-Za-z0-9]{32}"),
    _token("yandex-api", "AQVN", 35, _WORD),
    Rule(
        "yandex-iam",
        rf"{_START}t1\.[A-Z0-9a-z_-]{{2,200}}={{0,2}}\.[A-Za-z0-9_-]{{86}}={{0,2}}",
        ("t1.",),
    ),
    _near("heroku", ("heroku",), _UUID, 2.5),
    _token("heroku-v2", "HRKU-AA", 40, _WORD),
    _near("cloudflare", ("cloudflare",), r"[A-Za-z0-9_\-]{37,45}", 3.2),
    _token("cloudflare-origin-ca", "v1.0-", 100, "0-9a-f-"),
    _near("fastly", ("fastly",), r"[A-Za-z0-9_\-]{32}", 3.2),
    _token("fly", "fo1_", 43, _WORD),
    Rule("fly-macaroon", rf"{_START}fm[12][ar]?_[{_BASE64}]{{60,2000}}={{0,3}}", ("fm1", "fm2")),
    _token("vercel", "vercel_blob_rw_", 30, "A-Za-z0-9_"),
    _exact("netlify", "nfp_", "[A-Za-z0-9_]{36,60}"),
    _exact("scaleway", "SCW", "[A-Z0-9]{17}"),
    # Code hosts and package registries
    Rule(
        "github",
        f"{_START}gh[pousr]_[A-Za-z0-9]{{36,{_LONGEST}}}",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    ),
    _token("github-fine-grained", "github_pat_", 22, "A-Za-z0-9_"),
    Rule(
        "gitlab",
        rf"{_START}gl(?:{_GITLAB_KINDS})-[A-Za-z0-9_\-.]{{20,{_LONGEST}}}",
        tuple(f"gl{kind}-" for kind in _GITLAB_KINDS.split("|")),
    ),
    _token("gitlab-runner", "GR1348941", 20, _WORD),
    Rule(
        "bitbucket",
        rf"{_START}AT(?:BB|CTT3xFfGN0)[A-Za-z0-9_\-=]{{24,{_LONGEST}}}",
        ("ATBB", "ATCTT3xFfGN0"),
    ),
    _token("npm", "npm_", 36),
    Rule(
        "npm-auth",
        f'{_START}_(?:authToken|password|auth)[ \\t]{{0,4}}=[ \\t]{{0,4}}"?([^\\s"$]{{8,500}})',
        ("_authToken", "_password", "_auth"),
        demand="random",
    ),
    _token("pypi", "pypi-AgE", 50, _WORD),
    _token("rubygems", "rubygems_", 48),
    _exact("nuget", "oy2", "[a-z0-9]{43}"),
    _exact("crates", "cio", "[A-Za-z0-9]{32}"),
    _token("clojars", "CLOJARS_", 60),
    _token("docker-hub", "dckr_pat_", 20, _WORD),
    _token("docker-hub-organisation", "dckr_oat_", 20, _WORD),
    _exact("jfrog", "AKCp", "[A-Za-z0-9]{60,80}"),
    _exact("jfrog-reference", "cmVmdGtu", "[A-Za-z0-9]{40,80}"),
    # Talking and sending
    Rule("slack", r"xox[abeoprs]-(?:[0-9]-)?[A-Za-z0-9\-]{15,500}", ("xox",)),
    Rule("slack-app", r"xapp-[0-9]-[A-Z0-9]{5,20}-[0-9]{5,20}-[a-z0-9]{30,200}", ("xapp-",)),
    Rule(
        "slack-webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_\-]{20,200})",
        ("hooks.slack.com/",),
    ),
    Rule(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/([0-9]{15,22}/[A-Za-z0-9_\-]{50,100})",
        ("/api/webhooks/",),
    ),
    _near(
        "discord-bot",
        ("discord", "bot_token"),
        r"[A-Za-z0-9_\-]{23,28}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40}",
        3.5,
    ),
    Rule(
        "teams-webhook",
        r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/\-]{60,250})",
        ("webhook.office.com",),
    ),
    Rule("telegram-bot", rf"(?<![0-9])[0-9]{{8,10}}:AA[{_WORD}]{{33}}(?![{_WORD}])", (":AA",)),
    Rule("sendgrid", rf"{_START}SG\.[{_WORD}]{{16,32}}\.[{_WORD}]{{32,64}}", ("SG.",)),
    Rule("twilio", f"{_START}(?:SK|AC)[0-9a-f]{{32}}{_END}", ("SK", "AC"), 3.0),
    _near("twilio-auth", ("twilio",), "[0-9a-f]{32}"),
    _exact("mailgun", "key-", "[0-9a-f]{32}"),
    Rule("mailchimp", f"{_START}[0-9a-f]{{32}}-us[0-9]{{1,2}}{_END}", ("-us",), 3.0),
    _token("brevo", "xkeysib-", 64, _WORD),
    _token("postman", "PMAK-", 50, _WORD),
    _exact("resend", "re_", "[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    # Money
    Rule(
        "stripe",
        f"{_START}[srp]k_(?:live|test|prod)_[A-Za-z0-9]{{10,500}}",
        ("k_live_", "k_test_", "k_prod_"),
    ),
    _token("stripe-webhook", "whsec_", 24, _BASE64),
    Rule(
        "square",
        rf"{_START}(?:EAAA|sq0atp-|sq0csp-)[{_WORD}+=]{{22,64}}",
        ("EAAA", "sq0atp-", "sq0csp-"),
        3.0,
    ),
    Rule(
        "braintree",
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        ("access_token$",),
    ),
    Rule(
        "shopify",
        f"{_START}shp(?:at|ca|pa|ss)_[{_HEX}]{{32}}",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
    ),
    Rule(
        "plaid",
        f"access-(?:sandbox|development|production)-{_UUID}",
        ("access-sandbox-", "access-development-", "access-production-"),
    ),
    _token("flutterwave", "FLWSECK_TEST-", 12),
    # Running and watching
    _token("grafana", "glsa_", 32, "A-Za-z0-9_"),
    _token("grafana-cloud", "glc_", 32, _BASE64),
    Rule(
        "newrelic",
        rf"{_START}NR(?:AK|II|AA|JS|IQ|RA)-[{_WORD}]{{19,60}}",
        ("NRAK-", "NRII-", "NRAA-", "NRJS-", "NRIQ-", "NRRA-"),
    ),
    _near("datadog", ("datadog", "dd_api", "dd_app"), "[0-9a-f]{32}(?:[0-9a-f]{8})?"),
    _token("sentry", "sntrys_", 40, _BASE64 + r"=_\-"),
    _token("sentry-user", "sntryu_", 64),
    Rule("dynatrace", rf"{_START}dt0c01\.[A-Z0-9]{{24}}\.[A-Z0-9]{{64}}", ("dt0c01.",)),
    _token("vault-service", "hvs.", 24, _WORD),
    _token("vault-batch", "hvb.", 60, _WORD),
    Rule(
        "terraform-cloud",
        rf"{_START}[A-Za-z0-9]{{14}}\.atlasv1\.[{_WORD}=]{{60,90}}",
        (".atlasv1.",),
    ),
    _exact("pulumi", "pul-", "[0-9a-f]{40}"),
    Rule(
        "doppler",
        r"(?<![A-Za-z0-9])dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{2,35}\.)?"
        "[A-Za-z0-9]{40,44}",
        ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
    ),
    _exact("databricks", "dapi", "[0-9a-f]{32}(?:-[0-9])?"),
    Rule(
        "circleci-v2",
        rf"{_START}CCI(?:PAT|PRJ)_[A-Za-z0-9]{{20,40}}_[0-9a-f]{{40}}",
        ("CCIPAT_", "CCIPRJ_"),
    ),
    _near("circleci", ("circle",), "[0-9a-f]{40}"),
    _near("snyk", ("snyk",), _UUID, 2.5),
    _exact("sonar", "squ_", "[0-9a-f]{40}"),
    _exact("sonar-project", "sqp_", "[0-9a-f]{40}"),
    _exact("launchdarkly", "api-", _UUID, 2.5),
    _token("age-key", "AGE-SECRET-KEY-1", 50),
    _token("tailscale", "tskey-", 20, _WORD),
    _token("onepassword-service", "ops_ey", 200, _BASE64 + r"_\-"),
    # Databases
    _token("planetscale", "pscale_tkn_", 32, _WORD + "."),
    _token("planetscale-password", "pscale_pw_", 32, _WORD + "."),
    _token("planetscale-oauth", "pscale_oauth_", 32, _WORD + "."),
    _exact("supabase", "sbp_", "[0-9a-f]{40}"),
    _token("supabase-secret", "sb_secret_", 20, _WORD),
    _exact("neon", "napi_", "[a-z0-9]{64}"),
    # Work and everything else
    _token("atlassian", "ATATT3", 100, _WORD + "="),
    _near("airtable", ("airtable",), rf"(?:pat|key)[A-Za-z0-9]{{14}}(?:\.[{_HEX}]{{64}})?"),
    _near("algolia", ("algolia",), "[a-z0-9]{32}"),
    _token("linear", "lin_api_", 32),
    _token("linear-oauth", "lin_oauth_", 32),
    _exact("notion", "ntn_", "[A-Za-z0-9]{40,60}"),
    _exact("notion-old", "secret_", "[A-Za-z0-9]{43}"),
    Rule(
        "figma",
        rf"{_START}fig(?:d|o|u|or)_[{_WORD}]{{40,60}}",
        ("figd_", "figo_", "figu_", "figor_"),
    ),
    _token("contentful", "CFPAT-", 40, _WORD),
    _exact("asana", "1/", "[0-9]{16}:[0-9a-f]{32}"),
    _token("dropbox", "sl.", 130, _WORD + ".="),
    _token("facebook", "EAAM", 100),
    _token("facebook-app", "EAAC", 100),
    _token("mapbox", "sk.eyJ", 40, _WORD + "."),
    # Formats that no vendor owns
    Rule(
        "jwt",
        rf"{_START}eyJ[{_WORD}]{{8,{_LONGEST}}}\.eyJ[{_WORD}]{{8,8000}}"
        rf"(?:\.[{_WORD}]{{0,{_LONGEST}}})?",
        ("eyJ",),
    ),
    Rule(
        "authorization",
        r"(?i:authorization|x-api-key)[\"']?[ \t]{0,4}[:=,][ \t]{0,4}[\"'`]?"
        r"(?i:bearer |basic |token )?[ \t]{0,4}([A-Za-z0-9+/_\-.~]{20,4000}={0,2})",
        ("authorization", "x-api-key"),
        3.0,
        "random",
        folded=True,
    ),
    Rule(
        "bearer",
        r"(?i:bearer)[ \t]{1,4}([A-Za-z0-9+/_\-.~]{20,4000}={0,2})",
        ("bearer ",),
        3.0,
        "random",
        folded=True,
    ),
    Rule(
        "query-parameter",
        r"[?&](?i:access_token|api_?key|auth|client_secret|key|password|secret|sig|signature|token)"
        r"=([A-Za-z0-9%+/_\-.~]{16,1000}={0,2})",
        ("key=", "token=", "secret=", "password=", "auth=", "sig=", "signature="),
        3.0,
        "random",
        folded=True,
    ),
)
