"""Replaces secrets by placeholders of the same length, the same ones every time.

A placeholder tells nothing about the secret, not even by a hash that could be tried against a
word list: it is made from the rule and from what stands to the left of the secret.  Nothing but
the secret changes, line endings stay, so that offsets and lines are those of the original.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from kibitz_context.gate import secret_rules
from kibitz_context.gate.secret_names import NAMED
from kibitz_context.gate.secret_rules import Demand, Rule
from kibitz_context.gate.secret_shapes import SHAPED
from kibitz_context.remembered import Remembered
from kibitz_context.values import Allowed

MAX_REMEMBERED_TEXTS = 50_000

# A secret of four characters has some two hundred placeholders; a text that needs more gets one
# twice, and there an edit cannot put the secret back.
_MAX_ATTEMPTS = 1_000

# A mark, letters and one digit are the name; filling makes it as long as the secret.  The digit
# is only at the name's end, so that no name is the beginning of another: whoever puts secrets
# back need not count the filling.
_MARK = "REDACTED_"
_SHORT_MARK = "R_"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "23456789"
_MAX_LETTERS = 12
_FILLING = "_"
_PLACEHOLDER = re.compile(r"(?:REDACTED_|R_)[A-Z]*[2-9]_*")
# One that is long enough not to be taken for a name.
_CERTAIN_PLACEHOLDER = re.compile(r"\bREDACTED_[A-Z]+[2-9]_*(?!\w)")


def placeholders_in(text: str) -> frozenset[str]:
    """The words of `text` that may stand for a secret that was taken out somewhere."""
    return frozenset(_CERTAIN_PLACEHOLDER.findall(text))


# Every shaped token holds a run like this; its keyword is in it or this close to it.
_LEAST_RUN_CHARACTERS = 20
_RUN = re.compile(rf"[A-Za-z0-9_\-+/]{{{_LEAST_RUN_CHARACTERS},}}")
# A search holds the interpreter until it finds something, in a megabyte for 15 ms: so that the
# event loop of a server gets its turn, no more than this is searched at a time.
PIECE_CHARACTERS = 64 * 1024
_BEFORE_RUN, _AFTER_RUN = 64, 12
# How far a named value is looked for on the line of its name, in characters.
_BEFORE_NAME, _AFTER_NAME = 160, 700
# A token is taken whole although the window around it is not.
_REST_OF_TOKEN = re.compile(r"\S{0,8192}")
_LEFT_CONTEXT_CHARACTERS = 48

_PIECE = re.compile(r"[^\r\n]+")
_LINE_REST = re.compile(r"[^\r\n]*\Z")
_KEY_RUN = re.compile(r"[A-Za-z0-9+/=]{4,}")
# Shorter: prose that mentions the first line of a key.  The last line of a key may be shorter.
_KEY_LINE_CHARACTERS = 20
_TEMPLATE = re.compile(
    r"\$\{?[A-Za-z_(]|\{\{|\{[A-Za-z_0-9.!:]*\}|<[A-Za-z_ \-.]+>|%[sdr(]|%[A-Z_]+%|\*{3,}|\.{3}|…"
    r"|x{4,}|X{4,}"
)
_COMMON_WORDS = "false hidden none null optional pass pwd required string str text true undefined"
_NOT_A_PASSWORD = frozenset(_COMMON_WORDS.split())
_BETWEEN_WORDS = re.compile(r"[_\-./:>()\[\]]+")
_WORD = re.compile(r"[A-Za-z]{0,32}[0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class _Secret:
    """One line's part of a secret, to be replaced."""

    start: int
    end: int
    rule_id: str


def redact(text: str) -> Allowed:
    """`text` with its secrets replaced; `secrets` has each placeholder once, in order.

    The same text gives the same result, and the result of the result is the result.
    """
    key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    placeholders = _remembered.get_or_make(
        key, lambda: tuple(_placeholders(text, list(_secrets(text))))
    )
    return _replaced(text, placeholders)


# By the digest of a text; most texts have none.
_remembered: Remembered[bytes, tuple[tuple[int, str], ...]] = Remembered(MAX_REMEMBERED_TEXTS)


def _replaced(text: str, placeholders: tuple[tuple[int, str], ...]) -> Allowed:
    if not placeholders:
        return Allowed(text)
    parts: list[str] = []
    secrets: list[tuple[str, str]] = []
    done = 0
    for start, placeholder in placeholders:
        end = start + len(placeholder)
        secrets.append((placeholder, text[start:end]))
        parts += (text[done:start], placeholder)
        done = end
    return Allowed("".join([*parts, text[done:]]), tuple(secrets))


def _placeholders(text: str, secrets: list[_Secret]) -> Iterator[tuple[int, str]]:
    """Offset and placeholder of each secret; no two names are equal, none stands in the text."""
    standing = "\n".join(_PLACEHOLDER.findall(text)) if secrets else ""
    taken: set[str] = set()
    attempts: dict[tuple[str, int], int] = {}
    done = 0
    for secret in secrets:
        # Not beyond the line, nor into the secret before this one: the placeholder would tell.
        left_start = max(done, secret.start - _LEFT_CONTEXT_CHARACTERS)
        left = _LINE_REST.search(text, left_start, secret.start)
        context = f"{secret.rule_id}\0{left[0] if left else ''}"
        done = secret.end
        length = secret.end - secret.start
        first = attempts.get((context, length), 0)
        for attempt in range(first, first + _MAX_ATTEMPTS):
            name = _name(context, attempt, length)
            if name not in taken and name not in standing:
                break
        attempts[context, length] = attempt + 1
        taken.add(name)
        yield secret.start, name.ljust(length, _FILLING)


def _name(context: str, attempt: int, length: int) -> str:
    mark = _MARK if length >= len(_MARK) + 4 else _SHORT_MARK
    seed = f"{context}\0{length}\0{attempt}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(seed).digest()
    room = min(length - len(mark) - 1, _MAX_LETTERS)
    letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:room])
    return f"{mark}{letters}{_DIGITS[digest[-1] % len(_DIGITS)]}"


def _secrets(text: str) -> Iterator[_Secret]:
    """The secrets of `text` in order, without overlaps, each within one line."""
    found = [*_private_keys(text), *_shaped(text), *_named(text)]
    found.sort(key=lambda secret: (secret.start, -secret.end))
    done = 0
    for secret in found:
        start = max(secret.start, done)
        for piece in _PIECE.finditer(text, start, max(start, secret.end)):
            yield _Secret(piece.start(), piece.end(), secret.rule_id)
        done = max(done, secret.end)


def _private_keys(text: str) -> Iterator[_Secret]:
    if "PRIVATE KEY" not in text:
        return
    begin, end = _compiled_keys()
    position = 0
    while opened := begin.search(text, position):
        limit = opened.end() + secret_rules.MAX_PRIVATE_KEY_CHARACTERS
        closed = end.search(text, opened.end(), limit)
        position = closed.end() if closed else limit
        runs = list(_KEY_RUN.finditer(text, opened.end(), closed.start() if closed else limit))
        # In a string literal the lines are joined by a spelt-out `\n`, whose "n" may be taken
        # for a part of the key: that costs nothing.
        long_runs = [run for run in runs if len(run[0]) >= _KEY_LINE_CHARACTERS]
        if closed and long_runs and runs[-1] is not long_runs[-1]:
            long_runs.append(runs[-1])
        for run in long_runs:
            yield _Secret(run.start(), run.end(), "private-key")


def _shaped(text: str) -> Iterator[_Secret]:
    windows: list[tuple[int, int]] = []
    for run_start, run_end in _runs(text):
        start, end = max(0, run_start - _BEFORE_RUN), run_end + _AFTER_RUN
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    snippets = [text[start:end] for start, end in windows]
    # Almost no rule has its keyword in any window; asking once drops it for all of them.
    plain = "\n".join(snippets)
    folded = _lower(plain)
    rules = _rules_of(plain, folded)
    if not rules:
        return
    searched_to: dict[str, int] = {}
    for (start, end), snippet in zip(windows, snippets, strict=True):
        lowered = _lower(snippet)
        for rule, pattern in rules:
            where = lowered if rule.folded else snippet
            if searched_to.get(rule.id, -1) < end and any(word in where for word in rule.keywords):
                searched_to[rule.id] = _token_end(text, end)
                yield from _matches(text, rule, pattern, start, searched_to[rule.id])


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what ``_RUN.finditer`` finds, searched piece by piece."""
    start = 0
    while start < len(text):
        limit = start + PIECE_CHARACTERS
        # What begins so near the limit that it is too short before it is found in the next piece.
        rest = limit - _LEAST_RUN_CHARACTERS + 1
        for run in _RUN.finditer(text, start, limit):
            whole = _RUN.match(text, run.start()) if run.end() == limit else run
            assert whole is not None
            yield whole.span()
            rest = max(rest, whole.end())
        start = rest


def _names_in(text: str) -> Iterator[re.Match[str]]:
    """What ``finditer`` finds of the names, searched piece by piece."""
    names, longest = _compiled_names()[0], _longest_name()
    at = 0
    while at < len(text):
        limit = at + PIECE_CHARACTERS
        for name in names.finditer(text, at, limit + longest):
            if name.start() >= limit:
                break
            yield name
            at = name.end()
        at = max(at, limit)


def _named(text: str) -> Iterator[_Secret]:
    _, rules_by_name = _compiled_names()
    searched_to: dict[str, int] = {}
    for name in _names_in(_lower(text)):
        start = max(0, name.start() - _BEFORE_NAME)
        start = max(start, text.rfind("\n", start, name.start()) + 1)
        end = min(len(text), name.end() + _AFTER_NAME)
        line_end = text.find("\n", name.end(), end)
        end = line_end if line_end >= 0 else _token_end(text, end)
        for rule, pattern in rules_by_name[name[0]]:
            if searched_to.get(rule.id, -1) < name.end():
                searched_to[rule.id] = end
                yield from _matches(text, rule, pattern, start, end)


def _matches(
    text: str, rule: Rule, pattern: re.Pattern[str], start: int, end: int
) -> Iterator[_Secret]:
    for match in pattern.finditer(text, start, end):
        group = match.lastindex or 0
        value = match[group]
        if _entropy(value) >= rule.min_entropy and _meets(rule.demand, value):
            yield _Secret(match.start(group), match.end(group), rule.id)


def _meets(demand: Demand, value: str) -> bool:
    """Whether a value that was found by its name alone is likely to be a secret."""
    if _PLACEHOLDER.fullmatch(value):
        return False
    if demand == "none":
        return True
    if _TEMPLATE.search(value):
        return False
    if demand == "password":
        # A label or a constant that speaks of passwords is none.
        label = value.lower()
        speaks = "passw" in label or "passphrase" in label
        return label not in _NOT_A_PASSWORD and not (speaks and not any(map(str.isdigit, label)))
    if all(_WORD.fullmatch(word) for word in _BETWEEN_WORDS.split(value)):
        return False
    has_digit = any(char.isdigit() for char in value)
    has_letter = any(char.isalpha() for char in value)
    return (has_digit and has_letter) or (len(value) >= 20 and _entropy(value) >= 3.7)


def _entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _token_end(text: str, offset: int) -> int:
    match = _REST_OF_TOKEN.match(text, min(offset, len(text)))
    return match.end() if match else len(text)


def _lower(text: str) -> str:
    """`text` in lower case with every offset as it was."""
    lowered = text.lower()
    # "İ" is the one letter that becomes two.
    return lowered if len(lowered) == len(text) else text.replace("İ", "I").lower()


def _rules_of(plain: str, folded: str) -> list[tuple[Rule, re.Pattern[str]]]:
    """The rules that have a keyword in a text; nearly always none, and every text is asked."""
    in_plain, in_folded = _shape_keywords()
    found = {word for word in in_plain if word in plain}
    found_folded = {word for word in in_folded if word in folded}
    if not found and not found_folded:
        return []
    return [
        (rule, pattern)
        for rule, pattern in _compiled_shapes()
        if not (found_folded if rule.folded else found).isdisjoint(rule.keywords)
    ]


@cache
def _shape_keywords() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Each keyword once: those looked for as they are, and those in lower case."""
    return tuple(
        tuple(
            dict.fromkeys(
                word for rule in SHAPED if rule.folded is folded for word in rule.keywords
            )
        )
        for folded in (False, True)
    )  # type: ignore[return-value]


@cache
def _compiled_shapes() -> tuple[tuple[Rule, re.Pattern[str]], ...]:
    return tuple((rule, re.compile(rule.pattern)) for rule in SHAPED)


@cache
def _compiled_keys() -> tuple[re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(secret_rules.PRIVATE_KEY_BEGIN),
        re.compile(secret_rules.PRIVATE_KEY_END),
    )


@cache
def _compiled_names() -> tuple[re.Pattern[str], dict[str, list[tuple[Rule, re.Pattern[str]]]]]:
    """One pattern of all names in lower case, and the rules that each of them calls for."""
    rules_by_name: dict[str, list[tuple[Rule, re.Pattern[str]]]] = {}
    for rule in NAMED:
        for name in rule.keywords:
            rules_by_name.setdefault(name, []).append((rule, re.compile(rule.pattern)))
    return re.compile("|".join(re.escape(name) for name in rules_by_name)), rules_by_name


@cache
def _longest_name() -> int:
    return max(len(name) for rule in NAMED for name in rule.keywords)
