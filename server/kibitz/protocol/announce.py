"""What kibitz says of itself in the answer to `initialize`: the only source of its capabilities.

Pure and quick to import, since the answer is sent before lsprotocol is loaded.  It reads what a
client sent, so nothing in here may rely on the shape of `params`.
"""

from __future__ import annotations

from kibitz import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "kibitz"

#: Every command that `workspace/executeCommand` takes.  Not yet: `kibitz.test` (it needs
#: edits of several files).
COMMANDS = (
    "kibitz.explain",
    "kibitz.review",
    "kibitz.reviewChanges",
    "kibitz.refactor",
    "kibitz.fix",
    "kibitz.document",
    "kibitz.test",
    "kibitz.ask",
    "kibitz.converse",
    "kibitz.runPrompt",
    "kibitz.keep",
    "kibitz.revert",
    "kibitz.applyOffer",
    "kibitz.stop",
    "kibitz.applyFinding",
    "kibitz.dismissFinding",
    "kibitz.complete",
    "kibitz.acceptCompletion",
    "kibitz.toggleCompletion",
    "kibitz.usage",
    "kibitz.showContext",
    "kibitz.trust",
)

CODE_ACTION_KINDS = (
    "quickfix.kibitz",
    "refactor.rewrite.kibitz",
    "source.kibitz.ask",
    "source.kibitz.explain",
    "source.kibitz.review",
    "source.kibitz.send",
)

#: The scheme of the virtual documents that answers are shown in.
CONTENT_SCHEME = "kibitz"

#: Our own extensions, each of which a client may lack.
EXTENSIONS = ("status", "stream", "applyEdit")

POSITION_ENCODINGS = ("utf-8", "utf-16", "utf-32")


def initialize_result(params: dict[str, Any]) -> dict[str, Any]:
    """The result of `initialize` for a client that sent `params`.

    What `params` leaves out, or holds in a wrong shape, counts as not supported.
    """
    return {
        "capabilities": _capabilities(_at(params, "capabilities")),
        "serverInfo": {"name": NAME, "version": __version__},
    }


def _capabilities(client: object) -> dict[str, Any]:
    # Absent on purpose: notebookDocumentSync (cells reach us as documents of their own), pull
    # diagnostics (findings are pushed one by one as they arrive), and every `resolve`.
    return {
        "positionEncoding": position_encoding(client),
        "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": False}},
        "codeActionProvider": _code_actions(client),
        "codeLensProvider": {"resolveProvider": False},
        "executeCommandProvider": {"commands": list(COMMANDS)},
        "hoverProvider": True,
        **_completion(client),
        "workspace": {
            "workspaceFolders": {"supported": True, "changeNotifications": True},
            **_text_document_content(client),
        },
        "experimental": {
            # A hover may ask about a range: rust-analyzer's extension of `textDocument/hover`.
            "hoverRange": True,
            "kibitz": dict.fromkeys(EXTENSIONS, True),
        },
    }


def position_encoding(client: object) -> str:
    """The first of the client's encodings that we know, in its order of preference."""
    offered = _at(client, "general", "positionEncodings")
    if isinstance(offered, list):
        for encoding in offered:
            if encoding in POSITION_ENCODINGS:
                return str(encoding)
    return "utf-16"


def _code_actions(client: object) -> dict[str, Any] | bool:
    # The options may be sent only to a client that knows code actions as literals.
    if isinstance(_at(client, "textDocument", "codeAction", "codeActionLiteralSupport"), dict):
        return {"codeActionKinds": list(CODE_ACTION_KINDS), "resolveProvider": False}
    return True


def _completion(client: object) -> dict[str, Any]:
    # One of the two: what is shown inline need not stand in the list of names as well.
    if isinstance(_at(client, "textDocument", "inlineCompletion"), dict):
        return {"inlineCompletionProvider": {}}
    if isinstance(_at(client, "textDocument", "completion"), dict):
        return {"completionProvider": {"resolveProvider": False}}
    return {}


def _text_document_content(client: object) -> dict[str, Any]:
    if isinstance(_at(client, "workspace", "textDocumentContent"), dict):
        return {"textDocumentContent": {"schemes": [CONTENT_SCHEME]}}
    return {}


def _at(value: object, *keys: str) -> object:
    """What stands at `keys` in nested objects; None where there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
