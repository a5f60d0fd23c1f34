"""The extension that Zed needs to start a server: it takes none from its settings.

Zed builds it on the user's machine, from three small files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from kibitz import __version__
from kibitz.editor_setup.languages import Language

CRATE = f"""\
[package]
name = "zed-kibitz"
version = "{__version__}"
edition = "2021"
license = "MIT"
publish = false

[lib]
path = "src/lib.rs"
crate-type = ["cdylib"]

[dependencies]
zed_extension_api = "0.7.0"
"""

SOURCE = """\
//! Starts `kibitz serve`, found on the PATH of the project's shell or named in the settings:
//! `"lsp": { "kibitz": { "binary": { "path": "/full/path/to/kibitz" } } }`.

use zed_extension_api::{self as zed, settings::LspSettings, LanguageServerId, Result, Worktree};

struct Kibitz;

impl zed::Extension for Kibitz {
    fn new() -> Self {
        Kibitz
    }

    fn language_server_command(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<zed::Command> {
        let named = LspSettings::for_worktree(id.as_ref(), worktree)
            .ok()
            .and_then(|settings| settings.binary)
            .and_then(|binary| binary.path);
        let command = named
            .or_else(|| worktree.which("kibitz"))
            .ok_or("kibitz is not on PATH: `pipx install kibitz` puts it there")?;
        Ok(zed::Command {
            command,
            args: vec!["serve".into()],
            env: worktree.shell_env(),
        })
    }

    fn language_server_workspace_configuration(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<zed::serde_json::Value>> {
        let settings = LspSettings::for_worktree(id.as_ref(), worktree)
            .ok()
            .and_then(|settings| settings.settings);
        Ok(settings.map(|kibitz| zed::serde_json::json!({ "kibitz": kibitz })))
    }
}

zed::register_extension!(Kibitz);
"""


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
