/**
 * The settings in the section `kibitz`: which of them are this extension's own, and which of the
 * server's somebody has really set.
 */

import { type Uri, workspace } from "vscode";

const SECTION = "kibitz";
const OWN = "server";

/** A setting of the extension itself.  It has machine scope: no repository can set it. */
export function ownSetting<T>(name: string, otherwise: T): T {
  return workspace.getConfiguration(SECTION).get<T>(name, otherwise);
}

/**
 * The server's settings as a tree, without defaults: the server has its own, and the user's file
 * lies between those and what an editor says.
 */
export function explicitSettings(scope: Uri | undefined): Record<string, unknown> {
  const configuration = workspace.getConfiguration(SECTION, scope ?? null);
  const tree: Record<string, unknown> = {};
  for (const name of leaves(configuration)) {
    if (name === OWN || name.startsWith(`${OWN}.`)) {
      continue;
    }
    const known = configuration.inspect(name);
    const value =
      known?.workspaceFolderLanguageValue ??
      known?.workspaceLanguageValue ??
      known?.globalLanguageValue ??
      known?.workspaceFolderValue ??
      known?.workspaceValue ??
      known?.globalValue;
    if (value !== undefined) {
      plant(tree, name.split("."), value);
    }
  }
  return tree;
}

/** The names of all settings, as far as they are contributed or were written by somebody. */
function leaves(configuration: object, prefix = ""): string[] {
  return Object.entries(configuration).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === "function") {
      return []; // a method of the configuration
    }
    const path = prefix + name;
    return isTree(value) ? [path, ...leaves(value, `${path}.`)] : [path];
  });
}

function plant(tree: Record<string, unknown>, path: string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) {
    return;
  }
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const below = tree[name];
  const branch = isTree(below) ? below : {};
  tree[name] = branch;
  plant(branch, rest, value);
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
