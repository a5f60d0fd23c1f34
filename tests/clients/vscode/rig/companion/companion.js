// Answers a test's questions about the editor, over a socket beside the folder that is open.
// One question a line, `{"code", "args", "wait"}`; one answer a line, `{"value"}` or `{"error"}`.
// With `wait`, the code is run again until its value is true, for that many milliseconds.
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
    const look = new AsyncFunction("vscode", "args", code);
    const end = Date.now() + (wait ?? 0);
    let value = await look(vscode, args);
    while (wait !== undefined && !value && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
      value = await look(vscode, args);
    }
    return { value: value ?? null };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
}
