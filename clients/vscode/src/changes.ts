/**
 * What kibitz has changed in a document: shown in the text, kept or reverted one by one, and
 * compared with what was there before.
 *
 * While an edit streams, what it has written so far is shown; once it is finished the server says
 * which changes there are, by its lenses, and goes on saying so until they are kept or reverted.
 */

import {
  Disposable,
  type Event,
  EventEmitter,
  OverviewRulerLane,
  Range,
  Selection,
  type TextDocument,
  type TextDocumentChangeEvent,
  type TextDocumentContentProvider,
  type TextEditor,
  ThemeColor,
  Uri,
  commands,
  l10n,
  window,
  workspace,
} from "vscode";
import { CodeLensRequest, type LanguageClient } from "vscode-languageclient/node";

import { type Hunk, type Lines, hunkAt, hunksOf, joined, moved, neighbour, written } from "./lines";
import type { Lens } from "./protocol";
import { type StreamedEdits, changeOf } from "./streamedEdits";

export const ORIGINAL_SCHEME = "kibitz-original";

/** One document with changes that are neither kept nor reverted. */
interface Changed {
  /** The text before the first of them. */
  readonly original: string;
  isStreaming: boolean;
  shown: Lines[];
  hunks: Hunk[];
}

export class Changes implements Disposable, TextDocumentContentProvider {
  private readonly documents = new Map<string, Changed>();
  private readonly originalChanged = new EventEmitter<Uri>();
  readonly onDidChange: Event<Uri> = this.originalChanged.event;

  private readonly writtenLines = window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new ThemeColor("diffEditor.insertedLineBackground"),
    // A colour alone is not seen by everybody, and some themes leave the background out.
    borderWidth: "0 0 0 2px",
    borderStyle: "solid",
    borderColor: new ThemeColor("editorGutter.addedBackground"),
    overviewRulerColor: new ThemeColor("editorOverviewRuler.addedForeground"),
    overviewRulerLane: OverviewRulerLane.Left,
  });
  private readonly removedLines = window.createTextEditorDecorationType({
    isWholeLine: true,
    borderWidth: "1px 0 0 0",
    borderStyle: "dashed",
    borderColor: new ThemeColor("editorGutter.deletedBackground"),
    overviewRulerColor: new ThemeColor("editorOverviewRuler.deletedForeground"),
    overviewRulerLane: OverviewRulerLane.Left,
  });

  private readonly subscriptions: Disposable[];
  private client: LanguageClient | undefined;

  constructor(private readonly edits: StreamedEdits) {
    this.subscriptions = [
      edits.onWillBegin((document) => {
        this.begin(document);
      }),
      edits.onDidApply(({ document, changes }) => {
        const known = this.documents.get(document.uri.toString());
        if (known !== undefined) {
          // Their places are those of before the edit: from the bottom up, none moves another.
          for (const change of [...changes].reverse()) {
            known.shown = known.shown.map((lines) => moved(lines, change));
            known.shown = joined(known.shown, written(change));
          }
          this.show(document);
        }
      }),
      edits.onDidEnd((document) => {
        const known = this.documents.get(document.uri.toString());
        if (known !== undefined) {
          // What it has become is asked for with the lenses, which the server refreshes then.
          known.isStreaming = false;
        }
      }),
      workspace.onDidChangeTextDocument((event) => {
        this.follow(event);
      }),
      workspace.onDidCloseTextDocument((document) => {
        this.forget(document);
      }),
      window.onDidChangeVisibleTextEditors((editors) => {
        for (const editor of editors) {
          this.decorate(editor);
        }
      }),
      window.onDidChangeActiveTextEditor(() => {
        this.tellContext();
      }),
      workspace.registerTextDocumentContentProvider(ORIGINAL_SCHEME, this),
    ];
  }

  dispose(): void {
    Disposable.from(...this.subscriptions, this.writtenLines, this.removedLines).dispose();
    this.originalChanged.dispose();
  }

  /** Follow a connection: ask it for the changes whenever its lenses are others. */
  attach(client: LanguageClient): Disposable[] {
    this.client = client;
    const providers = new Set<unknown>();
    const listening: Disposable[] = [];
    const listen = (document: TextDocument): void => {
      const lenses = client.getFeature(CodeLensRequest.method).getProvider(document);
      if (lenses !== undefined && !providers.has(lenses)) {
        providers.add(lenses);
        listening.push(
          lenses.onDidChangeCodeLensEmitter.event(() => {
            this.askForAll();
          }),
        );
      }
    };
    return [
      this.edits.onWillBegin(listen),
      new Disposable(() => {
        Disposable.from(...listening).dispose();
        this.client = undefined;
        this.forgetAll();
      }),
    ];
  }

  /** The text of a document before kibitz changed it. */
  provideTextDocumentContent(uri: Uri): string {
    return this.documents.get(uri.query)?.original ?? "";
  }

  /** The change at the cursor of an editor, by the server's present knowledge. */
  async at(editor: TextEditor): Promise<Hunk | undefined> {
    await this.ask(editor.document);
    const known = this.documents.get(editor.document.uri.toString());
    return hunkAt(known?.hunks ?? [], editor.selection.active.line);
  }

  /** Put the cursor on the next or previous change. */
  async goTo(direction: "next" | "previous"): Promise<void> {
    const editor = window.activeTextEditor;
    if (editor === undefined) {
      return;
    }
    await this.ask(editor.document);
    const hunks = this.documents.get(editor.document.uri.toString())?.hunks ?? [];
    const hunk = neighbour(hunks, editor.selection.active.line, direction);
    if (hunk === undefined) {
      void window.showInformationMessage(l10n.t("kibitz has changed nothing here."));
      return;
    }
    editor.selection = new Selection(hunk.first, 0, hunk.first, 0);
    editor.revealRange(new Range(hunk.first, 0, hunk.end, 0));
  }

  /** Show the active document beside what it was before kibitz changed it. */
  async compare(): Promise<void> {
    const document = window.activeTextEditor?.document;
    if (document === undefined || !this.documents.has(document.uri.toString())) {
      void window.showInformationMessage(l10n.t("kibitz has changed nothing here."));
      return;
    }
    const name = document.uri.path.split("/").at(-1) ?? document.uri.path;
    const original = Uri.from({
      scheme: ORIGINAL_SCHEME,
      path: document.uri.path,
      query: document.uri.toString(),
    });
    this.originalChanged.fire(original);
    const title = l10n.t("{0}: before kibitz ↔ now", name);
    await commands.executeCommand("vscode.diff", original, document.uri, title);
  }

  private begin(document: TextDocument): void {
    const name = document.uri.toString();
    const known = this.documents.get(name);
    if (known === undefined) {
      const original = document.getText();
      this.documents.set(name, { original, isStreaming: true, shown: [], hunks: [] });
    } else {
      known.isStreaming = true;
    }
    this.tellContext();
  }

  /** What somebody else changes moves what is shown. */
  private follow(event: TextDocumentChangeEvent): void {
    const known = this.documents.get(event.document.uri.toString());
    if (known === undefined || this.edits.isOurs(event.document)) {
      return;
    }
    for (const { range, text } of event.contentChanges) {
      const change = changeOf(range.start, range.end, text);
      known.shown = known.shown.map((lines) => moved(lines, change));
    }
  }

  private askForAll(): void {
    for (const name of this.documents.keys()) {
      const document = workspace.textDocuments.find((each) => each.uri.toString() === name);
      if (document !== undefined) {
        void this.ask(document);
      }
    }
  }

  /** Let the server say which changes there are. */
  private async ask(document: TextDocument): Promise<void> {
    const known = this.documents.get(document.uri.toString());
    if (known === undefined || known.isStreaming || this.client === undefined) {
      return;
    }
    const { version } = document;
    const lenses = await this.client.sendRequest<Lens[] | null>(CodeLensRequest.method, {
      textDocument: { uri: this.client.code2ProtocolConverter.asUri(document.uri) },
    });
    // Where the text has changed meanwhile the lenses are refreshed, and asked for again.
    if (document.version === version && !this.isStreaming(document)) {
      known.hunks = hunksOf(lenses ?? []);
      known.shown = known.hunks;
      if (known.hunks.length === 0) {
        this.forget(document);
      } else {
        this.show(document);
      }
    }
  }

  private isStreaming(document: TextDocument): boolean {
    return this.documents.get(document.uri.toString())?.isStreaming ?? false;
  }

  private forget(document: TextDocument): void {
    if (this.documents.delete(document.uri.toString())) {
      this.show(document);
    }
  }

  private forgetAll(): void {
    this.documents.clear();
    for (const editor of window.visibleTextEditors) {
      this.decorate(editor);
    }
    this.tellContext();
  }

  private show(document: TextDocument): void {
    for (const editor of window.visibleTextEditors) {
      if (editor.document === document) {
        this.decorate(editor);
      }
    }
    this.tellContext();
  }

  private decorate(editor: TextEditor): void {
    const shown = this.documents.get(editor.document.uri.toString())?.shown ?? [];
    const ranges = (some: readonly Lines[], last: (lines: Lines) => number): Range[] =>
      some.map((lines) => new Range(lines.first, 0, last(lines), 0));
    const filled = shown.filter((lines) => lines.end > lines.first);
    const empty = shown.filter((lines) => lines.end === lines.first);
    editor.setDecorations(
      this.writtenLines,
      ranges(filled, (lines) => lines.end - 1),
    );
    editor.setDecorations(
      this.removedLines,
      ranges(empty, (lines) => lines.first),
    );
  }

  private tellContext(): void {
    const uri = window.activeTextEditor?.document.uri.toString() ?? "";
    void commands.executeCommand("setContext", "kibitz.hasChanges", this.documents.has(uri));
  }
}
