/** The view of findings: grouped by file, filtered, and acted upon from there. */

import {
  type CodeAction,
  type Diagnostic,
  DiagnosticSeverity,
  Disposable,
  EventEmitter,
  MarkdownString,
  type QuickPickItem,
  QuickPickItemKind,
  Range,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeView,
  Uri,
  commands,
  l10n,
  window,
  workspace,
} from "vscode";

import type { Argument } from "./protocol";

/** What the server sends along with each finding. */
interface Data {
  readonly title: string;
  readonly category: string;
  readonly suggestion: string;
  readonly finding: string;
}

interface FileNode {
  readonly kind: "file";
  readonly uri: Uri;
}

export interface FindingNode {
  readonly kind: "finding";
  readonly uri: Uri;
  readonly diagnostic: Diagnostic;
  readonly data: Data;
}

type Node = FileNode | FindingNode;

const SEVERITIES = [
  DiagnosticSeverity.Error,
  DiagnosticSeverity.Warning,
  DiagnosticSeverity.Information,
  DiagnosticSeverity.Hint,
] as const;

const ICONS: Record<DiagnosticSeverity, ThemeIcon> = {
  [DiagnosticSeverity.Error]: new ThemeIcon("error", new ThemeColor("list.errorForeground")),
  [DiagnosticSeverity.Warning]: new ThemeIcon("warning", new ThemeColor("list.warningForeground")),
  [DiagnosticSeverity.Information]: new ThemeIcon("info"),
  [DiagnosticSeverity.Hint]: new ThemeIcon("lightbulb"),
};

export class Findings implements TreeDataProvider<Node>, Disposable {
  private readonly changed = new EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  private readonly view: TreeView<Node>;
  private readonly files = new Map<string, readonly FindingNode[]>();
  /** One node a file, for good: the editor knows its nodes by identity. */
  private readonly fileNodes = new Map<string, FileNode>();
  private hiddenSeverities = new Set<DiagnosticSeverity>();
  private hiddenCategories = new Set<string>();

  constructor() {
    this.view = window.createTreeView("kibitz.findings", {
      treeDataProvider: this,
      showCollapseAll: true,
    });
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }

  /** Take the diagnostics of one document, as the server has published them. */
  take(uri: Uri, diagnostics: readonly Diagnostic[]): void {
    const found = diagnostics.flatMap((diagnostic): FindingNode[] => {
      const data = dataOf(diagnostic);
      return data === undefined ? [] : [{ kind: "finding", uri, diagnostic, data }];
    });
    const file = this.fileNode(uri);
    const wasShown = this.getChildren().includes(file);
    if (found.length === 0) {
      this.files.delete(uri.toString());
    } else {
      this.files.set(uri.toString(), found);
    }
    // Findings come one by one.  When all is refreshed the editor forgets its nodes, and what it
    // asks about one of them at that moment has no answer: its findings would not be shown.
    this.refresh(wasShown && this.getChildren().includes(file) ? file : undefined);
  }

  forget(): void {
    this.files.clear();
    this.refresh();
  }

  getTreeItem(node: Node): TreeItem {
    return node.kind === "file" ? this.fileItem(node) : findingItem(node);
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) {
      return [...this.files.values()]
        .filter((found) => found.some((each) => this.isShown(each)))
        .flatMap((found) => found.slice(0, 1))
        .map(({ uri }) => this.fileNode(uri))
        .sort((a, b) => relative(a.uri).localeCompare(relative(b.uri)));
    }
    return node.kind === "file" ? this.of(node) : [];
  }

  getParent(node: Node): Node | undefined {
    return node.kind === "finding" ? this.fileNode(node.uri) : undefined;
  }

  /** The finding that is selected in the view: what keys and the palette are about. */
  get selected(): FindingNode | undefined {
    const [node] = this.view.selection;
    return node?.kind === "finding" ? node : undefined;
  }

  /** Let the user choose which severities and categories are shown. */
  async filter(): Promise<void> {
    const all = [...this.files.values()].flat();
    const entries: (QuickPickItem & { severity?: DiagnosticSeverity; category?: string })[] = [
      { label: l10n.t("Severity"), kind: QuickPickItemKind.Separator },
      ...SEVERITIES.map((severity) => ({
        label: severityWord(severity),
        description: String(all.filter((each) => each.diagnostic.severity === severity).length),
        picked: !this.hiddenSeverities.has(severity),
        severity,
      })),
      { label: l10n.t("Category"), kind: QuickPickItemKind.Separator },
      ...[...new Set(all.map((each) => each.data.category))].sort().map((category) => ({
        label: category,
        description: String(all.filter((each) => each.data.category === category).length),
        picked: !this.hiddenCategories.has(category),
        category,
      })),
    ];
    const chosen = await window.showQuickPick(entries, {
      canPickMany: true,
      title: l10n.t("Which findings are shown?"),
    });
    if (chosen !== undefined) {
      const hidden = entries.filter((entry) => !chosen.includes(entry));
      this.hiddenSeverities = new Set(hidden.flatMap((entry) => entry.severity ?? []));
      this.hiddenCategories = new Set(hidden.flatMap((entry) => entry.category ?? []));
      this.refresh();
    }
  }

  showAll(): void {
    this.hiddenSeverities.clear();
    this.hiddenCategories.clear();
    this.refresh();
  }

  private fileNode(uri: Uri): FileNode {
    const name = uri.toString();
    const known = this.fileNodes.get(name) ?? { kind: "file", uri };
    this.fileNodes.set(name, known);
    return known;
  }

  private isShown(node: FindingNode): boolean {
    return (
      !this.hiddenSeverities.has(node.diagnostic.severity) &&
      !this.hiddenCategories.has(node.data.category)
    );
  }

  private of(file: FileNode): FindingNode[] {
    const found = this.files.get(file.uri.toString()) ?? [];
    return found
      .filter((each) => this.isShown(each))
      .sort((a, b) => a.diagnostic.range.start.compareTo(b.diagnostic.range.start));
  }

  private fileItem(node: FileNode): TreeItem {
    const item = new TreeItem(node.uri, TreeItemCollapsibleState.Expanded);
    const count = this.of(node).length;
    const folder = relative(node.uri).split("/").slice(0, -1).join("/");
    item.id = node.uri.toString();
    item.iconPath = ThemeIcon.File;
    item.description = [folder, String(count)].filter((part) => part !== "").join(" · ");
    item.contextValue = "file";
    item.accessibilityInformation = {
      label: l10n.t("{0}, findings: {1}", relative(node.uri), count),
    };
    return item;
  }

  /** Show what there is now: of one file, or of all of them. */
  private refresh(file?: FileNode): void {
    const all = [...this.files.values()].flat();
    const shown = all.filter((each) => this.isShown(each)).length;
    const isFiltered = this.hiddenSeverities.size + this.hiddenCategories.size > 0;
    this.view.badge =
      shown === 0 ? undefined : { value: shown, tooltip: l10n.t("Findings: {0}", shown) };
    const words = l10n.t("Shown: {0} of {1}", shown, all.length);
    // The interface says "may be undefined" and does not let one say so.
    Object.assign(this.view, { message: isFiltered && all.length > 0 ? words : undefined });
    void commands.executeCommand("setContext", "kibitz.isFiltered", isFiltered);
    this.changed.fire(file);
  }
}

/** What the server is told of a finding; it knows those of open documents, so opens this one. */
export async function argumentOf(node: FindingNode): Promise<Argument> {
  const document = await workspace.openTextDocument(node.uri);
  await window.showTextDocument(document, { selection: node.diagnostic.range });
  return { uri: node.uri.toString(), finding: node.data.finding };
}

/** Have a finding explained, by the server's own action: the words of the request are its. */
export async function explain(node: FindingNode): Promise<void> {
  await argumentOf(node);
  const actions = await commands.executeCommand<CodeAction[]>(
    "vscode.executeCodeActionProvider",
    node.uri,
    node.diagnostic.range,
  );
  const command = actions.find(
    (action) =>
      action.command?.command === "kibitz.explain" && action.title.includes(node.data.title),
  )?.command;
  if (command !== undefined) {
    await commands.executeCommand(command.command, ...((command.arguments ?? []) as unknown[]));
  }
}

function findingItem({ uri, diagnostic, data }: FindingNode): TreeItem {
  const line = diagnostic.range.start.line + 1;
  const item = new TreeItem(data.title, TreeItemCollapsibleState.None);
  item.id = `${uri.toString()}#${data.finding}#${line}`;
  item.description = `${data.category} · ${line}`;
  item.iconPath = ICONS[diagnostic.severity];
  item.tooltip = new MarkdownString().appendText(diagnostic.message);
  item.contextValue = data.suggestion === "" ? "finding" : "finding.mendable";
  item.command = {
    title: l10n.t("Show"),
    command: "vscode.open",
    arguments: [uri, { selection: new Range(line - 1, 0, line - 1, 0), preserveFocus: true }],
  };
  item.accessibilityInformation = {
    label: [severityWord(diagnostic.severity), data.title, l10n.t("line {0}", line)].join(", "),
  };
  return item;
}

function severityWord(severity: DiagnosticSeverity): string {
  const words: Record<DiagnosticSeverity, string> = {
    [DiagnosticSeverity.Error]: l10n.t("Errors"),
    [DiagnosticSeverity.Warning]: l10n.t("Warnings"),
    [DiagnosticSeverity.Information]: l10n.t("Information"),
    [DiagnosticSeverity.Hint]: l10n.t("Hints"),
  };
  return words[severity];
}

/** The library keeps what the server sends along under `data`. */
function dataOf(diagnostic: Diagnostic): Data | undefined {
  const data = (diagnostic as { data?: unknown }).data;
  return typeof data === "object" && data !== null && "finding" in data
    ? (data as Data)
    : undefined;
}

function relative(uri: Uri): string {
  return workspace.asRelativePath(uri);
}
