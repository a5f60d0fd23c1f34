/** The Python interpreter that is selected in the editor, asked of the Python extension. */

import { Disposable, type Event, type LogOutputChannel, type Uri, extensions, workspace } from "vscode";

/** What is used of the Python extension's interface. */
interface PythonExtension {
  readonly environments: {
    getActiveEnvironmentPath(resource?: Uri): { readonly path: string };
    resolveEnvironment(path: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: Event<unknown>;
  };
}

async function pythonExtension(): Promise<PythonExtension | undefined> {
  const found = extensions.getExtension<PythonExtension>("ms-python.python");
  return found === undefined ? undefined : await found.activate();
}

/** Its path; undefined without the Python extension or a selection. */
export async function selectedPython(log: LogOutputChannel): Promise<string | undefined> {
  try {
    const python = await pythonExtension();
    if (python === undefined) {
      return undefined;
    }
    const resource = workspace.workspaceFolders?.[0]?.uri;
    const active = python.environments.getActiveEnvironmentPath(resource);
    const environment = await python.environments.resolveEnvironment(active);
    return environment?.executable.uri?.fsPath;
  } catch (error) {
    log.info(`the Python extension does not say which environment is selected: ${String(error)}`);
    return undefined;
  }
}

/** Call back when another interpreter is selected; does nothing without the Python extension. */
export function onDidSelectPython(callback: () => void): Disposable {
  const found = extensions.getExtension<PythonExtension>("ms-python.python");
  const python = found?.isActive === true ? found.exports : undefined;
  return (
    python?.environments.onDidChangeActiveEnvironmentPath(callback) ??
    new Disposable(() => undefined)
  );
}
