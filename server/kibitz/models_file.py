"""What the user says of models and their prices: `models.toml`, beside `config.toml`.

It has the form of `claude/catalogue.toml` and is laid over it, and over what the endpoint says of
its models.  It is read from the user's own folder alone: with prices from a repository spending
would look cheaper than it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.claude.models import catalogue
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.model_facts import Learnt
from kibitz.plain_text import one_line
from kibitz.settings import Provider
from kibitz.settings_files import Faulty, read_tables

# Whoever speaks the same API sets prices of their own, or none; the prices that ship with kibitz
# are Anthropic's.
_WITH_PRICES_OF_THEIR_OWN: frozenset[Provider] = frozenset({"compatible", "local"})


@dataclass(frozen=True, slots=True)
class KnownModels:
    """The catalogue that holds for an endpoint.

    `changed` are the ids that the user's file speaks of, `problems` sentences about what in it is
    left out.
    """

    catalogue: Catalogue
    file: Path
    changed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """In a few words: how old the prices are, and what the user has changed."""
        text = f"models and prices as of {self.catalogue.as_of}"
        if self.changed:
            listed = ", ".join(one_line(id_, 60) for id_ in self.changed[:4])
            more = f" and {len(self.changed) - 4} more" if len(self.changed) > 4 else ""
            text += f"; {self.file} changes {listed}{more}"
        return text


def models_file(environ: Mapping[str, str]) -> Path:
    return paths.config_folder(environ) / "models.toml"


def load(
    provider: Provider,
    environ: Mapping[str, str],
    learnt: Learnt | None = None,
    priced_ids: re.Pattern[str] | None = None,
) -> KnownModels:
    """The catalogue for an endpoint of `provider`, which has taught `learnt`.  Reads a small file;
    never fails.  `priced_ids` matches the ids whose prices are Anthropic's there, None for all.

    Prices of Anthropic's are not taken for those of another's endpoint, however its models are
    called: there only the user's file names prices.  An entry that is wrong is left out as a
    whole, with a problem; the others hold.
    """
    file = models_file(environ)
    known = catalogue.builtin()
    if provider in _WITH_PRICES_OF_THEIR_OWN:
        known = known.without_prices()
    elif priced_ids is not None:
        known = known.priced_only_for(priced_ids)
    learnt = learnt or Learnt()
    known = learnt.laid_over(known)
    changed: list[str] = []
    problems: list[str] = []
    data: Mapping[str, Any] = {}
    match read_tables(file):
        case Faulty(reason):
            problems.append(f"{file} {reason}.")
        case tables:
            data = tables.tables
    for part in _parts(data):
        try:
            known = known.overridden(part)
        except ValueError as error:
            what = "entry" if "model" in part else "key"
            problems.append(f"{file}: {one_line(str(error), 200)}; the {what} is ignored.")
        else:
            changed += [entry["id"] for entry in part.get("model", ())]
    known = learnt.without_refused(known)
    return KnownModels(known, file, tuple(changed), tuple(problems))


def _parts(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The file's keys and entries, each by itself."""
    parts: list[dict[str, Any]] = []
    for key, value in data.items():
        if key == "model" and isinstance(value, list):
            parts += [{key: [entry]} for entry in value]
        else:
            parts.append({key: value})
    return parts
