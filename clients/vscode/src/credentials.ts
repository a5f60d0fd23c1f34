/**
 * The API key: kept in the editor's secret storage, handed to the server in its environment, and
 * written nowhere else.
 */

import { type SecretStorage, commands, l10n, window } from "vscode";

const NAME = "kibitz.apiKey";

export async function apiKey(secrets: SecretStorage): Promise<string | undefined> {
  return await secrets.get(NAME);
}

export function isApiKey(name: string): boolean {
  return name === NAME;
}

export async function askForApiKey(secrets: SecretStorage): Promise<void> {
  const given = await window.showInputBox({
    title: l10n.t("Anthropic API key"),
    prompt: l10n.t("It is kept in this machine's secret storage, never in settings."),
    placeHolder: "sk-ant-…",
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) =>
      /\s/.test(value.trim()) ? l10n.t("A key has no blanks in it.") : undefined,
  });
  const key = given?.trim();
  if (key !== undefined && key !== "") {
    await secrets.store(NAME, key);
  }
}

export async function forgetApiKey(secrets: SecretStorage): Promise<void> {
  await secrets.delete(NAME);
  void window.showInformationMessage(l10n.t("kibitz has forgotten the API key."));
}

/** Say which variables of the settings are not handed on, as they are credentials. */
export function tellRefused(names: readonly string[]): void {
  if (names.length === 0) {
    return;
  }
  const setKey = l10n.t("Set the API key…");
  void window
    .showWarningMessage(
      l10n.t(
        "Credentials are not taken from settings: remove {0} from `kibitz.server.environment`. A key for Anthropic is kept in the secret storage; others belong into the environment of the editor.",
        names.join(", "),
      ),
      setKey,
    )
    .then(async (chosen) => {
      if (chosen === setKey) {
        await commands.executeCommand("kibitz.setApiKey");
      }
    });
}
