/** The status item: what kibitz is doing, what it has cost today, and the menu behind it. */

import {
  Disposable,
  MarkdownString,
  type QuickPickItem,
  QuickPickItemKind,
  type StatusBarItem,
  StatusBarAlignment,
  ThemeColor,
  commands,
  env,
  l10n,
  window,
} from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { STATUS, type StatusParams } from "./protocol";
import type { Server, Standing } from "./server";

interface Entry extends QuickPickItem {
  readonly command?: string;
}

/** How long the end of a job stands in the status bar. */
const OUTCOME_MILLISECONDS = 8000;

export class Status implements Disposable {
  private readonly item: StatusBarItem;
  private last: StatusParams | undefined;
  private server: Server | undefined;
  private shown: Disposable | undefined;

  constructor() {
    this.item = window.createStatusBarItem("kibitz.status", StatusBarAlignment.Right, 90);
    this.item.name = "kibitz";
    this.item.command = "kibitz.menu";
    this.draw();
    this.item.show();
  }

  dispose(): void {
    this.shown?.dispose();
    this.item.dispose();
  }

  /** Follow where the server stands. */
  follow(server: Server): Disposable {
    this.server = server;
    return server.onDidChange(() => {
      this.draw();
    });
  }

  attach(client: LanguageClient): Disposable[] {
    this.last = undefined;
    return [
      client.onNotification(STATUS, (status: StatusParams) => {
        this.last = status;
        if (status.busy) {
          this.shown?.dispose(); // Room for the progress of what runs now.
        }
        void commands.executeCommand("setContext", "kibitz.isBusy", status.busy);
        this.draw();
      }),
      new Disposable(() => {
        this.last = undefined;
        void commands.executeCommand("setContext", "kibitz.isBusy", false);
      }),
    ];
  }

  /** How a job ended: what was done, with its tokens and what it has cost. */
  outcome(message: string): void {
    this.shown?.dispose();
    this.shown = window.setStatusBarMessage(`kibitz: ${message}`, OUTCOME_MILLISECONDS);
  }

  async showMenu(): Promise<void> {
    const chosen = await window.showQuickPick<Entry>(this.entries(), {
      title: ["kibitz", ...this.facts()].join(" · "),
      placeHolder: l10n.t("What shall kibitz do?"),
      matchOnDescription: true,
    });
    if (chosen?.command !== undefined) {
      await commands.executeCommand(chosen.command);
    }
  }

  private entries(): Entry[] {
    const entry = (icon: string, label: string, command: string): Entry => ({
      label: `$(${icon}) ${label}`,
      command,
    });
    const separator = (label: string): Entry => ({ label, kind: QuickPickItemKind.Separator });
    const standing = this.standing();
    if (standing === "restricted") {
      return [
        entry("shield", l10n.t("Manage Workspace Trust"), "workbench.trust.manage"),
        entry("pulse", l10n.t("Doctor"), "kibitz.doctor"),
      ];
    }
    const running = [
      ...(this.last?.busy === true
        ? [entry("debug-stop", l10n.t("Stop everything"), "kibitz.stopEverything")]
        : []),
      entry("comment", l10n.t("Explain"), "kibitz.explain"),
      entry("edit", l10n.t("Refactor…"), "kibitz.refactor"),
      entry("checklist", l10n.t("Review this file"), "kibitz.reviewFile"),
      entry("git-compare", l10n.t("Review uncommitted changes"), "kibitz.reviewChanges"),
      entry("comment-discussion", l10n.t("New conversation"), "kibitz.converse"),
      separator(l10n.t("Costs and context")),
      entry("graph", l10n.t("Show what was spent"), "kibitz.usage"),
      entry("list-tree", l10n.t("Show what would be sent"), "kibitz.showContext"),
      entry("lightbulb", l10n.t("Switch automatic completion"), "kibitz.toggleCompletion"),
      entry("verified", l10n.t("Trust this repository…"), "kibitz.trust"),
    ];
    return [
      ...(standing === "running" ? running : []),
      separator(l10n.t("Server")),
      entry("key", l10n.t("Set the API key…"), "kibitz.setApiKey"),
      entry("pulse", l10n.t("Doctor"), "kibitz.doctor"),
      entry("output", l10n.t("Show the log"), "kibitz.showLog"),
      entry("debug-restart", l10n.t("Restart the server"), "kibitz.restart"),
    ];
  }

  private standing(): Standing {
    return this.server?.standing ?? "stopped";
  }

  /** What stands in the menu's title and in the tooltip, most important first. */
  private facts(): string[] {
    const words: Record<Standing, string> = {
      restricted: l10n.t("off in Restricted Mode"),
      starting: l10n.t("starting"),
      running: l10n.t("ready"),
      stopped: l10n.t("not running"),
      missing: l10n.t("the server is not installed"),
      failed: l10n.t("the server did not start"),
    };
    const { last } = this;
    if (this.standing() !== "running" || last === undefined) {
      return [words[this.standing()]];
    }
    const facts = [last.busy ? last.jobs.join(", ") : words.running];
    facts.push(l10n.t("{0} of {1} today", dollars(last.spentTodayUsd), dollars(last.dayLimitUsd)));
    facts.push(l10n.t("{0} % from the cache", Math.round(last.cacheShare * 100)));
    if (last.pausedUntil !== null) {
      const time = new Date(last.pausedUntil).toLocaleTimeString(env.language);
      facts.push(l10n.t("automatic features pause until {0}", time));
    }
    return facts;
  }

  private draw(): void {
    const standing = this.standing();
    const isBusy = standing === "starting" || this.last?.busy === true;
    const isFaulty = standing === "missing" || standing === "failed" || standing === "stopped";
    const icon = isBusy
      ? "loading~spin"
      : standing === "restricted"
        ? "lock"
        : isFaulty
          ? "warning"
          : "eye";
    const spent = this.last === undefined ? "" : ` ${dollars(this.last.spentTodayUsd)}`;
    this.item.text = `$(${icon}) kibitz${standing === "running" ? spent : ""}`;
    this.item.backgroundColor = isFaulty
      ? new ThemeColor("statusBarItem.warningBackground")
      : undefined;
    const facts = this.facts();
    const tooltip = new MarkdownString();
    tooltip.appendText("kibitz\n");
    for (const fact of facts) {
      tooltip.appendMarkdown("\n- ").appendText(fact);
    }
    const found = this.server;
    if (standing === "running" && found?.version !== undefined) {
      tooltip.appendMarkdown("\n- ").appendText(
        l10n.t("version {0}, {1}", found.version, found.launch?.command ?? ""),
      );
    }
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: ["kibitz", ...facts].join(", "), role: "button" };
  }
}

function dollars(amount: number): string {
  return amount.toLocaleString(env.language, {
    style: "currency",
    currency: "USD",
    maximumFractionDigits: amount >= 100 ? 0 : 2,
  });
}
