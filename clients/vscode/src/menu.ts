/** The menu of code actions, as this editor shows it. */

import { type CodeAction, type CodeActionContext, CodeActionKind, type Command } from "vscode";

const SOURCE = CodeActionKind.Source.append("kibitz");

/**
 * `actions` with kinds that the menu shows.
 *
 * This editor hides every action below `source` from its menu (Ctrl+.) and keeps them for a menu
 * of their own, where nobody would look for an explanation.  Kinds that it does not know stand
 * under *More Actions*.  Whoever asks for kinds by name gets what the server says.
 */
export function inMenu(
  actions: readonly (Command | CodeAction)[] | null | undefined,
  context: CodeActionContext,
): (Command | CodeAction)[] | undefined {
  if (context.only === undefined) {
    for (const action of actions ?? []) {
      const kind = "kind" in action ? action.kind : undefined;
      if (kind !== undefined && "kind" in action && SOURCE.contains(kind)) {
        const name = kind.value.slice(CodeActionKind.Source.value.length + 1);
        action.kind = CodeActionKind.Empty.append(name);
      }
    }
  }
  return actions === null || actions === undefined ? undefined : [...actions];
}
