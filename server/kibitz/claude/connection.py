"""Where Claude is and how to get there: the user's connection settings as plain values.

Also runs the user's `api_key_command`.  Nothing here imports the SDK or sends anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kibitz.claude.models.platforms import Platform
from kibitz.claude.values import ClaudeFailure

log = logging.getLogger(__name__)

API_KEY_COMMAND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the endpoint.  What is None is left to the SDK's own chain.

    `api_key` is for endpoints that kibitz itself has started; users give theirs through the
    environment, a profile or `api_key_command`.  Secrets are kept out of the representation.
    `region`, `profile` (of AWS), `project` (of Google's) and `resource` (of Foundry) are for the
    clouds.
    """

    platform: Platform = "anthropic"
    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    # One line, or a program and its arguments.
    api_key_command: str | Sequence[str] | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    region: str | None = None
    profile: str | None = None
    project: str | None = None
    resource: str | None = None

    connect_seconds: float = 10.0
    # A long prompt that is not in the cache takes long to read.
    first_event_seconds: float = 120.0
    # Silence after the first event; pings do not count.
    silence_seconds: float = 20.0

    max_retries: int = 2
    # No further try begins when a request has been tried for so long.
    tries_seconds: float = 120.0
    # What `retry-after` may ask for before we tell instead of waiting.
    longest_interactive_wait_seconds: float = 10.0
    longest_wait_seconds: float = 60.0


def without_version(base_url: str) -> str:
    """The base URL without the trailing "/v1" that the SDK adds itself; says so if there is one."""
    stripped = base_url.rstrip("/")
    if stripped.endswith("/v1"):
        log.warning('base_url ends in "/v1", which is added anyway: it is left out')
        return stripped.removesuffix("/v1")
    return stripped


def header_names_of_environment() -> list[str]:
    """The headers that the SDK takes from the environment and sends with every request."""
    lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
    return [line.partition(":")[0].strip() for line in lines if ":" in line]


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def api_key_from_command(
    command: str | Sequence[str], seconds: float = API_KEY_COMMAND_SECONDS
) -> str:
    """The key that the user's command prints: the first line of its output.

    The command is an argument list, never a shell line.  Neither its output nor its error output
    is logged, as both may hold the key.  Raises ClaudeFailure "no_credentials" with
    `facts = {"command": program, "cause": …}`.
    """
    try:
        arguments = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise _command_failure("", "unreadable") from error
    if not arguments:
        raise _command_failure("", "empty")
    program = os.path.basename(arguments[0])  # noqa: PTH119 - not a path of ours
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            # The editor talks to us through our standard input; the command must not read it.
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise _command_failure(program, "not_started") from error
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise _command_failure(program, "timeout") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise _command_failure(program, "failed", exit_code=process.returncode)
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        raise _command_failure(program, "no_output")
    return lines[0].strip()


def _command_failure(program: str, cause: str, **more: object) -> ClaudeFailure:
    return ClaudeFailure(
        "no_credentials", facts={"command": program, "cause": f"command_{cause}", **more}
    )
