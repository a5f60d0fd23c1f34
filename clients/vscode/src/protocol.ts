/** kibitz's own methods and the commands of its server, as docs/protocol.md has them. */

import type { Position, Range, TextEdit } from "vscode-languageclient/node";

/** What this extension has of kibitz's extensions to the protocol.  Answers come as virtual
 * documents, which the server has made safe to show, and not as `kibitz/stream`. */
export const EXTENSIONS = { applyEdit: true, status: true } as const;

export const APPLY_EDIT = "kibitz/applyEdit";
export const STATUS = "kibitz/status";

/** The scheme of the documents that answers are shown in. */
export const ANSWER_SCHEME = "kibitz";

/** Every command of the server. */
export const SERVER_COMMANDS = [
  "kibitz.explain",
  "kibitz.review",
  "kibitz.reviewChanges",
  "kibitz.refactor",
  "kibitz.fix",
  "kibitz.document",
  "kibitz.test",
  "kibitz.ask",
  "kibitz.converse",
  "kibitz.runPrompt",
  "kibitz.keep",
  "kibitz.revert",
  "kibitz.applyOffer",
  "kibitz.stop",
  "kibitz.applyFinding",
  "kibitz.dismissFinding",
  "kibitz.complete",
  "kibitz.acceptCompletion",
  "kibitz.toggleCompletion",
  "kibitz.usage",
  "kibitz.showContext",
  "kibitz.trust",
] as const;

export type ServerCommand = (typeof SERVER_COMMANDS)[number];

/** The one argument of a command. */
export interface Argument {
  uri?: string;
  range?: Range;
  version?: number;
  instruction?: string;
  job?: string;
  hunk?: number;
  offer?: number;
  files?: boolean;
  finding?: string;
  language?: string;
  revoke?: boolean;
}

export interface StatusParams {
  readonly busy: boolean;
  readonly jobs: readonly string[];
  readonly spentTodayUsd: number;
  readonly dayLimitUsd: number;
  /** 0 to 1. */
  readonly cacheShare: number;
  readonly pausedUntil: string | null;
}

export interface ApplyEditParams {
  readonly edit: {
    readonly documentChanges: readonly {
      readonly textDocument: { readonly uri: string; readonly version: number | null };
      readonly edits: readonly TextEdit[];
    }[];
  };
  readonly undo: "start" | "continue" | "end";
}

export interface ApplyEditAnswer {
  readonly applied: boolean;
  readonly failureReason?: string;
  /** The document is shown nowhere, so that the edit could not join the one before. */
  readonly hidden?: boolean;
}

/** A lens of the server; the `data` of a Keep lens says which lines its change has. */
export interface Lens {
  readonly range: { readonly start: Position };
  readonly command?: { readonly command: string; readonly arguments?: readonly unknown[] };
  readonly data?: unknown;
}
