/** The Python interpreter that is selected in the editor, asked of the Python extension. */

import {
  type Disposable,
  type Event,
  EventEmitter,
  type LogOutputChannel,
  type Uri,
  extensions,
  workspace,
} from "vscode";

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

export class SelectedPython implements Disposable {
  private readonly selected = new EventEmitter<undefined>();
  /** Another interpreter was selected; silent until `path` has found the Python extension. */
  readonly onDidSelect = this.selected.event;

  private following: Disposable | undefined;

  constructor(private readonly log: LogOutputChannel) {}

  dispose(): void {
    this.following?.dispose();
    this.selected.dispose();
  }

  /**
   * The path of the interpreter; undefined without the Python extension or a selection.
   *
   * Activates the Python extension, so it is asked only where the answer counts.
   */
  async path(): Promise<string | undefined> {
    try {
      const python = await extensions.getExtension<PythonExtension>("ms-python.python")?.activate();
      if (python === undefined) {
        return undefined;
      }
      const { environments } = python;
      this.following ??= environments.onDidChangeActiveEnvironmentPath(() => {
        this.selected.fire(undefined);
      });
      const resource = workspace.workspaceFolders?.[0]?.uri;
      const active = environments.getActiveEnvironmentPath(resource);
      return (await environments.resolveEnvironment(active))?.executable.uri?.fsPath;
    } catch (error) {
      this.log.info(`the Python extension does not say which environment is selected: ${String(error)}`);
      return undefined;
    }
  }
}
