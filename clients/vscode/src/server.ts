/**
 * The running server: finding it, starting it, and starting it again.
 *
 * The only module that holds the language client.  Others hear of a new connection by `attach`
 * and send commands with `execute`.
 */

import { constants, accessSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { createInterface } from "node:readline";
import {
  type Disposable,
  EventEmitter,
  type ExtensionContext,
  type LogOutputChannel,
  Uri,
  commands,
  l10n,
  window,
  workspace,
} from "vscode";
import {
  type ClientCapabilities,
  type DynamicFeature,
  LanguageClient,
  LSPErrorCodes,
  type Middleware,
  ResponseError,
  RevealOutputChannelOn,
  State,
  type StaticFeature,
} from "vscode-languageclient/node";

import { apiKey, tellRefused } from "./credentials";
import { explicitSettings, ownSetting } from "./configuration";
import { type Sorted, sorted } from "./environment";
import { offerToInstall } from "./installation";
import { type Launch, findServer } from "./launch";
import { EXTENSIONS, type Argument, type ServerCommand } from "./protocol";
import type { SelectedPython } from "./python";

export type Standing = "restricted" | "starting" | "running" | "stopped" | "missing" | "failed";

/** Called for each connection; what it returns is disposed of when the connection ends. */
export type Attach = (client: LanguageClient) => Disposable[];

/** A line of the server's log: the time (ours stands before it), the level, the rest. */
const LOG_LINE = /^\S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/;

const DOCUMENTS = [
  { scheme: "file" },
  { scheme: "untitled" },
  { scheme: "vscode-notebook-cell" },
] as const;

/** The client library with kibitz's extensions, and without its own command registration. */
class Client extends LanguageClient {
  override registerFeature(feature: StaticFeature | DynamicFeature<unknown>): void {
    // The library registers a server's commands under their own names when the server has
    // started.  Ours are registered when the extension starts, so that they can say what is
    // missing while there is no server.
    const method = "registrationType" in feature ? feature.registrationType.method : undefined;
    if (method !== "workspace/executeCommand") {
      super.registerFeature(feature);
    }
  }
}

const announcement: StaticFeature = {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.workspace = { ...capabilities.workspace, executeCommand: {} };
    capabilities.experimental = { kibitz: EXTENSIONS };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

export class Server implements Disposable {
  private readonly changed = new EventEmitter<Standing>();
  readonly onDidChange = this.changed.event;

  /** How the server was found; undefined before it was looked for, and when there is none. */
  launch: Launch | undefined;
  /** The version that the server says it has. */
  version: string | undefined;

  private now: Standing = "stopped";
  private client: Client | undefined;
  private attached: Disposable[] = [];
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: ExtensionContext,
    private readonly log: LogOutputChannel,
    private readonly middleware: Middleware,
    private readonly attach: Attach,
    private readonly python: SelectedPython,
  ) {}

  get standing(): Standing {
    return this.now;
  }

  /** Start the server where it may be started and can be found. */
  start(): Promise<void> {
    return this.inTurn(() => this.startNow());
  }

  /** Stop the server, if there is one, and start it with what holds now. */
  restart(): Promise<void> {
    return this.inTurn(async () => {
      await this.stopNow();
      await this.startNow();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.stopNow());
  }

  dispose(): void {
    this.changed.dispose();
  }

  /**
   * Run a command of the server.  What goes wrong is told to the user, in the server's words; the
   * result is undefined then.
   */
  async execute(command: ServerCommand, argument: Argument = {}): Promise<unknown> {
    const client = await this.running();
    if (client === undefined) {
      return undefined;
    }
    try {
      return await client.sendRequest("workspace/executeCommand", {
        command,
        arguments: [argument],
      });
    } catch (error) {
      if (error instanceof ResponseError) {
        if (error.code === LSPErrorCodes.ContentModified) {
          void window.showInformationMessage(
            l10n.t("The text has changed meanwhile; run the command again."),
          );
        } else {
          void window.showErrorMessage(error.message);
        }
      } else {
        this.log.error(String(error));
      }
      return undefined;
    }
  }

  /** The connection, or undefined after the user was told why there is none. */
  async running(): Promise<LanguageClient | undefined> {
    await this.turn;
    if (this.now === "restricted") {
      await explainRestrictedMode();
    } else if (this.now === "missing") {
      await this.offerToInstall();
    } else if (this.now !== "running") {
      await this.offerToRestart();
    }
    return this.now === "running" ? this.client : undefined;
  }

  /** What the server is started with: kibitz's program and arguments, and its environment. */
  async process(
    ...words: readonly string[]
  ): Promise<{ command: string; args: string[]; env: NodeJS.ProcessEnv } | undefined> {
    this.launch = await this.find();
    if (this.launch === undefined) {
      return undefined;
    }
    const key = await apiKey(this.context.secrets);
    return {
      command: this.launch.command,
      args: [...this.launch.prefix, ...words],
      env: {
        ...process.env,
        ...(key === undefined ? {} : { ANTHROPIC_API_KEY: key }),
        ...givenEnvironment().kept,
      },
    };
  }

  /** Pass what the server prints on to the log, line by line. */
  private readonly pass = (stream: NodeJS.ReadableStream): void => {
    createInterface({ input: stream }).on("line", (line) => {
      const [, level, words] = LOG_LINE.exec(line) ?? [];
      if (level === "ERROR" || level === "CRITICAL") {
        this.log.error(words ?? line);
      } else if (level === "WARNING") {
        this.log.warn(words ?? line);
      } else {
        this.log.info(words ?? line);
      }
    });
  };

  private inTurn(step: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(step).catch((error: unknown) => {
      this.log.error(String(error));
    });
    return this.turn;
  }

  private become(standing: Standing): void {
    this.now = standing;
    void commands.executeCommand("setContext", "kibitz.isRunning", standing === "running");
    this.changed.fire(standing);
  }

  private async startNow(): Promise<void> {
    if (this.client !== undefined) {
      return;
    }
    if (!workspace.isTrusted) {
      this.become("restricted");
      return;
    }
    this.become("starting");
    const start = await this.process("serve");
    if (start === undefined) {
      this.log.warn("no server: neither set, nor in the Python environment, nor on PATH, nor uvx");
      this.become("missing");
      void this.offerToInstall();
      return;
    }
    tellRefused(givenEnvironment().refused);
    this.log.info(`starting ${[start.command, ...start.args].join(" ")}`);
    const client = new Client(
      "kibitz",
      "kibitz",
      {
        command: start.command,
        args: start.args,
        // Not the workspace: what lies there is not to decide what is started.
        options: { env: start.env, cwd: homedir() },
      },
      {
        documentSelector: [...DOCUMENTS],
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        initializationFailedHandler: () => false,
        middleware: { ...this.middleware, workspace: { configuration: answerSettings } },
        // The server's log has its own levels and times.
        stdioOptions: { stdout: this.pass, stderr: this.pass },
        // What a model wrote must not run commands.
        markdown: { isTrusted: false, supportHtml: false },
      },
    );
    client.registerFeature(announcement);
    client.onDidChangeState(({ newState }) => {
      this.follow(client, newState);
    });
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.error(`the server did not start: ${String(error)}`);
      this.client = undefined;
      this.become("failed");
      void this.offerToRestart();
    }
  }

  /** Take what the library does by itself: it starts a server that has died, a few times. */
  private follow(client: Client, state: State): void {
    if (client !== this.client) {
      return;
    }
    if (state === State.Running) {
      this.version = client.initializeResult?.serverInfo?.version;
      this.attached = this.attach(client);
      this.become("running");
    } else {
      this.detach();
      this.become(state === State.Starting ? "starting" : "stopped");
    }
  }

  private detach(): void {
    for (const each of this.attached.splice(0)) {
      each.dispose();
    }
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.detach();
    if (client !== undefined) {
      this.become("stopped");
      try {
        await client.dispose(3000);
      } catch (error) {
        this.log.info(`the server had to be ended: ${String(error)}`);
      }
    }
  }

  private async find(): Promise<Launch | undefined> {
    const configured = ownSetting("server.path", "").trim();
    const counts = configured === "" && workspace.isTrusted;
    return findServer({
      configured,
      python: counts ? await this.python.path() : undefined,
      version: this.made(),
      searchPath: process.env.PATH ?? "",
      home: homedir(),
      folders: (workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      isWindows: process.platform === "win32",
      isFile: isProgram,
    });
  }

  /** The version of kibitz that this extension was made with. */
  private made(): string {
    return (this.context.extension.packageJSON as { version: string }).version;
  }

  /** Offer what mends that there is no server; one that was installed is started at once. */
  private async offerToInstall(): Promise<void> {
    if (await offerToInstall(this.made(), await this.python.path())) {
      await this.restart();
    }
  }

  private async offerToRestart(): Promise<void> {
    const restart = l10n.t("Start again");
    const showLog = l10n.t("Show the log");
    const chosen = await window.showErrorMessage(
      l10n.t("kibitz's server is not running."),
      restart,
      showLog,
    );
    if (chosen === restart) {
      await this.restart();
    } else if (chosen === showLog) {
      this.log.show();
    }
  }
}

function givenEnvironment(): Sorted {
  return sorted(ownSetting<Record<string, string>>("server.environment", {}));
}

/** The settings that somebody has set: a default of ours must not go over the user's own file. */
function answerSettings(params: { items: { section?: string; scopeUri?: string }[] }): unknown[] {
  return params.items.map((item) =>
    item.section === "kibitz"
      ? explicitSettings(item.scopeUri === undefined ? undefined : Uri.parse(item.scopeUri))
      : null,
  );
}

export async function explainRestrictedMode(): Promise<void> {
  const manage = l10n.t("Manage Workspace Trust");
  const chosen = await window.showInformationMessage(
    l10n.t(
      "kibitz is off in Restricted Mode: it reads nothing of this folder, starts no program and sends nothing. Trust the folder to switch it on.",
    ),
    manage,
  );
  if (chosen === manage) {
    await commands.executeCommand("workbench.trust.manage");
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // Not there, or not ours to run: looked for elsewhere.
  }
}
