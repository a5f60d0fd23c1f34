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
