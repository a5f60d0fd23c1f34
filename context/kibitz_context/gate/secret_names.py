"""Secrets that look like anything, and are betrayed by the name they are given to: data.

The keywords are pieces of those names, in lower case, as short and as rare in code as they can
be: all of them are looked for in every text.
"""

from __future__ import annotations

from kibitz_context.gate.secret_rules import Rule

_LOGIN = r"(?i:passw(?:or)?d|passphrase|(?<![A-Za-z])pwd|_pwd|_pass)[0-9]{0,2}"
_LOGIN_WORDS = ("word", "wd", "phrase", "_pass")
_CREDENTIAL = (
    r"(?i:secret|token|credentials?|api[_\-]?key|"
    r"(?:access|auth|private|encryption|signing|client|master)[_\-]?key)[A-Za-z0-9_\-]{0,24}"
)
_CREDENTIAL_WORDS = ("cret", "ken", "cred", "key")

# What stands between a name and its value in a program, and in a configuration file.
_GIVEN = r"[\"'\]]{0,2}[ \t]{0,8}(?:=>|:=|===?|!==?|=|:)[ \t]{0,8}"
_SET = r"[ \t]{0,4}(?:=|:[ \t])[ \t]{0,4}"
_LINE_END = r"[ \t]{0,8};?\r?(?=$|\n|[ \t](?:#|//))"

# Names as environments have them: in capitals, ending there, and no space before the sign.
_SETTING = r"(?<![A-Za-z0-9_])[A-Z0-9_]{0,60}"
_SETTING_SIGN = r"[0-9_]{0,4}(?:=|:[ \t]{1,4})"


def _quoted(characters: str) -> str:
    """A string literal of `characters` (a quantifier) without white space."""
    literals = (rf"{quote}([^\s{quote}]{characters}){quote}" for quote in ('"', "'", "`"))
    return rf"[rbufRBUF@$]{{0,2}}(?:{'|'.join(literals)})"


NAMED: tuple[Rule, ...] = (
    Rule("password", _LOGIN + _GIVEN + _quoted("{4,200}"), _LOGIN_WORDS, demand="password"),
    Rule(
        "password-unquoted",
        _LOGIN + _SET + r"([A-Za-z0-9+/=_\-!@#%^&*~?.]{6,200})" + _LINE_END,
        _LOGIN_WORDS,
        2.0,
        "random",
    ),
    Rule(
        "password-setting",
        _SETTING
        + r"(?:PASSWORD|PASSWD|PASSPHRASE|_PWD|_PASS)"
        + _SETTING_SIGN
        + r"([^\s\"'`,;]{4,200})"
        + _LINE_END,
        _LOGIN_WORDS,
        demand="password",
    ),
    Rule("credential", _CREDENTIAL + _GIVEN + _quoted("{8,500}"), _CREDENTIAL_WORDS, 3.0, "random"),
    Rule(
        "credential-unquoted",
        _CREDENTIAL + _SET + r"([A-Za-z0-9+/=_\-~.]{12,500})" + _LINE_END,
        _CREDENTIAL_WORDS,
        3.2,
        "random",
    ),
    Rule(
        "credential-setting",
        _SETTING
        + r"(?:SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY)"
        + _SETTING_SIGN
        + r"([^\s\"'`,;]{8,500})"
        + _LINE_END,
        _CREDENTIAL_WORDS,
        2.5,
        "password",
    ),
    Rule(
        "markup",
        r"<(?i:[a-z_.\-]{0,30}(?:passw(?:or)?d|passphrase|secret|token|api-?key))>"
        r"([^<>\s]{4,200})</",
        (*_LOGIN_WORDS, *_CREDENTIAL_WORDS),
        demand="password",
    ),
    Rule(
        "basic-auth-url",
        r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s/:@\"'<>`]{0,100}:([^\s/@\"'<>`]{4,200})@"
        r"(?=[A-Za-z0-9\[_.\-{$])",
        ("://",),
        demand="password",
    ),
    Rule(
        "curl-user",
        r"curl\b[^\n]{0,200}?[ \t](?:-u|--user)[ \t=]{0,4}[\"']?[^\s:\"']{1,80}:([^\s\"']{4,200})",
        ("curl",),
        demand="password",
    ),
)
