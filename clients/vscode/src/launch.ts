/**
 * Where the server is: which program to start, in which order the places are looked at.
 *
 * Pure: it knows neither VS Code nor the disk, only what it is told of them.
 */

import * as path from "node:path";

/** How the server was found, most wanted first. */
export type Way = "setting" | "python" | "path" | "uvx";

export interface Launch {
  readonly way: Way;
  readonly command: string;
  /** What comes before kibitz's own arguments. */
  readonly prefix: readonly string[];
}

export interface Surroundings {
  /** The setting `kibitz.server.path`, which only the user's own settings can hold. */
  readonly configured: string;
  /** The interpreter that is selected in a trusted workspace. */
  readonly python: string | undefined;
  /** The version of kibitz that this extension was made with. */
  readonly version: string;
  readonly searchPath: string;
  readonly home: string;
  readonly folders: readonly string[];
  readonly isWindows: boolean;
  readonly isFile: (file: string) => boolean;
}

/** The program to start, or undefined when there is none on this machine. */
export function findServer(around: Surroundings): Launch | undefined {
  const { configured } = around;
  if (configured !== "") {
    // What the user names is not looked for anywhere else: a typing error is to be seen.
    const command = configured.startsWith("~/")
      ? path.join(around.home, configured.slice(2))
      : configured;
    return { way: "setting", command, prefix: [] };
  }
  if (around.python !== undefined) {
    const command = besideInterpreter(around.python, around);
    if (command !== undefined) {
      return { way: "python", command, prefix: [] };
    }
  }
  const installed = onSearchPath("kibitz", around);
  if (installed !== undefined) {
    return { way: "path", command: installed, prefix: [] };
  }
  const uvx = onSearchPath("uvx", around);
  if (uvx !== undefined) {
    return { way: "uvx", command: uvx, prefix: [`kibitz@${around.version}`] };
  }
  return undefined;
}

/** The command with which uv's makers have it installed; it writes into the user's home alone. */
export function installUv(isWindows: boolean): string {
  return isWindows
    ? 'powershell -ExecutionPolicy ByPass -c "irm https://astral.sh/uv/install.ps1 | iex"'
    : "curl -LsSf https://astral.sh/uv/install.sh | sh";
}

/** The folder of the interpreter holds the scripts of its environment (on Windows, too). */
function besideInterpreter(python: string, around: Surroundings): string | undefined {
  const folder = path.dirname(python);
  const places = around.isWindows ? [folder, path.join(folder, "Scripts")] : [folder];
  return places.map((place) => path.join(place, executable("kibitz", around))).find(around.isFile);
}

/**
 * A program on the search path.  A relative entry would mean a file of whatever folder is open,
 * and so would an entry inside one: both are passed over.
 */
function onSearchPath(name: string, around: Surroundings): string | undefined {
  const entries = around.searchPath.split(around.isWindows ? ";" : ":");
  // Where installers put programs that a desktop session may not have on its path.
  const usual = [path.join(around.home, ".local", "bin"), path.join(around.home, ".cargo", "bin")];
  for (const entry of [...entries, ...usual]) {
    if (path.isAbsolute(entry) && !around.folders.some((folder) => isWithin(entry, folder))) {
      const file = path.join(entry, executable(name, around));
      if (around.isFile(file)) {
        return file;
      }
    }
  }
  return undefined;
}

function executable(name: string, around: Surroundings): string {
  return around.isWindows ? `${name}.exe` : name;
}

function isWithin(place: string, folder: string): boolean {
  const relative = path.relative(folder, place);
  return relative === "" || (!relative.startsWith("..") && !path.isAbsolute(relative));
}
