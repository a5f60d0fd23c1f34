/**
 * `kibitz/applyEdit`: edits that arrive while Claude writes, and are one undo step in all.
 *
 * Knows how an edit gets into a document; what is shown of it is `changes`.
 */

import {
  EventEmitter,
  Range,
  type TextDocument,
  type TextEditor,
  type TextEditorEdit,
  WorkspaceEdit,
  window,
  workspace,
} from "vscode";
import type { TextEdit } from "vscode-languageclient/node";

import type { Change } from "./lines";
import type { ApplyEditAnswer, ApplyEditParams } from "./protocol";

/** A document has been, or is about to be, edited by us. */
export interface Streamed {
  readonly document: TextDocument;
  readonly changes: readonly Change[];
}

export class StreamedEdits {
  private readonly beginning = new EventEmitter<TextDocument>();
  private readonly applied = new EventEmitter<Streamed>();
  private readonly ended = new EventEmitter<TextDocument>();
  /** A stream is about to change a document for the first time. */
  readonly onWillBegin = this.beginning.event;
  readonly onDidApply = this.applied.event;
  readonly onDidEnd = this.ended.event;

  /** The version of each document right after our last edit: if it is newer, something else has
   * changed it since, and the next edit must not join that to the step before. */
  private readonly versions = new Map<string, number>();

  /** The documents that we are changing at this moment. */
  private readonly busy = new Set<string>();

  /** Whether a change of a document that is reported now is ours. */
  isOurs(document: TextDocument): boolean {
    return this.busy.has(document.uri.toString());
  }

  /** A connection has ended, and every stream with it. */
  forget(): void {
    for (const name of [...this.versions.keys()]) {
      const document = find(name);
      if (document !== undefined) {
        this.ended.fire(document);
      }
    }
    this.versions.clear();
  }

  async apply(params: ApplyEditParams): Promise<ApplyEditAnswer> {
    const change = params.edit.documentChanges[0];
    if (change === undefined) {
      return { applied: false, failureReason: "the edit names no document" };
    }
    const document = find(change.textDocument.uri);
    if (params.undo === "end") {
      this.versions.delete(document?.uri.toString() ?? change.textDocument.uri);
      if (document !== undefined) {
        this.ended.fire(document);
      }
      return { applied: true };
    }
    if (document === undefined) {
      return { applied: false, failureReason: "the document is not open" };
    }
    const { version } = change.textDocument;
    if (version !== null && version !== document.version) {
      return { applied: false, failureReason: "the document has changed" };
    }
    if (change.edits.length === 0) {
      return { applied: true };
    }
    return await this.write(document, change.edits, params.undo === "continue");
  }

  private async write(
    document: TextDocument,
    edits: readonly TextEdit[],
    continues: boolean,
  ): Promise<ApplyEditAnswer> {
    const name = document.uri.toString();
    const known = this.versions.get(name);
    if (known === undefined) {
      this.beginning.fire(document);
    }
    const joins = continues && known === document.version;
    const editor = window.visibleTextEditors.find((each) => each.document === document);
    this.busy.add(name);
    let applied: boolean;
    try {
      applied =
        editor === undefined
          ? await applyHidden(document, edits)
          : await applyShown(editor, edits, joins);
    } finally {
      this.busy.delete(name);
    }
    if (!applied) {
      return { applied: false, failureReason: "the editor refused the edit" };
    }
    this.versions.set(name, document.version);
    this.applied.fire({ document, changes: edits.map(asChange) });
    return editor === undefined ? { applied, hidden: true } : { applied };
  }
}

async function applyShown(
  editor: TextEditor,
  edits: readonly TextEdit[],
  joins: boolean,
): Promise<boolean> {
  const write = (builder: TextEditorEdit): void => {
    for (const edit of edits) {
      builder.replace(asRange(edit), edit.newText);
    }
  };
  try {
    // Never a stop behind: the edit that follows could not join.
    return await editor.edit(write, { undoStopBefore: !joins, undoStopAfter: false });
  } catch (error) {
    if (window.visibleTextEditors.includes(editor)) {
      throw error;
    }
    // It was closed just now.  Refused, the edit is placed anew, and finds the document hidden.
    return false;
  }
}

/** Nothing shows the document: the only way is an edit that is an undo step of its own. */
async function applyHidden(document: TextDocument, edits: readonly TextEdit[]): Promise<boolean> {
  const edit = new WorkspaceEdit();
  for (const each of edits) {
    edit.replace(document.uri, asRange(each), each.newText);
  }
  return await workspace.applyEdit(edit);
}

function find(uri: string): TextDocument | undefined {
  return workspace.textDocuments.find((document) => document.uri.toString() === uri);
}

function asRange({ range: { start, end } }: TextEdit): Range {
  return new Range(start.line, start.character, end.line, end.character);
}

function asChange({ range: { start, end }, newText }: TextEdit): Change {
  return changeOf(start, end, newText);
}

/** A change of a text, by its lines. */
export function changeOf(
  start: { readonly line: number; readonly character: number },
  end: { readonly line: number; readonly character: number },
  newText: string,
): Change {
  const pieces = newText.split(/\r\n|\r|\n/);
  return {
    first: start.line,
    last: end.line,
    breaks: pieces.length - 1,
    isWhole: start.character === 0 && end.character === 0 && pieces.at(-1) === "",
  };
}
