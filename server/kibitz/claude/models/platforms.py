"""Where Claude is served, and what differs from one place to the other: data, and no connection.

Each platform names the models in its own way, and none but Anthropic's own API has everything.
What is not known of a platform is left to be learnt from its refusals: see
`anthropic_client.refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kibitz.claude.models.known_model import canonical_id

# "bedrock" is the service's own endpoint (`bedrock-runtime`), "mantle" the one on Bedrock that
# speaks the Messages API; "compatible" is anybody who speaks that API, local servers included.
Platform = Literal["anthropic", "bedrock", "mantle", "vertex", "foundry", "compatible"]


@dataclass(frozen=True, slots=True)
class Traits:
    """`name` is how users know the platform; `extra` is the extra of ours that brings what it
    needs besides, and `modules` what that installs.

    `mend` completes "…; ": what a user can do about credentials.  `key_variables` are the
    environment variables that hold a key of the platform, the first that is set counts.
    """

    name: str
    lists_models: bool = True
    counts_tokens: bool = True
    batches: bool = True
    takes_diagnostics: bool = False
    extra: str | None = None
    modules: tuple[str, ...] = ()
    key_variables: tuple[str, ...] = ()
    mend: str = ""


_AWS_MEND = (
    "sign in with `aws sso login`, choose a profile with `bedrock.profile`, or set "
    "AWS_BEARER_TOKEN_BEDROCK"
)

TRAITS: Mapping[Platform, Traits] = {
    "anthropic": Traits("the Claude API", takes_diagnostics=True),
    "compatible": Traits("the endpoint"),
    "bedrock": Traits(
        "Amazon Bedrock",
        lists_models=False,
        counts_tokens=False,
        batches=False,
        extra="bedrock",
        modules=("boto3", "botocore"),
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        mend=_AWS_MEND,
    ),
    "mantle": Traits(
        "Amazon Bedrock",
        lists_models=False,
        batches=False,
        extra="bedrock",
        modules=("boto3", "botocore"),
        key_variables=("AWS_BEARER_TOKEN_BEDROCK", "ANTHROPIC_AWS_API_KEY"),
        mend=_AWS_MEND,
    ),
    "vertex": Traits(
        "Google Cloud",
        lists_models=False,
        batches=False,
        extra="vertex",
        modules=("google.auth", "requests"),
        mend="run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "foundry": Traits(
        "Microsoft Foundry",
        lists_models=False,
        batches=False,
        extra="foundry",
        modules=("azure.identity",),
        key_variables=("ANTHROPIC_FOUNDRY_API_KEY",),
        mend="set ANTHROPIC_FOUNDRY_API_KEY, or run `az login`",
    ),
}

# Models that were released with a date in their ids keep it on the platforms; the newer ones have
# none.  As of 2026-11-21, from the platforms' tables of models.
_DATES = {
    "claude-haiku-4-5": "20251001",
    "claude-sonnet-4-5": "20250929",
    "claude-opus-4-5": "20251101",
}
_IS_PLAIN = re.compile(r"claude-[a-z0-9-]+\Z")
_WITH_DATE = re.compile(r"(.+)-(20\d{6})\Z")
# What `bedrock-runtime` calls a model that has its version in its name; these know only the API's
# older version.
_HAS_OLD_VERSION = re.compile(r"-v\d+:\d+\Z")
BEDROCK_OLD_API_VERSION = "bedrock-2023-05-31"

# Global endpoints charge what Anthropic charges; those of a region charge more, by a share that
# is the region's own business.
_GLOBAL_PROFILE = re.compile(r"(?:global\.anthropic\.)?claude-")
_ANY = re.compile("")
_NONE = re.compile("(?!)")


def wire_model(platform: Platform, model: str) -> str:
    """The model's id as the platform knows it.

    Ids as Anthropic writes them are translated, for Bedrock into the profile that serves from
    anywhere; an id in a platform's own spelling, an ARN or a deployment's name stays as it is.
    """
    if not _IS_PLAIN.match(model):
        return model
    dated = _WITH_DATE.match(model)
    name, date = dated.groups() if dated else (model, _DATES.get(model))
    match platform:
        case "vertex":
            return f"{name}@{date}" if date else name
        case "mantle":
            # There, Haiku 4.5 has no date.
            return f"anthropic.{canonical_id(model)}"
        case "bedrock":
            return f"global.anthropic.{name}-{date}-v1:0" if date else f"global.anthropic.{name}"
        case "anthropic" | "compatible" | "foundry":
            return model


def body_for(platform: Platform, wire_id: str) -> dict[str, str]:
    """What the body of a request for a model holds besides what the SDK puts there."""
    if platform == "bedrock" and _HAS_OLD_VERSION.search(wire_id):
        return {"anthropic_version": BEDROCK_OLD_API_VERSION}
    return {}


def priced_as_anthropic(platform: Platform, region: str | None) -> re.Pattern[str]:
    """Matches the model ids whose prices on the platform are known to be Anthropic's.

    Foundry's depend on the kind of deployment, which cannot be seen in its name.
    """
    match platform:
        case "anthropic":
            return _ANY
        case "bedrock":
            return _GLOBAL_PROFILE
        case "vertex":
            return _ANY if region == "global" else _NONE
        case "mantle" | "foundry" | "compatible":
            return _NONE
