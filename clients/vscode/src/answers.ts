/**
 * Showing what the server wants shown: answers as rendered Markdown that grows while it arrives,
 * conversations with the cursor where the question goes.
 */

import { Range, Selection, Uri, ViewColumn, commands, window, workspace } from "vscode";
import type { ResponseError, ShowDocumentParams, ShowDocumentResult } from "vscode-languageclient/node";

import { ANSWER_SCHEME } from "./protocol";

const CONVERSATION_ENDING = ".kibitz.md";

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
  // Opened before the preview asks for it, so that the document follows the server's refreshes.
  await workspace.openTextDocument(uri);
  const { activeTextEditor } = window;
  await commands.executeCommand("markdown.showPreviewToSide", uri);
  if (activeTextEditor !== undefined) {
    await window.showTextDocument(activeTextEditor.document, {
      viewColumn: activeTextEditor.viewColumn ?? ViewColumn.One,
      preserveFocus: false,
    });
  }
}

async function showConversation(uri: Uri): Promise<void> {
  const document = await workspace.openTextDocument(uri);
  const editor = await window.showTextDocument(document, { preview: false });
  const end = document.lineAt(document.lineCount - 1).range.end;
  editor.selection = new Selection(end, end);
  editor.revealRange(new Range(end, end));
}
