"""The open buffers that may be sent: what somebody types wins over what is on the disk."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path, PurePosixPath

from kibitz_context.caching.view import View
from kibitz_context.files import discovery
from kibitz_context.gate.gate import Gate
from kibitz_context.values import Focus

IGNORED = "it is ignored by git"


def allowed_buffers(
    view: View,
    overlays: Mapping[Path, str],
    focus: Focus | None,
    refused: MutableMapping[str, str],
) -> dict[str, str]:
    """The texts that win over the disk, by relative path, as far as their paths are allowed.

    Buffers of files elsewhere are none of this repository's business; of ignored ones it is not
    said either that they are refused (into `refused`, with the reason), since nobody lists
    ignored files.
    """
    gate, repository = view.sources.gate, view.sources.repository
    texts: dict[str, str] = {}
    for path, text in overlays.items():
        relative = gate.relative(path)
        if relative is not None and repository.only in (None, relative):
            texts[relative] = text
    if focus is not None and not focus.alone:
        texts[focus.path] = focus.text
    elif focus is not None:
        texts.pop(focus.path, None)
    reasons = _refusals(view, list(texts), focus.path if focus is not None else None)
    for name, reason in reasons.items():
        if reason != IGNORED or (focus is not None and name == focus.path):
            refused[name] = reason
    return {name: text for name, text in texts.items() if name not in reasons}


def _refusals(view: View, names: list[str], asked: str | None) -> dict[str, str]:
    """Why paths may not be sent.  Git is asked about all at once whether it ignores them, and
    only about those that it has not listed."""
    gate = view.sources.gate
    reasons: dict[str, str] = {}
    unlisted: list[str] = []
    for name in names:
        if view.is_listed(name):
            if reason := gate.name_refusal(name):
                reasons[name] = reason
        elif name == asked or _is_nested(gate, name):
            # What was asked about may be a link, and a repository inside this one has its own
            # rules: the gate looks closely.
            if reason := gate.refusal(name):
                reasons[name] = reason
        elif reason := gate.name_refusal(name):
            reasons[name] = reason
        else:
            unlisted.append(name)
    ignored = view.sources.repository.ignored(unlisted)
    return reasons | {name: IGNORED for name in unlisted if name in ignored}


def _is_nested(gate: Gate, name: str) -> bool:
    """Whether another repository lies between the root and `name`."""
    folders = PurePosixPath(name).parents
    return any(discovery.has_git(gate.root / folder) for folder in folders if folder.name)
