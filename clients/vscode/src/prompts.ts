/** Running one of the user's own prompts, chosen by its title: which there are, the server says. */

import { type CodeAction, type TextEditor, commands, l10n, window } from "vscode";

const COMMAND = "kibitz.runPrompt";

/** Let the user choose among the prompts that fit the place in `editor`, and run it. */
export async function runPrompt(editor: TextEditor): Promise<unknown> {
  const actions = await commands.executeCommand<CodeAction[]>(
    "vscode.executeCodeActionProvider",
    editor.document.uri,
    editor.selection,
  );
  const prompts = actions.filter((action) => action.command?.command === COMMAND);
  if (prompts.length === 0) {
    return await window.showInformationMessage(
      l10n.t(
        "No prompt of your own fits here. Each file NAME.md in the folder that `kibitz.prompts.dir` names is one.",
      ),
    );
  }
  const chosen = await window.showQuickPick(
    prompts.map((action) => ({ label: action.title, action })),
    { title: l10n.t("Which prompt?") },
  );
  const command = chosen?.action.command;
  return command === undefined
    ? undefined
    : await commands.executeCommand(command.command, ...((command.arguments ?? []) as unknown[]));
}
