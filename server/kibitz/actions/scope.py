"""Which lines a cursor means: the definition around it, found by words and indentation.

Lexical on purpose: it needs no grammar, works in a file that does not parse and answers in
well under a millisecond.  It never fails; where it finds no definition it takes the paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kibitz_context.document import Document
from kibitz_context.lines import Span, split_lines, without_ending
from kibitz_context.nesting import enclosing, first_word

_DEFINITION = re.compile(
    r"""^\s*
    (?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub|
          pub\([\w:]+\)|unsafe|extern|const|inline|virtual|override|open|data|sealed|local|
          declare)\s+)*
    (?:def|class|function\*?|fn|func|fun|interface|struct|enum|trait|impl|module|namespace|
       type|object|record|protocol|extension|sub|procedure|defmodule|defp?|let\s+rec)\b
    """,
    re.VERBOSE,
)
# `name(arguments) {` at the end of a line: a C-like function or a method.
_C_LIKE = re.compile(r"^\s*[\w:<>,*&\[\]\s~.]*\b(?!if\b|for\b|while\b|switch\b|catch\b|return\b)"
                     r"[A-Za-z_~]\w*\s*\([^;]{0,400}\)[\w\s:>\-]*\{\s*$")  # fmt: skip
_CLOSES = re.compile(r"^\s*(?:[}\])]|end\b|fi\b|done\b|esac\b)")
_DECORATOR = re.compile(r"^\s*(?:@|#\[|\[\w)")

MAX_DEFINITION_LINES = 400  # longer: rather the paragraph than half a file


def _indentation(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def definition_around(lines: Sequence[str], cursor_line: int) -> tuple[int, int]:
    """The lines ``[first, last)`` of the definition that holds `cursor_line`.

    The definition's decorators and its closing line belong to it.  Without one: the paragraph
    (the run of non-blank lines) at the cursor; on a blank line that line alone.
    """
    if not lines:
        return 0, 0
    texts = [without_ending(line) for line in lines]
    cursor = max(0, min(cursor_line, len(texts) - 1))
    for header in _headers_of(texts, cursor):
        end = _end_of(texts, header)
        if cursor < end:
            if end - header > MAX_DEFINITION_LINES:
                break
            return _first_decorator_of(texts, header), end
        if first_word(texts[cursor]) is None:
            break  # On a blank line or a comment between two methods nobody means the whole class.
    return _paragraph(texts, cursor)


def whole_lines(document: Document, span: Span | None) -> tuple[int, int]:
    """The whole lines ``[first, end)`` that a span means, the whole document for None."""
    table = document.lines
    if span is None:
        return 0, len(table.lines)
    whole = table.whole_lines(span)
    first = table.line_at(whole.start)
    return first, first + len(split_lines(document.slice(whole)))


def _headers_of(texts: Sequence[str], cursor: int) -> Iterator[int]:
    """The lines at or above `cursor` that open what may enclose it, from the innermost."""
    start = cursor
    # On a decorator the definition below is meant, on a blank line the one above.
    while start + 1 < len(texts) and _DECORATOR.match(texts[start]):
        start += 1
    while start > 0 and not texts[start].strip():
        start -= 1
    if _is_header(texts[start]):
        yield start
    # A line that closes a definition is indented as its first line is.
    depth = _indentation(texts[start]) + 1
    above = enclosing(texts, start, depth, indented=_indentation, may_enclose=_may_enclose)
    yield from (number for number in above if _is_header(texts[number]))


def _is_header(text: str) -> bool:
    return bool(_DEFINITION.match(text) or _C_LIKE.match(text))


def _may_enclose(text: str) -> bool:
    # The name of a method may begin with a sign: a destructor's, a generator's.
    return first_word(text) is not None or _is_header(text)


def _first_decorator_of(texts: Sequence[str], header: int) -> int:
    first = header
    while first > 0 and _DECORATOR.match(texts[first - 1]):
        first -= 1
    return first


def _end_of(texts: Sequence[str], header: int) -> int:
    """One past the last line of the definition that starts at `header`."""
    indentation = _indentation(texts[header])
    end = header + 1
    # A signature over several lines ends with a line at the header's indentation: ") -> int:".
    for number in range(header + 1, len(texts)):
        text = texts[number]
        if not text.strip():
            continue
        if _indentation(text) > indentation:
            end = number + 1
        elif _CLOSES.match(text) or text.strip() == "{":
            end = number + 1
            if not text.rstrip().endswith((":", "{", "(", "->")):
                break
        else:
            break
    return end


def _paragraph(texts: Sequence[str], cursor: int) -> tuple[int, int]:
    if not texts[cursor].strip():
        return cursor, cursor + 1
    first = cursor
    while first > 0 and texts[first - 1].strip():
        first -= 1
    last = cursor + 1
    while last < len(texts) and texts[last].strip():
        last += 1
    return first, last


# What begins a comment, in as many languages as may be; a line is one where it stands first.
_COMMENT = re.compile(
    r"""\s*(?: \#+ | //[/!]? | --+ | ;+ | %+ | !+ | :: | " | ' | REM\b | dnl\b
          | \{?/\*+!? | \* | <!-- | <%(?:--|\#)? | \(\* | \{- | \{\# ) \s* kibitz:""",
    re.IGNORECASE | re.VERBOSE,
)
_COMMENT_ENDS = ("*/}", "*/", "-->", "--%>", "%>", "*)", "-}", "#}")


def comment_instruction(line: str) -> str | None:
    """What a ``kibitz: …`` comment on this line asks for, None where there is no such comment."""
    found = _COMMENT.match(line)
    if found is None:
        return None
    text = line[found.end() :].strip()
    end = next((end for end in _COMMENT_ENDS if text.endswith(end)), "")
    return text.removesuffix(end).rstrip() or None


def instruction_of(comment: str) -> str:
    """What is to be done where a ``kibitz:`` comment, which is part of the region, asks for it."""
    return f"{comment}\nRemove the `kibitz:` comment itself."


def comment_above(lines: Sequence[str], first_line: int) -> tuple[int, str] | None:
    """The line and text of a ``kibitz:`` comment at `first_line` or right above it."""
    for number in (first_line, first_line - 1):
        if 0 <= number < len(lines):
            instruction = comment_instruction(lines[number])
            if instruction is not None:
                return number, instruction
    return None
