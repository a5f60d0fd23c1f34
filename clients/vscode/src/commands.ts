/**
 * The commands: what the palette, menus, keys, lenses and code actions run.
 *
 * Called with an argument (by a code action or a lens of the server) a command passes it on;
 * called without one it is about the active editor.
 */

import {
  type Disposable,
  type ExtensionContext,
  type LogOutputChannel,
  type TextEditor,
  commands,
  l10n,
  window,
} from "vscode";

import { askForApiKey, forgetApiKey } from "./credentials";
import type { Changes } from "./changes";
import { doctor } from "./doctor";
import { type FindingNode, type Findings, argumentOf, explain } from "./findings";
import { askForInstruction } from "./instruction";
import { runPrompt } from "./prompts";
import { type Argument, SERVER_COMMANDS, type ServerCommand } from "./protocol";
import type { Server } from "./server";
import type { Status } from "./status";

export interface Parts {
  readonly server: Server;
  readonly changes: Changes;
  readonly findings: Findings;
  readonly status: Status;
  readonly log: LogOutputChannel;
}

type Run = (argument: Argument) => Promise<unknown>;

/** Register every command; dispose of what is returned to take them back. */
export function registerCommands(context: ExtensionContext, parts: Parts): Disposable[] {
  const { server, changes, findings, status, log } = parts;
  const history = context.workspaceState;

  /** Ask for an instruction unless the argument has one. */
  const withInstruction = async (
    command: ServerCommand,
    argument: Argument,
    title: string,
    placeholder: string,
  ): Promise<unknown> => {
    const instruction =
      argument.instruction ?? (await askForInstruction(history, title, placeholder));
    return instruction === undefined
      ? undefined
      : await server.execute(command, { ...argument, instruction });
  };

  /** What a command of the server does when nobody has given it an argument. */
  const withoutArgument: Partial<Record<ServerCommand, () => Promise<unknown>>> = {
    "kibitz.usage": () => server.execute("kibitz.usage"),
    "kibitz.stop": () => server.execute("kibitz.stop", ofDocument()),
    "kibitz.keep": () => server.execute("kibitz.keep", ofDocument()),
    "kibitz.revert": () => server.execute("kibitz.revert", ofDocument()),
    "kibitz.showContext": () => server.execute("kibitz.showContext", ofDocument()),
    "kibitz.reviewChanges": () => server.execute("kibitz.reviewChanges", ofFile()),
    "kibitz.converse": () => server.execute("kibitz.converse", ofSelection()),
    "kibitz.trust": () => trust(server),
    "kibitz.toggleCompletion": () => server.execute("kibitz.toggleCompletion", ofLanguage()),
    "kibitz.complete": async () => {
      // The editor's own way shows it as ghost text, and lets part of it be taken.
      if ((await server.running()) !== undefined) {
        await commands.executeCommand("editor.action.inlineSuggest.trigger");
      }
    },
    "kibitz.fix": async () => {
      // The server's menu knows which diagnostics stand at the cursor.
      if ((await server.running()) !== undefined) {
        const wanted = { kind: "quickfix.kibitz", apply: "ifSingle" };
        await commands.executeCommand("editor.action.codeAction", wanted);
      }
    },
    "kibitz.runPrompt": async () => {
      if ((await server.running()) === undefined) {
        return undefined;
      }
      const editor = window.activeTextEditor;
      return editor === undefined ? await noEditor() : await runPrompt(editor);
    },
    "kibitz.ask": () =>
      withInstruction(
        "kibitz.ask",
        ofSelection(),
        l10n.t("Ask about this code or this repository"),
        l10n.t("Your question"),
      ),
  };

  const serverCommand = (command: ServerCommand): Run => {
    if (command === "kibitz.refactor") {
      return (argument) =>
        withInstruction(
          command,
          argument,
          l10n.t("Refactor"),
          l10n.t("What shall be changed, in your words"),
        );
    }
    return (argument) => server.execute(command, argument);
  };

  const registered = SERVER_COMMANDS.map((command) => {
    const run = serverCommand(command);
    return commands.registerCommand(command, async (given?: unknown) => {
      if (isArgument(given)) {
        return await run(given);
      }
      const alone = withoutArgument[command];
      if (alone !== undefined) {
        return await alone();
      }
      const argument = ofPlace();
      return argument === undefined ? await noEditor() : await run(argument);
    });
  });

  /** What is done to a finding: the one whose menu was opened, or the one the keys are on. */
  const onFinding =
    (run: (node: FindingNode) => Promise<unknown>) =>
    async (given?: FindingNode): Promise<unknown> => {
      const node = given ?? findings.selected;
      return node === undefined ? undefined : await run(node);
    };

  const own: Record<string, (...args: never[]) => unknown> = {
    "kibitz.explainFile": () => aboutFile(server, "kibitz.explain"),
    "kibitz.reviewFile": () => aboutFile(server, "kibitz.review"),
    "kibitz.refactorFiles": () => {
      const argument = ofPlace();
      return argument === undefined
        ? noEditor()
        : withInstruction(
            "kibitz.refactor",
            { ...argument, files: true },
            l10n.t("Refactor, also in other files"),
            l10n.t("What shall be changed, in your words"),
          );
    },
    "kibitz.send": () => server.execute("kibitz.ask", ofFile()),
    "kibitz.stopEverything": () => server.execute("kibitz.stop"),
    "kibitz.keepChange": () => atChange(parts, "kibitz.keep"),
    "kibitz.revertChange": () => atChange(parts, "kibitz.revert"),
    "kibitz.nextChange": () => changes.goTo("next"),
    "kibitz.previousChange": () => changes.goTo("previous"),
    "kibitz.compare": () => changes.compare(),
    "kibitz.filterFindings": () => findings.filter(),
    "kibitz.showAllFindings": () => {
      findings.showAll();
    },
    "kibitz.findings.apply": onFinding(async (node) =>
      server.execute("kibitz.applyFinding", await argumentOf(node)),
    ),
    "kibitz.findings.dismiss": onFinding(async (node) =>
      server.execute("kibitz.dismissFinding", await argumentOf(node)),
    ),
    "kibitz.findings.explain": onFinding(explain),
    "kibitz.menu": () => status.showMenu(),
    "kibitz.doctor": () => doctor(context, server),
    "kibitz.showLog": () => {
      log.show();
    },
    "kibitz.restart": () => server.restart(),
    "kibitz.setApiKey": () => askForApiKey(context.secrets),
    "kibitz.forgetApiKey": () => forgetApiKey(context.secrets),
    "kibitz.openWalkthrough": async () => {
      const walkthrough = "kibitz.kibitz#kibitz.begin";
      await commands.executeCommand("workbench.action.openWalkthrough", walkthrough);
      // What held before the editor had read the steps completes none: only a change does.
      await commands.executeCommand("setContext", "kibitz.isWalkthroughShown", true);
    },
  };
  return [
    ...registered,
    ...Object.entries(own).map(([name, run]) =>
      commands.registerCommand(name, run as (...args: unknown[]) => unknown),
    ),
  ];
}

/** Menus call with the URI they are opened on; the server's own calls have an object of ours. */
function isArgument(given: unknown): given is Argument {
  return typeof given === "object" && given !== null && !("scheme" in given);
}

async function aboutFile(server: Server, command: ServerCommand): Promise<unknown> {
  const argument = ofPlace();
  if (argument === undefined) {
    return await noEditor();
  }
  // Without a range it is about the whole file.
  const { uri, version } = argument;
  return await server.execute(command, { uri, version });
}

/** Keep or revert the change at the cursor. */
async function atChange(
  { server, changes }: Parts,
  command: "kibitz.keep" | "kibitz.revert",
): Promise<unknown> {
  const editor = window.activeTextEditor;
  const hunk = editor === undefined ? undefined : await changes.at(editor);
  if (hunk === undefined) {
    void window.showInformationMessage(l10n.t("There is no change of kibitz's at the cursor."));
    return undefined;
  }
  return await server.execute(command, hunk.argument);
}

/** Automatic features send code without being asked each time: that is asked for, once. */
async function trust(server: Server): Promise<unknown> {
  const yes = l10n.t("Trust this repository");
  const no = l10n.t("Trust it no longer");
  const chosen = await window.showInformationMessage(
    l10n.t("May kibitz's automatic features send code of this repository?"),
    {
      modal: true,
      detail: l10n.t(
        "What you ask for is sent when you ask. Automatic completion, reviews on save and keeping the cache warm send code by themselves, and need your trust.",
      ),
    },
    yes,
    no,
  );
  if (chosen === undefined) {
    return undefined;
  }
  return await server.execute("kibitz.trust", { ...ofFile(), revoke: chosen === no });
}

async function noEditor(): Promise<unknown> {
  return await window.showInformationMessage(
    l10n.t("Open a file first: kibitz works on what you see."),
  );
}

type Place = Required<Pick<Argument, "uri" | "range" | "version">>;

/** The active editor's document and selection, with the version that the user is looking at. */
function ofPlace(): Place | undefined {
  const editor = window.activeTextEditor;
  if (editor === undefined) {
    return undefined;
  }
  const { start, end } = editor.selection;
  return {
    uri: editor.document.uri.toString(),
    version: editor.document.version,
    range: {
      start: { line: start.line, character: start.character },
      end: { line: end.line, character: end.character },
    },
  };
}

/** As `ofPlace`, only where something is selected: else it is about the repository. */
function ofSelection(): Argument {
  const isSelected = (editor: TextEditor): boolean => !editor.selection.isEmpty;
  const editor = window.activeTextEditor;
  return editor !== undefined && isSelected(editor) ? (ofPlace() ?? {}) : {};
}

function ofDocument(): Argument {
  return ofFile();
}

function ofFile(): Argument {
  const uri = window.activeTextEditor?.document.uri;
  return uri === undefined ? {} : { uri: uri.toString() };
}

function ofLanguage(): Argument {
  const language = window.activeTextEditor?.document.languageId;
  return language === undefined ? {} : { language };
}
