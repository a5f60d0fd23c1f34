/** Asking for an instruction, with those given before below. */

import { type Memento, type QuickPickItem, l10n, window } from "vscode";

const KEY = "kibitz.instructions";
const MOST_KEPT = 30;

/**
 * What the user types, or chooses of what they typed before; undefined when they change their
 * mind.  The history belongs to the workspace and stays on this machine.
 */
export async function askForInstruction(
  history: Memento,
  title: string,
  placeholder: string,
): Promise<string | undefined> {
  const before = history.get<string[]>(KEY, []);
  const given = await pick(title, placeholder, before);
  if (given !== undefined) {
    const others = before.filter((each) => each !== given);
    await history.update(KEY, [given, ...others].slice(0, MOST_KEPT));
  }
  return given;
}

async function pick(
  title: string,
  placeholder: string,
  before: readonly string[],
): Promise<string | undefined> {
  const box = window.createQuickPick();
  const known: QuickPickItem[] = before.map((label) => ({ label }));
  box.title = title;
  box.placeholder = placeholder;
  box.items = known;
  box.ignoreFocusOut = true;
  return await new Promise((resolve) => {
    box.onDidChangeValue((value) => {
      // What is typed comes first, so that Enter takes it, whatever of the history fits.
      const typed = value.trim();
      box.items =
        typed === "" || before.includes(typed)
          ? known
          : [{ label: typed, description: l10n.t("Enter"), alwaysShow: true }, ...known];
    });
    box.onDidAccept(() => {
      const chosen = box.activeItems[0]?.label ?? box.value.trim();
      if (chosen !== "") {
        resolve(chosen);
        box.hide();
      }
    });
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    box.show();
  });
}
