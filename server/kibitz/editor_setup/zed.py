"""The extension that Zed needs to start a server: it takes none from its settings.

Zed builds it on the user's machine, from three small files; the list of languages is made here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from kibitz import __version__
from kibitz.editor_setup import shipped
from kibitz.editor_setup.languages import Language


def crate() -> str:
    """How the extension is built."""
    return shipped.text("zed", "Cargo.toml")


def source() -> str:
    """The extension itself, in Rust."""
    return shipped.text("zed", "src/lib.rs")


def manifest(wanted: Sequence[Language]) -> str:
    """The extension's own description, with the languages it is for."""
    names = [json.dumps(language.zed) for language in wanted if language.zed is not None]
    listed = "".join(f"  {name},\n" for name in dict.fromkeys(names))
    return f"""\
id = "kibitz"
name = "kibitz"
description = "Explain, review and refactor with Claude, by the language server kibitz."
version = "{__version__}"
schema_version = 1
authors = ["The kibitz contributors"]

[language_servers.kibitz]
name = "kibitz"
languages = [
{listed}]
"""
