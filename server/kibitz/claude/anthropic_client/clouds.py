"""The SDK's clients for the clouds: where each asks, and what proves who asks.

Every cloud finds credentials in its own way, which is that of its other tools; what it finds is
named here for the user to see, and never shown.  The clouds' libraries are extras of ours and
are imported here, when a client is made.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from kibitz.claude import faults
from kibitz.claude.connection import Connection
from kibitz.claude.models.platforms import TRAITS
from kibitz.claude.values import ClaudeFailure

if TYPE_CHECKING:
    import anthropic
    import httpx2

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_AZURE_SCOPE = "https://ai.azure.com/.default"
# The packages whose exceptions mean that credentials could not be had.
_CREDENTIAL_LIBRARIES = frozenset({"azure", "boto3", "botocore", "google", "msal"})
# What they raise when the server that gives out tokens cannot be reached.
_UNREACHABLE = frozenset({"TransportError", "EndpointConnectionError", "ServiceRequestError"})
_NO_AWS_CREDENTIALS = "Could not resolve AWS credentials"
_IS_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\Z")


@dataclass(frozen=True, slots=True)
class Cloud:
    """A client with where its credentials come from, in words.  `secret` is one to be cut out of
    what is quoted."""

    sdk: anthropic.AsyncAnthropic
    credentials: str
    secret: str = ""


def build(
    connection: Connection, asked: faults.Asked, api_key: str | None, http: httpx2.AsyncClient
) -> Cloud:
    """The client of `connection.platform`.  Blocks; raises ClaudeFailure "no_credentials" with
    `facts["cause"]` "extra", "setting" or "platform"."""
    key, source = _key(connection, api_key)
    try:
        match connection.platform:
            case "bedrock" | "mantle":
                return _bedrock(connection, asked, key, source, http)
            case "vertex":
                return _vertex(connection, asked, http)
            case "foundry":
                return _foundry(connection, asked, key, source, http)
            case other:
                raise ValueError(f"{other} is no cloud")
    except ClaudeFailure:
        raise
    except Exception as error:
        failure = credentials_failure(error, asked)
        if failure is None:
            raise
        raise failure from error


def credentials_failure(error: Exception, asked: faults.Asked) -> ClaudeFailure | None:
    """What an exception of a cloud's library means; None: it is not about credentials.

    The libraries tell which file, profile or command they have tried, and no secret.
    """
    is_theirs = type(error).__module__.partition(".")[0] in _CREDENTIAL_LIBRARIES
    nothing_found = isinstance(error, RuntimeError) and _NO_AWS_CREDENTIALS in str(error)
    if not is_theirs and not nothing_found:
        return None
    if type(error).__name__ in _UNREACHABLE:
        return faults.failure(asked, "network", str(error), facts={"cause": "sign_in"})
    said = "" if nothing_found else str(error)
    return faults.failure(asked, "no_credentials", said, facts={"cause": "platform"})


def _key(connection: Connection, api_key: str | None) -> tuple[str | None, str]:
    """A key of the platform's, if there is one, and where it comes from."""
    if api_key is not None:
        return api_key, "`api_key_command`" if connection.api_key_command else "kibitz itself"
    for variable in TRAITS[connection.platform].key_variables:
        if key := os.environ.get(variable):
            return key, variable
    return None, ""


def _require_extra(connection: Connection, asked: faults.Asked) -> None:
    traits = TRAITS[connection.platform]
    for module in traits.modules:
        try:
            is_there = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # the package that it would be in
            is_there = False
        if not is_there:
            facts = {"cause": "extra", "extra": traits.extra}
            raise faults.failure(asked, "no_credentials", facts=facts)


def _setting_missing(asked: faults.Asked, setting: str, variable: str) -> ClaudeFailure:
    facts = {"cause": "setting", "setting": setting, "variable": variable}
    return faults.failure(asked, "no_credentials", facts=facts)


def _common(connection: Connection, http: httpx2.AsyncClient) -> dict[str, Any]:
    return {
        "default_headers": dict(connection.headers) or None,
        "max_retries": 0,
        "http_client": http,
        "open_telemetry": False,  # as in `opened`
    }


def _bedrock(
    connection: Connection,
    asked: faults.Asked,
    key: str | None,
    source: str,
    http: httpx2.AsyncClient,
) -> Cloud:
    _require_extra(connection, asked)
    import anthropic
    import boto3

    # A key comes before profiles, and the SDK takes only one of them.
    profile = None if key else connection.profile
    session = boto3.Session(profile_name=profile)
    region = connection.region or os.environ.get("AWS_REGION") or session.region_name
    if not region:
        raise _setting_missing(asked, "bedrock.region", "AWS_REGION")
    if key is None:
        # Asked for again with each request, by the SDK: it renews what runs out.
        found = session.get_credentials()
        if found is None:
            raise faults.failure(asked, "no_credentials", facts={"cause": "platform"})
        named = f"profile {session.profile_name}, " if session.profile_name != "default" else ""
        source = f"AWS ({named}{found.method})"
    client = (
        anthropic.AsyncAnthropicBedrockMantle
        if connection.platform == "mantle"
        else anthropic.AsyncAnthropicBedrock
    )
    sdk = client(
        aws_region=region,
        aws_profile=profile,
        api_key=key,
        base_url=connection.base_url,
        **_common(connection, http),
    )
    return Cloud(cast("anthropic.AsyncAnthropic", sdk), source, key or "")


def _vertex(connection: Connection, asked: faults.Asked, http: httpx2.AsyncClient) -> Cloud:
    _require_extra(connection, asked)
    import anthropic
    import google.auth

    region = connection.region or os.environ.get("CLOUD_ML_REGION")
    if not region:
        raise _setting_missing(asked, "vertex.region", "CLOUD_ML_REGION")
    found, project = google.auth.default(scopes=[_GOOGLE_SCOPE])
    project = connection.project or os.environ.get("ANTHROPIC_VERTEX_PROJECT_ID") or project
    if not project:
        raise _setting_missing(asked, "vertex.project", "ANTHROPIC_VERTEX_PROJECT_ID")
    sdk = anthropic.AsyncAnthropicVertex(
        region=region,
        project_id=project,
        credentials=cast(Any, _GoogleCredentials(found, connection)),
        base_url=connection.base_url,
        **_common(connection, http),
    )
    kind = type(found).__module__.rpartition(".")[2].lstrip("_").replace("_", " ")
    account = getattr(found, "service_account_email", "") or kind
    return Cloud(
        cast("anthropic.AsyncAnthropic", sdk),
        f"Google's application default credentials ({account})",
    )


class _GoogleCredentials:
    """Credentials of Google's whose tokens are fetched through the user's proxy, and from a server
    that the user trusts; the SDK would fetch them its own way."""

    def __init__(self, credentials: Any, connection: Connection) -> None:
        import requests
        from google.auth.transport.requests import Request

        session = requests.Session()
        if connection.proxy is not None:
            session.proxies = {"http": connection.proxy, "https": connection.proxy}
            session.trust_env = False
        if connection.ca_file is not None:
            session.verify = connection.ca_file
        self._credentials = credentials
        self._request = Request(session=session)

    @property
    def expired(self) -> bool:
        return bool(self._credentials.expired)

    @property
    def token(self) -> str | None:
        return cast("str | None", self._credentials.token)

    def refresh(self, request: object) -> None:  # noqa: ARG002 - the SDK's own, not taken
        self._credentials.refresh(self._request)


def _foundry(
    connection: Connection,
    asked: faults.Asked,
    key: str | None,
    source: str,
    http: httpx2.AsyncClient,
) -> Cloud:
    import anthropic

    resource = connection.resource or os.environ.get("ANTHROPIC_FOUNDRY_RESOURCE")
    base_url = connection.base_url or os.environ.get("ANTHROPIC_FOUNDRY_BASE_URL")
    if not base_url:
        if not resource or not _IS_RESOURCE.match(resource):
            raise _setting_missing(asked, "foundry.resource", "ANTHROPIC_FOUNDRY_RESOURCE")
        base_url = f"https://{resource}.services.ai.azure.com/anthropic/"
    provider = None
    if key is None:
        _require_extra(connection, asked)
        provider, source = _azure_tokens(connection), "Microsoft Entra ID (`az login` or the like)"
    sdk = anthropic.AsyncAnthropicFoundry(
        api_key=key,
        azure_ad_token_provider=provider,
        base_url=base_url,
        **_common(connection, http),
    )
    return Cloud(sdk, source, key or "")


def _azure_tokens(connection: Connection) -> Callable[[], Awaitable[str]]:
    """What gives a token of Entra's; it keeps one for as long as it holds."""
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    options: dict[str, Any] = {}
    if connection.proxy is not None:
        options["proxies"] = {"http": connection.proxy, "https": connection.proxy}
    if connection.ca_file is not None:
        options["connection_verify"] = connection.ca_file
    token = get_bearer_token_provider(DefaultAzureCredential(**options), _AZURE_SCOPE)

    async def fetch() -> str:
        return await asyncio.to_thread(token)

    return fetch
