/** `Kibitz: Doctor`: what the extension knows of itself, and what `kibitz doctor` says. */

import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { type ExtensionContext, ProgressLocation, l10n, version, window, workspace } from "vscode";

import { explainRestrictedMode, type Server } from "./server";

const LONGEST_SECONDS = 60;

export async function doctor(context: ExtensionContext, server: Server): Promise<void> {
  const lines = [
    `extension: ${(context.extension.packageJSON as { version: string }).version}`,
    `editor: ${version}`,
    `workspace: ${workspace.isTrusted ? "trusted" : "Restricted Mode"}`,
    `server: ${server.standing}${server.version === undefined ? "" : `, ${server.version}`}`,
  ];
  if (workspace.isTrusted) {
    const start = await server.process("doctor");
    const { launch } = server;
    if (start === undefined || launch === undefined) {
      lines.push(l10n.t("program: none; “Kibitz: Get Started” says how to have one"));
    } else {
      lines.push(`program: ${[start.command, ...start.args].join(" ")} (${launch.way})`, "");
      const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
      lines.push(
        await window.withProgress(
          { location: ProgressLocation.Window, title: l10n.t("kibitz examines itself") },
          () => outputOf(start.command, start.args, start.env, folder),
        ),
      );
    }
  }
  const document = await workspace.openTextDocument({
    language: "plaintext",
    content: `${lines.join("\n").trimEnd()}\n`,
  });
  await window.showTextDocument(document, { preview: true });
  if (!workspace.isTrusted) {
    await explainRestrictedMode();
  }
}

/** What a program prints, both streams together, in the order in which it came. */
async function outputOf(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  folder: string,
): Promise<string> {
  return await new Promise((resolve) => {
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...environment, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LONGEST_SECONDS * 1000,
    });
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => {
      resolve(`${output}\n${error.message}`);
    });
    child.on("close", () => {
      resolve(output);
    });
  });
}
