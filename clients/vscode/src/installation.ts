/**
 * A machine without a server: what would mend that is said, and is done when the user says so.
 *
 * Nothing is installed behind anybody's back: the prompt names the command before it is chosen, and
 * it runs in a terminal that is in sight.
 */

import { homedir } from "node:os";
import {
  ProcessExecution,
  ShellExecution,
  Task,
  TaskRevealKind,
  TaskScope,
  commands,
  l10n,
  tasks,
  window,
} from "vscode";

import { installUv } from "./launch";

type Execution = ProcessExecution | ShellExecution;

/**
 * Offer to install the server's `version`: into the interpreter `python` where one is selected, or
 * by way of uv.  True when something was installed, so that it is worth looking again.
 */
export async function offerToInstall(
  version: string,
  python: string | undefined,
): Promise<boolean> {
  // Not in the folder that is open: what lies there is not to decide what is run.
  const options = { cwd: homedir() };
  const ofUv = installUv(process.platform === "win32");
  const requirement = `kibitz==${version}`;
  const intoPython = l10n.t("Install into the Python environment");
  const withUv = l10n.t("Install uv");
  const setPath = l10n.t("Set the path…");
  const chosen = await window.showWarningMessage(
    python === undefined
      ? l10n.t(
          "kibitz's server was not found on this machine. With uv it is fetched when it is needed; “Install uv” runs in a terminal: {0}",
          ofUv,
        )
      : l10n.t(
          "kibitz's server was not found on this machine. It can be installed into the selected Python environment (pip install {0}), or fetched by uv when it is needed; “Install uv” runs in a terminal: {1}",
          requirement,
          ofUv,
        ),
    ...(python === undefined ? [] : [intoPython]),
    withUv,
    setPath,
  );
  if (chosen === intoPython && python !== undefined) {
    const words = ["-m", "pip", "install", requirement];
    return await install("pip install kibitz", new ProcessExecution(python, words, options));
  }
  if (chosen === withUv) {
    return await install("install uv", new ShellExecution(ofUv, options));
  }
  if (chosen === setPath) {
    await commands.executeCommand("workbench.action.openSettings", "kibitz.server.path");
  }
  return false;
}

/** Run it in a terminal that is shown with the command in it; true when it has succeeded. */
async function install(name: string, execution: Execution): Promise<boolean> {
  const task = new Task({ type: "shell" }, TaskScope.Workspace, name, "kibitz", execution);
  task.presentationOptions = { reveal: TaskRevealKind.Always, echo: true, focus: true, clear: true };
  const ended = new Promise<boolean>((resolve) => {
    const listening = tasks.onDidEndTaskProcess((event) => {
      if (event.execution.task.name === name && event.execution.task.source === task.source) {
        listening.dispose();
        resolve(event.exitCode === 0);
      }
    });
  });
  await tasks.executeTask(task);
  const isInstalled = await ended;
  if (!isInstalled) {
    void window.showErrorMessage(
      l10n.t("It could not be installed; the terminal says why."),
    );
  }
  return isInstalled;
}
