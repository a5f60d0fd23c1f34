"""What an endpoint has taught of its models, in a file of the cache folder: one for an endpoint.

It may be deleted at any time, and what cannot be read is as if it were not there.  Several
processes may write it: the last one wins, and each writes all that it knows.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from kibitz.claude.models.known_model import Lifecycle, Parameter, ThinkingType
from kibitz.claude.models.model_facts import Learnt, LearntModel

log = logging.getLogger(__name__)

FORMAT = 1


def facts_file(folder: Path, endpoint: str) -> Path:
    """The file for an endpoint; its name says nothing of the address."""
    return folder / f"{hashlib.sha256(endpoint.encode()).hexdigest()[:24]}.json"


def read(path: Path) -> Learnt:
    """What the file holds; nothing where there is none, or none of this format."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Learnt()
    except (OSError, ValueError) as error:
        log.info("what was learnt of models cannot be read: %s", type(error).__name__)
        return Learnt()
    try:
        return _learnt(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.info("what was learnt of models is not in this version's form")
        return Learnt()


def write(path: Path, learnt: Learnt) -> None:
    """Put it in the file's place as a whole; a folder that cannot be written to is no fault."""
    try:
        for missing in reversed([path.parent, *path.parent.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(_as_json(learnt), file, indent=1)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        log.info("what was learnt of models cannot be kept: %s", error)


def _as_json(learnt: Learnt) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "at": learnt.at,
        "models": [
            {
                "id": each.id,
                "context_tokens": each.context_tokens,
                "max_output_tokens": each.max_output_tokens,
                "thinking": None if each.thinking is None else sorted(each.thinking),
                "effort": each.effort,
                "lifecycle": each.lifecycle,
                "retires": None if each.retires is None else each.retires.isoformat(),
            }
            for each in learnt.models
        ],
        "refused": {model: sorted(what) for model, what in learnt.refused.items()},
    }


def _learnt(data: Mapping[str, Any]) -> Learnt:
    """Raises one of the usual exceptions for what has another form."""
    if data["format"] != FORMAT:
        raise ValueError("another format")
    at = data["at"]
    return Learnt(
        None if at is None else float(at),
        tuple(_model(each) for each in data["models"]),
        {
            str(model): frozenset(cast(Parameter, _one_of(each, Parameter)) for each in what)
            for model, what in data["refused"].items()
        },
    )


def _model(data: Mapping[str, Any]) -> LearntModel:
    thinking, lifecycle, retires = data["thinking"], data["lifecycle"], data["retires"]
    effort = data["effort"]
    if not isinstance(data["id"], str) or effort not in (None, True, False):
        raise ValueError("not a model")
    return LearntModel(
        data["id"],
        _count(data["context_tokens"]),
        _count(data["max_output_tokens"]),
        None
        if thinking is None
        else frozenset(cast(ThinkingType, _one_of(each, ThinkingType)) for each in thinking),
        effort,
        None if lifecycle is None else cast(Lifecycle, _one_of(lifecycle, Lifecycle)),
        None if retires is None else datetime.date.fromisoformat(retires),
    )


def _one_of(value: object, choices: Any) -> object:
    if value not in get_args(choices):
        raise ValueError("not one of the known ones")
    return value


def _count(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("not a number of tokens")
    return value
