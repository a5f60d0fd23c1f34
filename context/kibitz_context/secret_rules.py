"""What secrets look like: a table of formats, as data.

There are two kinds.  A token with a *shape* says itself what it is (``ghp_…``): its pattern is
tried around runs of at least 16 word characters, near one of the rule's `keywords`.  A value
with a *name* is recognised by what it is given to (``password = "…"``): its pattern is tried
around the keywords, which are compared without case.

Quantifiers are bounded and neighbours do not overlap, so that no text can make a pattern slow.
If a pattern has a group, the group is the secret, else the whole match is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# What else a value must be like, for formats that also match ordinary code.
Demand = Literal["none", "password", "random"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One format.  `min_entropy` is in bits a character (Shannon), of the secret itself."""

    id: str
    pattern: str
    keywords: tuple[str, ...]
    min_entropy: float = 0.0
    demand: Demand = "none"


# The borders of a token: what stands beside them is not part of the same word.
_START = r"(?<![A-Za-z0-9_\-])"
_END = r"(?![A-Za-z0-9_\-])"


def _prefixed(rule_id: str, prefix: str, body: str, min_entropy: float = 2.5) -> Rule:
    """A token that is recognised by its first characters."""
    return Rule(rule_id, _START + re.escape(prefix) + body + _END, (prefix,), min_entropy)


def _near(rule_id: str, names: tuple[str, ...], body: str, min_entropy: float = 3.0) -> Rule:
    """A token without a shape of its own: a value that is given to a name of that vendor."""
    pattern = (
        rf"(?i:{'|'.join(names)})[A-Za-z0-9_.\- ]{{0,40}}[\"']?[ \t]{{0,8}}"
        rf"(?:=>|:=|=|:|,)[ \t]{{0,8}}[\"'`]?({body}){_END}"
    )
    return Rule(rule_id, pattern, names, min_entropy)


_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

SHAPED: tuple[Rule, ...] = (
    # Models
    _prefixed("anthropic", "sk-ant-", r"[A-Za-z0-9_\-]{16,250}"),
    _prefixed("openai-project", "sk-proj-", r"[A-Za-z0-9_\-]{20,250}"),
    _prefixed("openai-service", "sk-svcacct-", r"[A-Za-z0-9_\-]{20,250}"),
    _prefixed("openai-admin", "sk-admin-", r"[A-Za-z0-9_\-]{20,250}"),
    _prefixed("openrouter", "sk-or-v1-", rf"{_HEX}{{64}}"),
    _prefixed("openai", "sk-", r"[A-Za-z0-9]{32,64}", 3.0),
    _prefixed("huggingface", "hf_", r"[A-Za-z0-9]{30,60}", 3.0),
    _prefixed("huggingface-organisation", "api_org_", r"[A-Za-z0-9]{30,60}", 3.0),
    _prefixed("replicate", "r8_", r"[A-Za-z0-9]{30,60}", 3.0),
    _prefixed("groq", "gsk_", r"[A-Za-z0-9]{40,80}", 3.0),
    _prefixed("perplexity", "pplx-", r"[A-Za-z0-9]{40,80}", 3.0),
    _prefixed("xai", "xai-", r"[A-Za-z0-9]{40,120}", 3.0),
    _prefixed("nvidia", "nvapi-", r"[A-Za-z0-9_\-]{40,120}", 3.0),
    # Clouds
    Rule(
        "aws-access-key-id",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}(?![A-Za-z0-9])",
        ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        2.5,
    ),
    _prefixed("aws-bedrock", "ABSK", r"[A-Za-z0-9+/]{100,250}={0,2}", 3.0),
    _prefixed("google-api", "AIza", r"[A-Za-z0-9_\-]{35}", 3.0),
    _prefixed("google-oauth-secret", "GOCSPX-", r"[A-Za-z0-9_\-]{24,40}"),
    Rule("google-oauth-token", rf"{_START}ya29\.[A-Za-z0-9_\-]{{20,400}}", ("ya29.",), 3.0),
    Rule(
        "azure-connection",
        r"(?:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{40,120}={0,2})",
        ("AccountKey=", "SharedAccessKey=", "SharedSecretValue="),
        3.0,
    ),
    Rule(
        "azure-client-secret",
        r"(?<![A-Za-z0-9_~.\-])[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}",
        ("Q~",),
        3.0,
    ),
    Rule("azure-sas", r"[?&]sig=([A-Za-z0-9%+/]{40,120}={0,2})", ("sig=",), 3.0),
    _prefixed("digitalocean", "dop_v1_", rf"{_HEX}{{64}}"),
    _prefixed("digitalocean-oauth", "doo_v1_", rf"{_HEX}{{64}}"),
    _prefixed("digitalocean-refresh", "dor_v1_", rf"{_HEX}{{64}}"),
    _prefixed("alibaba", "LTAI", r"[A-Za-z0-9]{20}", 3.0),
    _prefixed("tencent", "AKID", r"[A-Za-z0-9]{32}", 3.0),
    Rule(
        "yandex",
        r"(?<![A-Za-z0-9_])(?:t1\.[A-Z0-9a-z_-]{2,200}={0,2}\."
        r"[A-Za-z0-9_-]{86}={0,2}|AQVN[A-Za-z0-9_\-]{35,38})",
        ("t1.", "AQVN"),
        3.0,
    ),
    _prefixed("heroku-v2", "HRKU-AA", r"[A-Za-z0-9_\-]{58}"),
    _prefixed("cloudflare-origin-ca", "v1.0-", rf"{_HEX}{{24}}-{_HEX}{{100,160}}"),
    _prefixed("fly", "fo1_", r"[A-Za-z0-9_\-]{43}", 3.0),
    Rule(
        "fly-macaroon", r"(?:FlyV1 )?fm[12][ar]?_[A-Za-z0-9+/]{60,800}={0,3}", ("fm1", "fm2"), 3.0
    ),
    _prefixed("vercel", "vercel_blob_rw_", r"[A-Za-z0-9_]{30,80}"),
    _prefixed("netlify", "nfp_", r"[A-Za-z0-9_]{36,60}", 3.0),
    _prefixed("scaleway", "SCW", r"[A-Z0-9]{17}", 3.0),
    # Code hosts and package registries
    Rule(
        "github",
        r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,251}",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        3.0,
    ),
    _prefixed("github-fine-grained", "github_pat_", r"[A-Za-z0-9_]{22,250}"),
    Rule(
        "gitlab",
        rf"{_START}(?:glpat|gldt|glrt|glsoat|glptt|glagent|glcbt|glimt|glffct|glft|gloas)-[A-Za-z0-9_\-.]{{20,320}}",
        (
            "glpat-",
            "gldt-",
            "glrt-",
            "glsoat-",
            "glptt-",
            "glagent-",
            "glcbt-",
            "glimt-",
            "glffct-",
            "glft-",
            "gloas-",
        ),
        2.5,
    ),
    _prefixed("gitlab-runner", "GR1348941", r"[A-Za-z0-9_\-]{20,40}"),
    Rule(
        "bitbucket",
        r"(?<![A-Za-z0-9])AT(?:BB|CTT3xFfGN0)[A-Za-z0-9_\-=]{24,250}",
        ("ATBB", "ATCTT3xFfGN0"),
        3.0,
    ),
    _prefixed("npm", "npm_", r"[A-Za-z0-9]{36}", 3.0),
    Rule(
        "npm-auth-token",
        r"(?<![A-Za-z0-9])_(?:authToken|password|auth)[ \t]{0,4}=[ \t]{0,4}\"?([^\s\"$]{8,400})",
        ("_authToken", "_password", "_auth"),
    ),
    _prefixed("pypi", "pypi-AgEIcHlwaS5vcmc", r"[A-Za-z0-9_\-]{50,400}"),
    _prefixed("pypi-test", "pypi-AgENdGVzdC5weXBpLm9yZw", r"[A-Za-z0-9_\-]{50,400}"),
    _prefixed("rubygems", "rubygems_", rf"{_HEX}{{48}}"),
    _prefixed("nuget", "oy2", r"[a-z0-9]{43}", 3.0),
    _prefixed("crates", "cio", r"[A-Za-z0-9]{32}", 3.0),
    _prefixed("clojars", "CLOJARS_", r"[a-z0-9]{60}"),
    _prefixed("docker-hub", "dckr_pat_", r"[A-Za-z0-9_\-]{27}"),
    _prefixed("docker-hub-organisation", "dckr_oat_", r"[A-Za-z0-9_\-]{32}"),
    _prefixed("jfrog", "AKCp", r"[A-Za-z0-9]{60,80}", 3.0),
    _prefixed("jfrog-reference", "cmVmdGtu", r"[A-Za-z0-9]{40,80}", 3.0),
    # Talking and sending
    Rule("slack", r"xox[abeoprs]-(?:[0-9]-)?[A-Za-z0-9\-]{10,250}", ("xox",), 2.5),
    Rule("slack-app", r"xapp-[0-9]-[A-Z0-9]{5,20}-[0-9]{5,20}-[a-z0-9]{30,100}", ("xapp-",), 2.5),
    Rule(
        "slack-webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_\-]{20,100})",
        ("hooks.slack.com/",),
    ),
    Rule(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/([0-9]{15,22}/[A-Za-z0-9_\-]{50,90})",
        ("/api/webhooks/",),
    ),
    Rule(
        "discord-bot",
        r"(?<![A-Za-z0-9_.\-])[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40}(?![A-Za-z0-9_\-])",
        (".",),
        3.5,
    ),
    Rule(
        "teams-webhook",
        r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/\-]{60,200})",
        ("webhook.office.com",),
    ),
    Rule(
        "telegram-bot",
        r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}(?![A-Za-z0-9_\-])",
        (":AA",),
        3.0,
    ),
    Rule(
        "sendgrid",
        r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}",
        ("SG.",),
        3.0,
    ),
    Rule("twilio", r"(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])", ("SK", "AC"), 3.0),
    Rule("mailgun", r"(?<![A-Za-z0-9])key-[0-9a-f]{32}(?![A-Za-z0-9])", ("key-",), 3.0),
    Rule("mailchimp", r"(?<![A-Za-z0-9])[0-9a-f]{32}-us[0-9]{1,2}(?![A-Za-z0-9])", ("-us",), 3.0),
    _prefixed("brevo", "xkeysib-", rf"{_HEX}{{64}}-[A-Za-z0-9]{{16}}"),
    _prefixed("postman", "PMAK-", rf"{_HEX}{{24}}-{_HEX}{{34}}"),
    _prefixed("resend", "re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", 3.0),
    # Money
    Rule(
        "stripe",
        r"(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,250}",
        ("_live_", "_test_", "_prod_"),
        2.5,
    ),
    Rule("stripe-webhook", r"(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{24,100}", ("whsec_",), 3.0),
    Rule(
        "square",
        r"(?<![A-Za-z0-9])(?:EAAA|sq0atp-|sq0csp-)[A-Za-z0-9_\-+=]{22,64}",
        ("EAAA", "sq0atp-", "sq0csp-"),
        3.0,
    ),
    Rule(
        "paypal-braintree",
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        ("access_token$",),
    ),
    Rule(
        "shopify",
        r"(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        2.5,
    ),
    Rule(
        "plaid",
        r"access-(?:sandbox|development|production)-[0-9a-f\-]{36}",
        ("access-sandbox-", "access-development-", "access-production-"),
    ),
    _prefixed("flutterwave", "FLWSECK_TEST-", r"[A-Za-z0-9]{12,40}"),
    # Running and watching
    _prefixed("grafana", "glsa_", rf"[A-Za-z0-9]{{32}}_{_HEX}{{8}}", 3.0),
    _prefixed("grafana-cloud", "glc_", r"[A-Za-z0-9+/]{32,400}={0,3}", 3.0),
    Rule(
        "newrelic",
        r"(?<![A-Za-z0-9])NR(?:AK|II|AA|JS|IQ|RA)-[A-Za-z0-9_\-]{19,44}",
        ("NRAK-", "NRII-", "NRAA-", "NRJS-", "NRIQ-", "NRRA-"),
        2.5,
    ),
    _prefixed("sentry", "sntrys_", r"[A-Za-z0-9+/=_\-]{40,500}", 3.0),
    _prefixed("sentry-user", "sntryu_", rf"{_HEX}{{64}}"),
    _prefixed("dynatrace", "dt0c01.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _prefixed("vault-service", "hvs.", r"[A-Za-z0-9_\-]{24,300}", 3.0),
    _prefixed("vault-batch", "hvb.", r"[A-Za-z0-9_\-]{100,400}", 3.0),
    Rule(
        "terraform-cloud",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,80}",
        (".atlasv1.",),
    ),
    _prefixed("pulumi", "pul-", rf"{_HEX}{{40}}"),
    _prefixed("doppler", "dp.pt.", r"[A-Za-z0-9]{43}"),
    Rule(
        "doppler-service",
        r"(?<![A-Za-z0-9])dp\.(?:st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        ("dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
    ),
    Rule(
        "databricks", r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}(?:-[0-9])?(?![A-Za-z0-9])", ("dapi",), 3.0
    ),
    Rule(
        "snyk-or-circleci",
        r"(?<![A-Za-z0-9])(?:CCIPAT|CCIPRJ)_[A-Za-z0-9]{20,40}_[0-9a-f]{40}",
        ("CCIPAT_", "CCIPRJ_"),
    ),
    _prefixed("sonar", "squ_", rf"{_HEX}{{40}}"),
    _prefixed("sonar-project", "sqp_", rf"{_HEX}{{40}}"),
    _prefixed("launchdarkly", "api-", _UUID),
    Rule("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", ("AGE-SECRET-KEY-1",)),
    _prefixed("tailscale", "tskey-", r"[A-Za-z0-9]{2,12}-[A-Za-z0-9_\-]{16,80}"),
    _prefixed("onepassword-service", "ops_ey", r"[A-Za-z0-9+/_\-]{200,2000}={0,3}"),
    # Databases
    _prefixed("planetscale", "pscale_tkn_", r"[A-Za-z0-9_\-.=]{32,64}"),
    _prefixed("planetscale-password", "pscale_pw_", r"[A-Za-z0-9_\-.=]{32,64}"),
    _prefixed("supabase", "sbp_", rf"{_HEX}{{40}}"),
    _prefixed("supabase-secret", "sb_secret_", r"[A-Za-z0-9_\-]{20,60}"),
    _prefixed("neon", "napi_", r"[a-z0-9]{64}", 3.0),
    # Work and everything else
    Rule("atlassian", r"(?<![A-Za-z0-9])ATATT3[A-Za-z0-9_\-=]{100,400}", ("ATATT3",)),
    Rule(
        "linear",
        r"(?<![A-Za-z0-9])lin_(?:api|oauth)_[A-Za-z0-9]{32,64}",
        ("lin_api_", "lin_oauth_"),
    ),
    Rule(
        "notion",
        r"(?<![A-Za-z0-9])(?:ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])",
        ("ntn_", "secret_"),
        3.0,
    ),
    Rule(
        "figma",
        r"(?<![A-Za-z0-9])fig(?:d|o|u|or)_[A-Za-z0-9_\-]{40,60}",
        ("figd_", "figo_", "figu_", "figor_"),
        3.0,
    ),
    _prefixed("contentful", "CFPAT-", r"[A-Za-z0-9_\-]{43}"),
    _prefixed("asana", "1/", r"[0-9]{16}:[0-9a-f]{32}"),
    Rule("dropbox", r"(?<![A-Za-z0-9])sl\.(?:u\.)?[A-Za-z0-9_\-=]{130,1500}", ("sl.",), 3.0),
    Rule("facebook", r"(?<![A-Za-z0-9])EAA[MC][A-Za-z0-9]{100,250}", ("EAAM", "EAAC"), 3.0),
    _prefixed("mapbox", "sk.eyJ", r"[A-Za-z0-9_\-]{30,120}\.[A-Za-z0-9_\-]{20,30}"),
    # Formats that no vendor owns
    Rule(
        "jwt",
        rf"{_START}eyJ[A-Za-z0-9_\-]{{8,2000}}\.eyJ[A-Za-z0-9_\-]{{8,8000}}"
        r"(?:\.[A-Za-z0-9_\-]{0,2000})?",
        ("eyJ",),
    ),
)

_LOGIN = r"(?i:passw(?:or)?d|passwd|passphrase|(?<![A-Za-z])pwd|_pwd|_pass)[0-9]{0,2}"
_LOGIN_WORDS = ("passw", "_pass", "passphrase", "pwd")
_CREDENTIAL = (
    r"(?i:secret|token|credentials?|salt|api[_\-]?key|"
    r"(?:access|auth|private|encryption|signing|client|master)[_\-]?key)[A-Za-z0-9_\-]{0,24}"
)
_CREDENTIAL_WORDS = ("secret", "token", "credential", "salt", "key")
_GIVEN = r"[\"'\]]{0,2}[ \t]{0,8}(?:=>|:=|===?|!==?|=|:)[ \t]{0,8}"
_UNQUOTED_END = r"[ \t]{0,8};?\r?(?=$|\n|[ \t](?:#|//))"


def _quoted(characters: str) -> str:
    """A string literal of `characters` (a quantifier) without white space."""
    literals = (rf"{quote}([^\s{quote}]{characters}){quote}" for quote in ('"', "'", "`"))
    return rf"[rbufRBUF@$]{{0,2}}(?:{'|'.join(literals)})"


NAMED: tuple[Rule, ...] = (
    _near("aws-secret", ("aws", "secret"), r"[A-Za-z0-9/+]{40}", 3.5),
    _near("heroku", ("heroku",), _UUID, 2.5),
    _near("cloudflare", ("cloudflare",), r"[A-Za-z0-9_\-]{37,45}", 3.2),
    _near("fastly", ("fastly",), r"[A-Za-z0-9_\-]{32}", 3.2),
    _near("twilio-auth", ("twilio",), r"[0-9a-f]{32}"),
    _near("datadog", ("datadog", "dd_api", "dd_app"), r"[0-9a-f]{32}(?:[0-9a-f]{8})?"),
    _near("snyk", ("snyk",), _UUID, 2.5),
    _near("circleci", ("circle",), r"[0-9a-f]{40}"),
    _near("airtable", ("airtable",), rf"(?:pat|key)[A-Za-z0-9]{{14}}(?:\.{_HEX}{{64}})?"),
    _near("algolia", ("algolia",), r"[a-z0-9]{32}"),
    Rule(
        "basic-auth-url",
        r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s/:@\"'<>`]{0,100}:([^\s/@\"'<>`]{4,200})@"
        r"(?=[A-Za-z0-9\[_.\-{$])",
        ("://",),
        demand="password",
    ),
    Rule(
        "authorization-header",
        r"(?i:authorization|x-api-key)[\"']?[ \t]{0,4}[:=,][ \t]{0,4}[\"'`]?"
        r"(?i:bearer |basic |token )?[ \t]{0,4}([A-Za-z0-9+/_\-.~]{16,2000}={0,2})",
        ("authorization", "x-api-key"),
        3.0,
        "random",
    ),
    Rule(
        "bearer",
        r"(?i:bearer)[ \t]{1,4}([A-Za-z0-9+/_\-.~]{20,2000}={0,2})",
        ("bearer",),
        3.5,
        "random",
    ),
    Rule(
        "curl-user",
        r"curl\b[^\n]{0,200}?[ \t](?:-u|--user)[ \t=]{0,4}[\"']?[^\s:\"']{1,80}:([^\s\"']{4,200})",
        ("curl",),
        demand="password",
    ),
    Rule("password", _LOGIN + _GIVEN + _quoted("{4,200}"), _LOGIN_WORDS, demand="password"),
    Rule(
        "password-unquoted",
        _LOGIN + r"[ \t]{0,4}(?:=|:[ \t])[ \t]{0,4}"
        r"([A-Za-z0-9+/=_\-!@#%^&*~?.]{6,200})" + _UNQUOTED_END,
        _LOGIN_WORDS,
        2.5,
        "random",
    ),
    Rule(
        "markup",
        r"<(?i:[a-z_.\-]{0,30}(?:password|passwd|passphrase|secret|token|api-?key))>"
        r"([^<>\s]{4,200})</",
        (*_LOGIN_WORDS, *_CREDENTIAL_WORDS),
        demand="password",
    ),
    Rule("generic", _CREDENTIAL + _GIVEN + _quoted("{8,500}"), _CREDENTIAL_WORDS, 3.0, "random"),
    Rule(
        "generic-unquoted",
        _CREDENTIAL + r"[ \t]{0,4}(?:=|:[ \t])[ \t]{0,4}"
        r"([A-Za-z0-9+/=_\-~.]{12,500})" + _UNQUOTED_END,
        _CREDENTIAL_WORDS,
        3.2,
        "random",
    ),
    Rule(
        "query-parameter",
        r"[?&](?i:access_token|api_?key|auth|client_secret|key|password|secret|sig|signature|token)"
        r"=([A-Za-z0-9%+/_\-.~]{12,500})",
        ("key", "token", "secret", "passw", "auth=", "sig=", "signature="),
        3.0,
        "random",
    ),
)

# From a line that begins a private key up to the line that ends it (or to the text's end, or to
# this many characters: an unfinished key is a key).
PRIVATE_KEY_BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
PRIVATE_KEY_END = r"-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
MAX_PRIVATE_KEY_CHARACTERS = 32_768
