/**
 * Ranges of whole lines, and how they move while a text is edited.
 *
 * Pure: lines are counted from 0, ranges are half open.
 */

import type { Lens } from "./protocol";

export interface Lines {
  readonly first: number;
  /** Equal to `first` where lines were only taken out. */
  readonly end: number;
}

/** A change of a text: its lines `first` to `last`, both included, became `added` + 1 lines. */
export interface Change {
  readonly first: number;
  readonly last: number;
  /** Line breaks in the new text. */
  readonly breaks: number;
  /** Whether it begins and ends at the beginning of a line, so that it consists of whole lines. */
  readonly isWhole: boolean;
}

/** The lines that a change has put there; for a change within lines, the lines themselves. */
export function written(change: Change): Lines {
  const end = change.first + change.breaks;
  return { first: change.first, end: change.isWhole ? end : end + 1 };
}

/** Where `lines` are after a change that somebody else has made. */
export function moved(lines: Lines, change: Change): Lines {
  const shift = change.breaks - (change.last - change.first);
  const stop = change.isWhole ? change.last : change.last + 1;
  if (stop <= lines.first) {
    return { first: lines.first + shift, end: lines.end + shift };
  }
  if (change.first >= lines.end) {
    return lines;
  }
  const first = Math.min(lines.first, change.first);
  return { first, end: Math.max(first, Math.max(lines.end, stop) + shift) };
}

/** `ranges` with one more, in order, those that touch joined. */
export function joined(ranges: readonly Lines[], more: Lines): Lines[] {
  const result: Lines[] = [];
  for (const next of [...ranges, more].sort((a, b) => a.first - b.first || a.end - b.end)) {
    const last = result.at(-1);
    if (last !== undefined && next.first <= last.end) {
      result[result.length - 1] = { first: last.first, end: Math.max(last.end, next.end) };
    } else {
      result.push(next);
    }
  }
  return result;
}

/** A change of a finished edit that can be kept or reverted. */
export interface Hunk extends Lines {
  /** What tells `kibitz.keep` and `kibitz.revert` which one it is. */
  readonly argument: Readonly<Record<string, unknown>>;
}

/** The changes that the server's lenses stand over, top to bottom. */
export function hunksOf(lenses: readonly Lens[]): Hunk[] {
  const hunks: Hunk[] = [];
  for (const { command, data } of lenses) {
    const argument = command?.arguments?.[0];
    // “Keep all” and “Keep mine” say no lines.
    if (command?.command === "kibitz.keep" && isObject(argument) && isShown(data)) {
      const [first, end] = data.lines;
      hunks.push({ first, end, argument });
    }
  }
  return hunks.sort((a, b) => a.first - b.first);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isShown(value: unknown): value is { lines: [number, number] } {
  return (
    typeof value === "object" &&
    value !== null &&
    "lines" in value &&
    Array.isArray(value.lines) &&
    value.lines.length === 2
  );
}

/** The hunk at a line, also one of which nothing is left but the place; undefined for none. */
export function hunkAt(hunks: readonly Hunk[], line: number): Hunk | undefined {
  return hunks.find((hunk) => hunk.first <= line && line < Math.max(hunk.end, hunk.first + 1));
}

/** The first hunk below (or above) a line, or the first (last) of all: it goes round. */
export function neighbour(
  hunks: readonly Hunk[],
  line: number,
  direction: "next" | "previous",
): Hunk | undefined {
  return direction === "next"
    ? (hunks.find((hunk) => hunk.first > line) ?? hunks[0])
    : (hunks.findLast((hunk) => hunk.first < line) ?? hunks.at(-1));
}
