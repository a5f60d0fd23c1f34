"""What an editor's client can do with kibitz, by its `initialize`: one line a feature.

Each line says what the user gets; where that is less than it could be, what it takes the place
of.  What is believed of a client is decided where the server decides it, not here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kibitz import seen_clients
from kibitz.cli.checks import Check, note, ok
from kibitz.editor_setup.recipes import recipe
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz.seen_clients import SeenClient
from kibitz.session import Client

MAX_BYTES = 1024 * 1024

_RECIPE_OF_PROFILE = {
    "neovim": "neovim",
    "vscode": "vscode",
    "helix": "helix",
    "eglot": "eglot",
    "lsp-mode": "lsp-mode",
    "zed": "zed",
    "kakoune": "kakoune",
    "sublime": "sublime",
    "vim-lsp": "vim-lsp",
    "coc": "coc",
}


def found(asked: str, environ: Mapping[str, str]) -> SeenClient:
    """The client that is meant: by a file, by its name, or the one seen last for ""."""
    path = Path(asked).expanduser() if asked else None
    if path is not None and path.is_file():
        return _read(path)
    client = seen_clients.recall(environ, asked or None)
    if client is None:
        which = f"No editor like {one_line(asked, 60)!r}" if asked else "No editor"
        raise UserError(
            f"{which} has started kibitz in the last month: open a file in it and run this again, "
            "or give a JSON file with the `initialize` that it sends."
        )
    return client


def _read(path: Path) -> SeenClient:
    shown = one_line(str(path), 200)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{shown} is too large for an `initialize`.")
        data: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{shown} cannot be read as JSON ({type(error).__name__}).") from None
    client = seen_clients.from_json(data)
    if client is None:
        raise UserError(f"{shown} holds no `initialize`: there are no `capabilities` in it.")
    return client


def checks(seen: SeenClient) -> Iterator[Check]:
    """One line for each thing that differs between editors."""
    client = client_of(seen)
    yield _who(seen, client)
    yield from _edits(client)
    yield from _answers(client)
    yield from _while_it_works(client)
    yield from _completion(client)
    yield from _menu(client)
    yield _settings(client)
    yield _paste(client)


def client_of(seen: SeenClient) -> Client:
    """What the server would make of it."""
    from kibitz.handlers import lifecycle
    from kibitz.protocol import announce, lenient

    params = lenient.initialize_params(lenient.converter(), seen.params)
    return lifecycle.client_of(params, announce.position_encoding(seen.params["capabilities"]))


def _who(seen: SeenClient, client: Client) -> Check:
    version = client.version.splitlines()[0] if client.version else ""
    name = one_line(" ".join(part for part in (client.name, version) if part), 100)
    when = ""
    if seen.seen_at is not None:
        when = f", seen {datetime.fromtimestamp(seen.seen_at).astimezone():%Y-%m-%d %H:%M}"
    if not name:
        return note("client", f"it gives no name{when}; only what it announces is known of it")
    if client.profile.name == "plain":
        return note("client", f"{name}{when}: not one that kibitz was tried with")
    return ok("client", f"{name}{when}: a known one ({client.profile.name})")


def _edits(client: Client) -> Iterator[Check]:
    versions = client.profile.versions
    if not client.apply_edit:
        yield note("edits", "none: it takes no edits from a server, so nothing is refactored")
        return
    if client.plugin_edits:
        yield ok("edits", "as they arrive, and one undo step each time, by our plugin")
    elif versions == "ignored":
        yield note(
            "edits", "in one piece at the end: it compares no versions, so that an edit on the "
            "way could hit what you type",
        )  # fmt: skip
    elif client.versioned_edits:
        yield ok("edits", "as they arrive, whole changes at a time; each is an undo step")
    else:
        yield note("edits", "as they arrive; it takes no versions, so each is checked afterwards")
    if client.apply_edit and client.versioned_edits:
        new = "new ones too" if client.creates_files else "but no new ones"
        if client.annotated_edits:
            asks = "it shows those first that you have to confirm"
        elif client.show_message_request:
            asks = "you are asked about those that you have to confirm"
        else:
            asks = "those that you would have to confirm are left alone"
        yield ok("several files", f"changed together, {new}; {asks}")
    else:
        yield note("several files", "not: only the terminal does (`kibitz refactor --files`)")


def _answers(client: Client) -> Iterator[Check]:
    if client.stream:
        yield ok("answers", "in a panel of our plugin, as they arrive")
    elif client.text_document_content and client.show_document:
        yield ok("answers", "in a document beside the code, as they arrive")
    elif client.show_document:
        yield ok("answers", "in a document beside the code, when they are complete")
    else:
        yield note("answers", "in a file that a message names: it opens no documents for a server")
    form = "Markdown" if client.markdown_hover else "plain text"
    yield ok("hover", f"keeps explanations and findings at their place, in {form}")


def _while_it_works(client: Client) -> Iterator[Check]:
    if client.progress:
        yield ok("progress", "with tokens and cost; Stop is in the menu of actions")
    else:
        yield note("progress", "none; a message says how it ended and what it cost")
    if client.show_message_request:
        yield ok("questions", "asked with their choices")
    else:
        yield note(
            "questions", "it cannot ask: write a comment `kibitz: …` above the code, or take one "
            "of the fixed actions",
        )  # fmt: skip


def _completion(client: Client) -> Iterator[Check]:
    if client.inline_completion:
        yield ok("completion", "in the text")
    elif client.apply_edit:
        yield note("completion", "in its list of names, and by the action “Complete here”")
    else:
        yield note("completion", "in its list of names")


def _menu(client: Client) -> Iterator[Check]:
    if client.code_lens:
        yield ok("lenses", "Keep, Revert and Stop stand above an edit")
    else:
        yield note("lenses", "none; Keep, Revert and Stop are in the menu of actions")
    if client.profile.cursor == "line":
        yield note("selection", "a single selected line counts as the cursor")


def _settings(client: Client) -> Check:
    if client.configuration:
        return ok("settings", "asked of the editor, under `kibitz`")
    return note("settings", "only those that come with its start, config.toml and .kibitz.toml")


def _paste(client: Client) -> Check:
    name = _RECIPE_OF_PROFILE.get(client.profile.name)
    if name is None or recipe(name) is None:
        return note("paste", "`kibitz setup` lists the editors that there are recipes for")
    return ok("paste", f"`kibitz setup {name}`")
