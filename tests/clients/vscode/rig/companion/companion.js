// Answers a test's questions about the editor, over a socket beside the folder that is open.
// One question a line, `{"code", "args", "wait"}`; one answer a line, `{"value"}` or `{"error"}`.
// With `wait`, the code is run again until its value is true, for that many milliseconds; also when
// the editor has cancelled what was asked, as it does when a provider comes or goes meanwhile.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const readline = require("node:readline");
const vscode = require("vscode");

const LOOK_MILLISECONDS = 25;
const AsyncFunction = (async () => undefined).constructor;

exports.activate = (context) => {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (folder === undefined) {
    return;
  }
  const address = path.join(path.dirname(folder), "companion");
  fs.rmSync(address, { force: true });
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    readline.createInterface({ input: socket }).on("line", async (line) => {
      const answer = await answerTo(JSON.parse(line));
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
  server.listen(address);
  context.subscriptions.push({ dispose: () => server.close() });
};

async function answerTo({ code, args, wait }) {
  try {
    const run = new AsyncFunction("vscode", "args", code);
    if (wait === undefined) {
      return { value: (await run(vscode, args)) ?? null };
    }
    const end = Date.now() + wait;
    let value = await unlessCanceled(run(vscode, args));
    while (!value && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
      value = await unlessCanceled(run(vscode, args));
    }
    return { value: value ?? null };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
}

async function unlessCanceled(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error?.name === "Canceled") {
      return undefined;
    }
    throw error;
  }
}
