"""What is made of a completion before it is shown: small filters, each of which mends one fault.

Every filter takes the text as it is by then and the place, and gives the text back, mended; or
"" where there is nothing to show.  They are ordered: each one relies on those before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kibitz.completion.brackets import closed_too_often, unclosed
from kibitz.completion.spot import OPENS_BLOCK, Spot, width_of

Filter = Callable[[str, Spot], str]

# A beginning of the line that is shorter may well be repeated on purpose.
LEAST_OVERLAP_CHARACTERS = 3
# How many lines above the cursor a reply may repeat, and how many below it.
MOST_REPEATED_LINES = 5
# The same line so many times in a row is a model that does not find its end.
MOST_EQUAL_LINES = 2

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[\w+-]*[ \t]*")
_PROSE = re.compile(
    r"(?:here(?:'s| is| are)\b|sure\b|certainly\b|the completion\b|i(?:'ll| will| would)\b)[^\n]*",
    re.IGNORECASE,
)
_PROSE_LANGUAGES = frozenset({"", "markdown", "plaintext", "text", "latex", "rst", "asciidoc"})
_LAST_WORD = re.compile(r"[^\W\d]\w*\Z")
_FIRST_WORD = re.compile(r"\w+")
_WORDS = re.compile(r"[^\W\d]\w+")
_CLOSERS = re.compile(r"[\s)\]};,]+\Z")
# Words; a ruler of dashes, or a key, may well repeat itself.
_REPEATED_PHRASE = re.compile(r"(.{6,60}?)\1{3,}")
_CONTINUES_BLOCK = re.compile(
    r"(?:else|elif|elsif|except|finally|catch|rescue|ensure|case|default|when|end|fi|done|esac|"
    r"in|then|and|or|where|with)\b|[)\]}.|&?+]"
)

# Behind one of these a letter begins another word; the others, such as `is` or `in`, are often
# the beginning of a longer one.
_WHOLE_WORD = re.compile(
    r"(?:return|import|from|def|class|elif|else|while|async|await|yield|raise|lambda|const|let|var|"
    r"func|function|struct|enum|interface|public|private|protected|static|throw|extends|"
    r"implements|export|package|namespace|using|new|case|match|impl|trait|where|typedef)\Z"
)


def polished(text: str, spot: Spot) -> str:
    """What is shown of `text` at `spot`; "" for nothing."""
    for mend in FILTERS:
        text = mend(text, spot)
        if not text:
            return ""
    return text


def without_wrapping(text: str, spot: Spot) -> str:
    """Take off a code fence, and words in front of it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if spot.language in _PROSE_LANGUAGES:
        return "\n".join(lines)
    fences = [number for number, line in enumerate(lines) if _FENCE.fullmatch(line)]
    words = [number for number, line in enumerate(lines) if line.strip()]
    if fences and (fences[0] == words[0] or _PROSE.match(lines[words[0]].strip())):
        end = fences[1] if len(fences) > 1 else len(lines)
        return "\n".join(lines[fences[0] + 1 : end])
    if words and spot.at_line_start and _PROSE.fullmatch(lines[words[0]].strip()):
        return ""
    return "\n".join(lines)


def with_a_seam(text: str, spot: Spot) -> str:
    """Have neither too much nor too little space where the text meets the cursor."""
    if spot.at_line_start:
        if not text.lstrip("\n") or not spot.line_before:
            return text
        if text.startswith("\n"):
            # The cursor's own line is where it is to begin.
            text = text.lstrip("\n")
        first, separator, rest = text.partition("\n")
        # What the cursor stands behind need not be said again.
        stripped = first.removeprefix(spot.indent)
        if stripped == first:
            stripped = first.lstrip(" \t")
        return stripped + separator + rest
    if spot.line_before.endswith((" ", "\t")):
        return text.lstrip(" \t")
    last, first_word = _LAST_WORD.search(spot.line_before), _FIRST_WORD.match(text)
    if last is None or first_word is None or not _WHOLE_WORD.match(last.group()):
        return text
    known = set(_WORDS.findall(spot.near_before)) | set(_WORDS.findall(spot.near_after))
    if last.group() + first_word.group() in known:
        return text
    return f" {text}"


def without_prefix(text: str, spot: Spot) -> str:
    """Drop what stands before the cursor already."""
    above = [line.strip() for line in spot.lines_before(MOST_REPEATED_LINES)]
    lines = text.split("\n")
    for count in range(min(len(above), len(lines) - 1), 0, -1):
        repeated = [line.strip() for line in lines[:count]]
        if repeated == above[-count:] and any(len(line) > 2 for line in repeated):
            text = "\n".join(lines[count:])
            if spot.at_line_start:
                return with_a_seam(text, spot)
            break
    begun = spot.line_before.strip()
    if len(begun) < LEAST_OVERLAP_CHARACTERS:
        return text
    candidate = text.lstrip()
    if candidate.startswith(begun):
        rest = candidate[len(begun) :]
        return rest.lstrip(" \t") if spot.line_before.endswith((" ", "\t")) else rest
    return text


def without_rest_of_line(text: str, spot: Spot) -> str:
    """Drop the rest of the cursor's line from the end, but no bracket that belongs to the text."""
    rest = spot.line_after.strip()
    if not rest:
        return text
    if not spot.wants_block:
        text = text.partition("\n")[0]
    stripped = text.rstrip()
    if not _CLOSERS.fullmatch(rest):
        return stripped.removesuffix(rest) if stripped.endswith(rest) else text
    # Of what the text closes too often as much goes as the line closes anyway.
    for length in range(len(rest), 0, -1):
        tail = rest[:length]
        if stripped.endswith(tail) and closed_too_often(stripped) >= _closers(tail) > 0:
            return stripped[: -len(tail)]
    return stripped[:-1] if rest[0] in ";," and stripped.endswith(rest[0]) else text


def without_lines_below(text: str, spot: Spot) -> str:
    """Stop before the lines that stand below the cursor already."""
    below = [line for line in spot.following if line.strip()][:MOST_REPEATED_LINES]
    if not below:
        return text
    lines = text.split("\n")
    first = below[0].strip()
    for number, line in enumerate(lines):
        if line.strip() != first:
            continue
        if _CLOSERS.fullmatch(first):
            if width_of(line) != width_of(below[0]) or closed_too_often("\n".join(lines)) <= 0:
                continue
        elif not _goes_on_alike(lines[number:], below):
            continue
        return "\n".join(lines[:number]).rstrip() if number else ""
    return text


def without_repetition(text: str, _spot: Spot) -> str:
    """Cut where lines, or a phrase, begin to come again and again."""
    lines = text.split("\n")
    kept: list[str] = []
    for line in lines:
        if (
            line.strip()
            and [each.strip() for each in kept[-MOST_EQUAL_LINES:]]
            == [line.strip()] * MOST_EQUAL_LINES
        ):
            kept = kept[: -MOST_EQUAL_LINES + 1]
            break
        kept.append(line)
    else:
        kept = _without_repeated_block(lines)
    text = "\n".join(kept)
    phrase = _REPEATED_PHRASE.search(text)
    if phrase is not None and len(phrase.group(1).split()) > 1:
        return text[: phrase.start() + len(phrase.group(1))].rstrip()
    return text


def with_own_brackets(text: str, spot: Spot) -> str:
    """Stop where a bracket is closed that was opened neither in the text nor before the cursor,
    or that the text behind the cursor closes."""
    allowed = max(0, unclosed(spot.near_before) - closed_too_often(spot.near_after))
    if closed_too_often(text) <= allowed:
        return text
    lines = text.split("\n")
    while lines and closed_too_often("\n".join(lines)) > allowed:
        last = lines.pop()
        if not _CLOSERS.fullmatch(last.strip() or ")"):
            # Within a line only what is closed too often goes.
            while last and closed_too_often("\n".join([*lines, last])) > allowed:
                last = last[:-1]
            lines.append(last)
            break
    return "\n".join(lines).rstrip()


def indented(text: str, spot: Spot) -> str:
    """Give lines below the first the indentation of the place, where the reply has lost it."""
    first, *rest = text.split("\n")
    if _uses_tabs(spot):
        rest = [_with_tabs(line) for line in rest]
    written = [line for line in rest if line.strip()]
    base = width_of(spot.indent)
    if not written or not base:
        return "\n".join([first, *rest])
    width, begins_deeper = width_of(written[0]), first.rstrip().endswith(OPENS_BLOCK)
    is_lost = width < base + begins_deeper and all(
        width_of(line) < base + width for line in written
    )
    if is_lost and not _closes(written[0]):
        rest = [spot.indent + line if line.strip() else line for line in rest]
    return "\n".join([first, *rest])


def in_scope(text: str, spot: Spot) -> str:
    """Stop where the block ends in which the cursor stands."""
    first, *rest = text.split("\n")
    base = width_of(spot.indent)
    kept = [first]
    for line in rest:
        if line.strip():
            goes_on = _CONTINUES_BLOCK.match(line.strip()) is not None
            if width_of(line) < base or (
                width_of(line) == base and not spot.at_line_start and not goes_on
            ):
                break
        kept.append(line)
    return "\n".join(kept).rstrip()


def worth_showing(text: str, spot: Spot) -> str:
    """Nothing where nothing would change."""
    text = text.rstrip() if "\n" in text or not text.strip() else text.rstrip("\n")
    if not text.strip():
        return ""
    below = "\n".join([spot.line_after, *spot.following]).strip()
    if below and below.startswith(text.strip()) and len(text.strip()) > 1:
        return ""
    return text


FILTERS: tuple[Filter, ...] = (
    without_wrapping,
    with_a_seam,
    without_prefix,
    without_rest_of_line,
    without_lines_below,
    without_repetition,
    with_own_brackets,
    indented,
    in_scope,
    worth_showing,
)


def _closers(text: str) -> int:
    return sum(text.count(each) for each in ")]}")


def _closes(line: str) -> bool:
    return line.strip()[:1] in {")", "]", "}"}


def _goes_on_alike(lines: Sequence[str], below: Sequence[str]) -> bool:
    """Whether the lines are those below, as far as both go; one short line says nothing."""
    written = [line.strip() for line in lines if line.strip()]
    pairs = list(zip(written, (line.strip() for line in below), strict=False))
    alike = sum(one == other for one, other in pairs)
    return alike == len(pairs) and (len(pairs) > 1 or len(pairs[0][0]) > 4)


def _without_repeated_block(lines: list[str]) -> list[str]:
    """Drop a block of two to eight lines that comes again at once, with all that follows."""
    for size in range(2, 9):
        for start in range(len(lines) - 2 * size + 1):
            block = lines[start : start + size]
            is_much = sum(len(line.strip()) for line in block) > 10
            if is_much and block == lines[start + size : start + 2 * size]:
                return lines[: start + size]
    return lines


def _uses_tabs(spot: Spot) -> bool:
    if spot.indent:
        return spot.indent.startswith("\t")
    return "\n\t" in spot.near_before or "\n\t" in spot.near_after


def _with_tabs(line: str) -> str:
    spaces = len(line) - len(line.lstrip(" "))
    tabs, rest = divmod(spaces, 4)
    return "\t" * tabs + " " * rest + line[spaces:]
