/**
 * Showing what the server wants shown: answers as rendered Markdown that grows while it arrives,
 * conversations with the cursor where the question goes.
 */

import { Range, Selection, Uri, ViewColumn, commands, window, workspace } from "vscode";
import type { ResponseError, ShowDocumentParams, ShowDocumentResult } from "vscode-languageclient/node";

import { ANSWER_SCHEME } from "./protocol";

const CONVERSATION_ENDING = ".kibitz.md";
const PREVIEW = "vscode.markdown.preview.editor";

type Shown = ShowDocumentResult | ResponseError;

/** The server's `window/showDocument`; what is neither answer nor conversation goes to `next`. */
export async function showDocument(
  params: ShowDocumentParams,
  next: () => PromiseLike<Shown> | Shown,
): Promise<Shown> {
  const uri = Uri.parse(params.uri);
  if (uri.scheme === ANSWER_SCHEME) {
    await showAnswer(uri);
    return { success: true };
  }
  if (uri.path.endsWith(CONVERSATION_ENDING)) {
    await showConversation(uri);
    return { success: true };
  }
  return await next();
}

/** Beside the code, which keeps the focus: an answer is read, and then one goes on. */
async function showAnswer(uri: Uri): Promise<void> {
  // First the document alone: what the server refreshes before it is known would be lost.
  await workspace.openTextDocument(uri);
  // The editor's own preview, as an editor: opened so, it leaves the focus where it is.
  await commands.executeCommand("vscode.openWith", uri, PREVIEW, {
    viewColumn: ViewColumn.Beside,
    preserveFocus: true,
  });
}

async function showConversation(uri: Uri): Promise<void> {
  const document = await workspace.openTextDocument(uri);
  const editor = await window.showTextDocument(document, { preview: false });
  const end = document.lineAt(document.lineCount - 1).range.end;
  editor.selection = new Selection(end, end);
  editor.revealRange(new Range(end, end));
}
