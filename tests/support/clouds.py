"""The clouds' endpoints, as far as a client sees them, in front of a stand-in Messages API.

Each adapter takes requests in its platform's shape only, hands them on to the stand-in, and
answers as the platform does.  The shapes are from the platforms' documentation: nothing here was
compared with the platforms themselves.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import re
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2

from kibitz.standin import StandIn
from kibitz.standin.http import HttpConnection, HttpRequest, HttpResponse

AWS_KEY, AWS_SECRET, AWS_REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-central-1"
GOOGLE_PROJECT, GOOGLE_TOKEN = "team-project", "ya29.token"
AZURE_KEY, AZURE_TOKEN = "azure-key", "azure-token"
API_VERSION = "2026-10-21"

#: What each platform calls the stand-in's models.
NAMES = {
    "global.anthropic.claude-sonnet-5-5": "claude-sonnet-5-5",
    "global.anthropic.claude-haiku-5-5": "claude-haiku-5-5",
    "us.anthropic.claude-sonnet-5-5": "claude-sonnet-5-5",
    "global.anthropic.claude-haiku-4-5-20251001-v1:0": "claude-haiku-4-5",
    "anthropic.claude-sonnet-5-5": "claude-sonnet-5-5",
    "claude-sonnet-5-5": "claude-sonnet-5-5",
    "claude-haiku-4-5@20251001": "claude-haiku-4-5",
}


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class Refusal(Exception):
    status: int
    body: Mapping[str, Any]


@dataclass
class CloudServer:
    """`refusals` are given to the next requests for a message, one each."""

    standin: StandIn
    url: str = ""
    requests: list[Seen] = field(default_factory=list)
    tokens_asked_for: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    chunks: random.Random = field(default_factory=lambda: random.Random(7))

    async def handle(self, request: HttpRequest, response: HttpResponse) -> None:
        target = urlsplit(request.target)
        body = None
        with contextlib.suppress(ValueError):
            body = json.loads(request.body)
        seen = Seen(request.method, target.path, dict(request.headers), body, request.body)
        token = self._token(seen, parse_qs(target.query))
        if token is not None:
            await _say(response, 200, token)
            return
        self.requests.append(seen)
        try:
            if self.refusals:
                raise self.refusals.pop(0)
            path, content = self.translated(seen)
        except Refusal as refusal:
            await _say(response, refusal.status, refusal.body)
            return
        headers = {"x-api-key": "cloud", "anthropic-version": API_VERSION}
        async with (
            httpx2.AsyncClient(base_url=self.standin.base_url, trust_env=False) as client,
            client.stream("POST", path, json=content, headers=headers) as answer,
        ):
            if content.get("stream") and answer.status_code == 200:
                await self.stream(answer, response)
            else:
                await answer.aread()
                await _say(response, answer.status_code, answer.json())

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        """The path and the body for the stand-in.  Raises Refusal."""
        raise NotImplementedError

    async def stream(self, answer: httpx2.Response, response: HttpResponse) -> None:
        response.start(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        async for data in answer.aiter_bytes():
            await response.write(data)
        await response.write(b"", last=True)

    def _token(self, seen: Seen, query: Mapping[str, list[str]]) -> dict[str, Any] | None:
        if seen.path == "/token":  # Google's
            self.tokens_asked_for += 1
            return {"access_token": GOOGLE_TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if seen.path == "/msi/token":  # the identity of a machine of Azure's
            assert seen.headers["x-identity-header"] == "machine"
            self.tokens_asked_for += 1
            return {
                "access_token": AZURE_TOKEN,
                "expires_on": "4102444800",
                "resource": query["resource"][0],
                "token_type": "Bearer",
            }
        return None


def model_of(name: str) -> str:
    if name not in NAMES:
        raise Refusal(400, {"message": "The provided model identifier is invalid."})
    return NAMES[name]


class Bedrock(CloudServer):
    """`bedrock-runtime`: the model is in the path, events come in frames of AWS's."""

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        match = re.fullmatch(r"/model/([^/]+)/(invoke|invoke-with-response-stream)", seen.path)
        if match is None or not signed_by_aws(seen, "bedrock", self.url):
            raise Refusal(403, {"message": "The security token included in the request is invalid"})
        assert not {"model", "stream"} & set(seen.body), "they are in the path"
        body = dict(seen.body)
        body["model"] = model_of(unquote(match[1]))
        version = body.pop("anthropic_version")
        is_old = ":0" in unquote(match[1])
        if version != ("bedrock-2023-05-31" if is_old else API_VERSION):
            raise Refusal(400, {"message": f"{version} is not supported for this model"})
        return "/v1/messages", {**body, "stream": match[2] != "invoke"}

    async def stream(self, answer: httpx2.Response, response: HttpResponse) -> None:
        head = {
            "content-type": "application/vnd.amazon.eventstream",
            "transfer-encoding": "chunked",
            "x-amzn-requestid": "aws-1",
        }
        response.start(200, head)
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            data = line.removeprefix("data: ")
            payload = {"bytes": base64.b64encode(data.encode()).decode(), "p": "abcdef"}
            if json.loads(data)["type"] == "error":
                frame = aws_frame(
                    {":message-type": "exception", ":exception-type": "throttlingException"},
                    {"message": "Too many requests"},
                )
            else:
                frame = aws_frame({":message-type": "event", ":event-type": "chunk"}, payload)
            while frame:
                length = self.chunks.randint(1, 90)
                await response.write(frame[:length])
                frame = frame[length:]
        await response.write(b"", last=True)


class Mantle(CloudServer):
    """Bedrock's endpoint that speaks the Messages API."""

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        if not signed_by_aws(seen, "bedrock-mantle", self.url):
            raise Refusal(403, {"message": "no"})
        path = seen.path.removeprefix("/anthropic")
        assert path in ("/v1/messages", "/v1/messages/count_tokens")
        return path, {**seen.body, "model": model_of(seen.body["model"])}


class Vertex(CloudServer):
    """Google Cloud: project, region and model are in the path."""

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        if seen.headers.get("authorization") != f"Bearer {GOOGLE_TOKEN}":
            raise Refusal(401, {"error": {"code": 401, "message": "no", "status": "UNAUTH"}})
        prefix = f"/v1/projects/{GOOGLE_PROJECT}/locations/"
        match = re.fullmatch(
            prefix
            + r"([a-z0-9-]+)/publishers/anthropic/models/([^/:]+):(streamRawPredict|rawPredict)",
            unquote(seen.path),
        )
        if match is None:
            raise Refusal(404, {"error": {"code": 404, "message": f"no {seen.path}"}})
        body = dict(seen.body)
        body.pop("anthropic_version")
        if match[2] == "count-tokens":
            return "/v1/messages/count_tokens", {**body, "model": model_of(body["model"])}
        assert "model" not in body
        assert bool(body.get("stream")) == (match[3] == "streamRawPredict")
        return "/v1/messages", {**body, "model": model_of(match[2])}


class Foundry(CloudServer):
    """Microsoft Foundry: the Messages API under a path, with a key or a token of Entra's."""

    def translated(self, seen: Seen) -> tuple[str, dict[str, Any]]:
        by_key = seen.headers.get("api-key") == AZURE_KEY
        by_token = seen.headers.get("authorization") == f"Bearer {AZURE_TOKEN}"
        if by_key == by_token:
            raise Refusal(401, {"error": {"code": "401", "message": "Access denied"}})
        path = seen.path.removeprefix("/anthropic")
        assert path in ("/v1/messages", "/v1/messages/count_tokens")
        return path, {**seen.body, "model": model_of(seen.body["model"])}


@contextlib.asynccontextmanager
async def cloud(
    kind: Callable[[StandIn], CloudServer], standin: StandIn
) -> AsyncIterator[CloudServer]:
    """An adapter that listens; `kind` makes it."""
    adapter = kind(standin)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await HttpConnection(reader, writer, adapter.handle, lambda _: 1 << 25).serve()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    adapter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield adapter
    finally:
        server.close()


def signed_by_aws(seen: Seen, service: str, url: str) -> bool:
    """Whether the signature of a request is right, computed anew from what has arrived."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    given = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential={AWS_KEY}/\d+/{AWS_REGION}/{service}/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        seen.headers.get("authorization", ""),
    )
    if given is None:
        return seen.headers.get("authorization") == "Bearer aws-key"
    headers = {name: seen.headers[name] for name in given[1].split(";")}
    request = AWSRequest(seen.method, url + seen.path, headers=headers, data=seen.raw)
    request.context["timestamp"] = seen.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(AWS_KEY, AWS_SECRET), service, AWS_REGION)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return bool(auth.signature(to_sign, request) == given[2])


def aws_frame(headers: Mapping[str, str], payload: Mapping[str, Any]) -> bytes:
    """One message of AWS's event stream: lengths, headers, payload, check sums."""
    block = b""
    for name, value in {**headers, ":content-type": "application/json"}.items():
        block += bytes([len(name)]) + name.encode() + b"\x07"
        block += struct.pack(">H", len(value)) + value.encode()
    content = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(content), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + block + content
    return message + struct.pack(">I", zlib.crc32(message))


async def _say(response: HttpResponse, status: int, body: Mapping[str, Any]) -> None:
    await response.send(status, {"content-type": "application/json"}, json.dumps(body).encode())
