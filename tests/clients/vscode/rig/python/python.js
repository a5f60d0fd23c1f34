// Says which interpreter is selected, as the Python extension does: here it is a setting's.
"use strict";

const vscode = require("vscode");

const SETTING = "python.defaultInterpreterPath";

exports.activate = (context) => {
  const selected = () => ({ path: vscode.workspace.getConfiguration().get(SETTING, "") });
  const changed = new vscode.EventEmitter();
  context.subscriptions.push(
    changed,
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SETTING)) {
        changed.fire(selected());
      }
    }),
  );
  return {
    environments: {
      getActiveEnvironmentPath: selected,
      resolveEnvironment: async ({ path }) =>
        path === "" ? undefined : { executable: { uri: vscode.Uri.file(path) } },
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
};
