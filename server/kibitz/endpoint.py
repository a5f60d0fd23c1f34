"""Which endpoint the user's settings and environment name: its platform, and how to reach it.

Nothing is opened or asked here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from kibitz.claude.connection import Connection
from kibitz.claude.models import platforms
from kibitz.claude.models.platforms import Platform
from kibitz.errors import UserError
from kibitz.settings import Settings

_MANTLE_URL = "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"


def platform_of(settings: Settings, environ: Mapping[str, str]) -> Platform:
    """What the provider is served by.  Bedrock's newer endpoint is known by its address."""
    match settings.provider:
        case "bedrock":
            return "mantle" if _names_mantle(settings.base_url, environ) else "bedrock"
        case "vertex" | "foundry":
            return settings.provider
        case "compatible" | "local":
            return "compatible"
        case "anthropic" | "standin":
            return "anthropic"


def connection(settings: Settings, environ: Mapping[str, str]) -> Connection:
    """How to reach the provider, if it is one that is reached by an address.

    Raises UserError for `compatible` without one.
    """
    if settings.provider == "compatible" and not (
        settings.base_url or environ.get("ANTHROPIC_BASE_URL")
    ):
        raise UserError(
            "The provider `compatible` needs `base_url`: the address of an endpoint that "
            "speaks the Messages API."
        )
    in_aws = settings.provider == "bedrock"
    return Connection(
        platform=platform_of(settings, environ),
        base_url=settings.base_url,
        headers=settings.headers,
        proxy=settings.proxy,
        ca_file=settings.ca_file,
        api_key_command=shlex.join(settings.api_key_command) or None,
        region=settings.bedrock.region if in_aws else settings.vertex.region,
        profile=settings.bedrock.profile,
        project=settings.vertex.project,
        resource=settings.foundry.resource,
    )


# A processor reads a long prompt for minutes before it says the first word.
_LOCAL_FIRST_EVENT_SECONDS = 1_800.0
_LOCAL_SILENCE_SECONDS = 180.0


def local_connection(address: str, key: str) -> Connection:
    """How to reach the model that we have started ourselves."""
    return Connection(
        platform="compatible",
        base_url=address,
        # llama.cpp's server hangs up after a stream without a word, which the next request would
        # find out.
        headers={"Connection": "close"},
        api_key=key,
        first_event_seconds=_LOCAL_FIRST_EVENT_SECONDS,
        silence_seconds=_LOCAL_SILENCE_SECONDS,
    )


def priced_ids(settings: Settings, environ: Mapping[str, str]) -> re.Pattern[str] | None:
    """Matches the models whose prices at the endpoint are Anthropic's; None: all are, or the
    endpoint has no prices of Anthropic's to begin with."""
    if settings.provider in ("anthropic", "standin", "compatible", "local"):
        return None
    region = settings.vertex.region or environ.get("CLOUD_ML_REGION")
    return platforms.priced_as_anthropic(platform_of(settings, environ), region)


def _names_mantle(base_url: str | None, environ: Mapping[str, str]) -> bool:
    if base_url:
        try:
            host = urlsplit(base_url).hostname or ""
        except ValueError:
            return False
        return host.startswith("bedrock-mantle.") or ".bedrock-mantle." in host
    return bool(environ.get(_MANTLE_URL)) and not environ.get("ANTHROPIC_BEDROCK_BASE_URL")
