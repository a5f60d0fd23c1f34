/** The extension, wired on one screen.  It starts the server and shows; what to do is the server's. */

import { Disposable, type ExtensionContext, type Uri, window, workspace } from "vscode";
import {
  DidChangeConfigurationNotification,
  type LanguageClient,
  type Middleware,
} from "vscode-languageclient/node";

import { showDocument } from "./answers";
import { Changes } from "./changes";
import { registerCommands } from "./commands";
import { isApiKey } from "./credentials";
import { Findings } from "./findings";
import { inMenu } from "./menu";
import { APPLY_EDIT, type ApplyEditParams } from "./protocol";
import { SelectedPython } from "./python";
import { Server } from "./server";
import { Status } from "./status";
import { StreamedEdits } from "./streamedEdits";

let running: Server | undefined;

/** The editor waits for what is returned: the server has time to end by itself. */
export function deactivate(): Promise<void> | undefined {
  return running?.stop();
}

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("kibitz", { log: true });
  const status = new Status();
  const findings = new Findings();
  const edits = new StreamedEdits();
  const changes = new Changes(edits);

  const middleware: Middleware = {
    window: { showDocument: (params, token, next) => showDocument(params, () => next(params, token)) },
    provideCodeActions: async (document, range, context, token, next) =>
      inMenu(await next(document, range, context, token), context),
    handleDiagnostics: (uri: Uri, diagnostics, next) => {
      findings.take(uri, diagnostics);
      next(uri, diagnostics);
    },
    handleWorkDoneProgress: (token, progress, next) => {
      if (progress.kind === "end" && progress.message !== undefined) {
        status.outcome(progress.message);
      }
      next(token, progress);
    },
  };

  const attach = (client: LanguageClient) => [
    ...status.attach(client),
    ...changes.attach(client),
    client.onRequest(APPLY_EDIT, (params: ApplyEditParams) => edits.apply(params)),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("kibitz")) {
        // Without settings: the server asks for those that it wants.
        void client.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
      }
    }),
    new Disposable(() => {
      edits.forget();
      findings.forget();
    }),
  ];

  const python = new SelectedPython(log);
  const server = new Server(context, log, middleware, attach, python);
  running = server;
  context.subscriptions.push(
    log,
    status,
    status.follow(server),
    findings,
    changes,
    python,
    server,
    ...registerCommands(context, { server, changes, findings, status, log }),
    workspace.onDidGrantWorkspaceTrust(() => server.restart()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("kibitz.server")) {
        void server.restart();
      }
    }),
    python.onDidSelect(() => {
      if (server.launch?.way !== "setting") {
        void server.restart();
      }
    }),
    context.secrets.onDidChange(({ key }) => {
      if (isApiKey(key)) {
        void server.restart();
      }
    }),
  );
  // Not awaited: the editor goes on starting, and commands wait for the server by themselves.
  void server.start();
}
