"""What the stand-in says when nobody scripted anything: a plausible answer for each contract.

Every answer is a function of the request alone, and those for people to read say that they are
scripted.  How the requests look is known by `task`.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from kibitz.standin.reply import Reply, ToolCall
from kibitz.standin.request import Request
from kibitz.standin.smells import NO_FAULT, Smell, smells
from kibitz.standin.task import Region, Task, read_task

REPORT_FINDINGS = "report_findings"
_DEFINITION = re.compile(
    r"^\s*(?:export\s+|pub\s+|async\s+|static\s+|public\s+|private\s+)*"
    r"(?:def|class|function|fn|func|struct|enum|interface|trait|type)\s+(\w+)"
)
_NUMBERED = re.compile(r'^<finding[-0-9a-f]* number="(\d+)"[^>\n]*>\n(.*)$', re.MULTILINE)
_PYTHON_DEFINITION = re.compile(r"^(\s*)(?:async\s+)?(?:def|class)\s+(\w+)")
_COMMENT_LEADS = {
    "#": {".py", ".pyi", ".rb", ".sh", ".toml", ".yaml", ".yml", ".pl", ".r", ".nix", ""},
    "--": {".lua", ".sql", ".hs", ".elm"},
    ";;": {".el", ".clj", ".lisp", ".scm"},
    '"': {".vim"},
}
_THINKING = "The stand-in does not think; these words only take up tokens."


def respond(request: Request) -> Reply:
    """The reply for a request, chosen by the contract that it offers."""
    task = read_task(request.last_user_text)
    if "</replacement>" in request.stop_sequences or task.action == "refactor":
        return Reply(replacement(task), thinking=_THINKING)
    if "</completion>" in request.stop_sequences or task.action == "complete":
        return Reply(completion(request, task), thinking=_THINKING)
    if "</verdicts>" in request.stop_sequences or task.action == "verify":
        return Reply(verdicts(request.last_user_text), thinking=_THINKING)
    if request.tool_results:
        return Reply("Thank you, that is all the stand-in wanted to know.")
    if task.action == "review":
        return review(request, task)
    return Reply(explanation(request, task), thinking=_THINKING)


def review(request: Request, task: Task) -> Reply:
    """Findings by the tool if it is offered, else as JSON in the text."""
    arguments = {
        "findings": [
            _finding(region, smell)
            for region in task.regions
            for smell in smells(region.lines, region.path)
        ]
    }
    if REPORT_FINDINGS in request.tool_names:
        call = ToolCall(REPORT_FINDINGS, arguments)
        return Reply(tool_calls=(call,), thinking=_THINKING)
    return Reply(f"```json\n{json.dumps(arguments, indent=1)}\n```\n")


def verdicts(text: str) -> str:
    """What a second look at findings comes to: all stand but those that name no fault."""
    lines = [
        f"{found[1]} refuted: It names no fault. (Scripted verdict of the stand-in.)"
        if found[2].startswith(NO_FAULT)
        else f"{found[1]} stands"
        for found in _NUMBERED.finditer(text)
    ]
    return "\n".join(["<verdicts>", *lines, "</verdicts>"])


def replacement(task: Task) -> str:
    """The region again with one line more: a docstring where Python takes one, else a comment."""
    if not task.regions:
        return "The stand-in found no region in the request, so there is nothing to replace."
    note = " ".join(task.wish.split()) or "as asked"
    return f"<replacement>\n{_annotated(task.regions[-1], note)}</replacement>"


def completion(request: Request, task: Task) -> str:
    path = task.regions[-1].path if task.regions else _first_path(request)
    return f"<completion>{_comment(path)} a scripted completion of the stand-in</completion>"


def explanation(request: Request, task: Task) -> str:
    """Markdown about what is in the prompt: paths, lines, names."""
    path = task.regions[0].path if task.regions else _first_path(request)
    parts = [
        f"## About `{path}`" if path else "## About this repository",
        "*This is a scripted reply of the stand-in Messages API; no model has read the code.*",
    ]
    if task.wish:
        parts.append(f"You asked: “{' '.join(task.wish.split())}”")
    parts += [_outline(region) for region in task.regions]
    files = request.system_text.count("<file path=")
    if files:
        parts.append(f"The prompt carries {files} {'file' if files == 1 else 'files'} as context.")
    return "\n\n".join(parts) + "\n"


def _outline(region: Region) -> str:
    lines = region.lines
    last_line = region.first_line + max(len(lines) - 1, 0)
    names = [
        f"- `{found[1]}` on line {region.first_line + index}"
        for index, line in enumerate(lines)
        if (found := _DEFINITION.match(line))
    ]
    summary = f"Lines {region.first_line} to {last_line} of `{region.path}`"
    if not names:
        return f"{summary} define no names of their own."
    return f"{summary} define:\n\n" + "\n".join(names)


def _finding(region: Region, smell: Smell) -> dict[str, Any]:
    line = region.first_line + smell.line_index
    return {
        "path": region.path,
        "severity": smell.severity,
        "category": smell.category,
        "start_line": line,
        "end_line": line,
        "quote": smell.quote,
        "title": smell.title,
        "message": smell.message,
        "suggestion": smell.suggestion,
    }


def _annotated(region: Region, note: str) -> str:
    lines = [f"{line}\n" for line in region.lines]
    index = next((i for i, line in enumerate(lines) if line.strip()), 0)
    indentation = _indentation(lines[index]) if lines else ""
    if PurePosixPath(region.path).suffix in (".py", ".pyi"):
        place = _docstring_place(lines)
        if place is not None:
            at, inner = place
            lines.insert(at, f'{inner}"""{note.replace(chr(34), chr(39))} (scripted)"""\n')
            return "".join(lines)
    lines.insert(index, f"{indentation}{_comment(region.path)} {note} (scripted)\n")
    return "".join(lines)


def _docstring_place(lines: list[str]) -> tuple[int, str] | None:
    """The line before which the first definition's docstring goes, and its indentation."""
    for start, line in enumerate(lines):
        found = _PYTHON_DEFINITION.match(line)
        if found is None:
            continue
        for end in range(start, len(lines) - 1):
            if lines[end].rstrip().endswith(":"):
                body = lines[end + 1]
                inner = _indentation(body)
                fits = len(inner) > len(found[1]) and not body.lstrip().startswith(('"', "'"))
                return (end + 1, inner) if fits else None
        return None
    return None


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _comment(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return next((lead for lead, known in _COMMENT_LEADS.items() if suffix in known), "//")


def _first_path(request: Request) -> str:
    found = re.search(r'path="([^"]*)"', request.last_user_text)
    return found[1] if found else ""
