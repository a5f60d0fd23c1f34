import assert from "node:assert/strict";
import { test } from "node:test";

import { type Change, hunkAt, hunksOf, joined, moved, neighbour, written } from "../src/lines";

/** A change of whole lines: `removed` of them from `first` on become `added`. */
function lines(first: number, removed: number, added: number): Change {
  return { first, last: first + removed, breaks: added, isWhole: true };
}

/** A change within one line. */
function within(line: number): Change {
  return { first: line, last: line, breaks: 0, isWhole: false };
}

test("an insertion above moves lines down, one below does not", () => {
  assert.deepEqual(moved({ first: 4, end: 6 }, lines(2, 0, 3)), { first: 7, end: 9 });
  assert.deepEqual(moved({ first: 4, end: 6 }, lines(6, 0, 3)), { first: 4, end: 6 });
});

test("an insertion right above moves lines, and one inside makes them more", () => {
  assert.deepEqual(moved({ first: 4, end: 6 }, lines(4, 0, 1)), { first: 5, end: 7 });
  assert.deepEqual(moved({ first: 4, end: 6 }, lines(5, 0, 1)), { first: 4, end: 7 });
});

test("lines that are taken out are gone", () => {
  assert.deepEqual(moved({ first: 4, end: 8 }, lines(5, 2, 0)), { first: 4, end: 6 });
  assert.deepEqual(moved({ first: 4, end: 6 }, lines(3, 5, 0)), { first: 3, end: 3 });
});

test("typing within a line moves nothing", () => {
  assert.deepEqual(moved({ first: 4, end: 6 }, within(2)), { first: 4, end: 6 });
  assert.deepEqual(moved({ first: 4, end: 6 }, within(5)), { first: 4, end: 6 });
  assert.deepEqual(written(within(5)), { first: 5, end: 6 });
});

test("what was written is its lines, and a place where lines were taken out", () => {
  assert.deepEqual(written(lines(3, 1, 2)), { first: 3, end: 5 });
  assert.deepEqual(written(lines(3, 2, 0)), { first: 3, end: 3 });
});

test("ranges that touch become one", () => {
  const before = [{ first: 1, end: 2 }, { first: 5, end: 7 }];
  assert.deepEqual(joined(before, { first: 2, end: 3 }), [
    { first: 1, end: 3 },
    { first: 5, end: 7 },
  ]);
});

test("hunks are what Keep lenses stand over; offers and other lenses are none", () => {
  const lens = (line: number, command: string, argument: object, data?: unknown) => ({
    range: { start: { line, character: 0 } },
    command: { command, arguments: [argument] },
    data,
  });
  const hunks = hunksOf([
    lens(7, "kibitz.keep", { job: "a", hunk: 1 }, { lines: [7, 9], removed: [] }),
    lens(7, "kibitz.revert", { job: "a", hunk: 1 }),
    lens(2, "kibitz.keep", { job: "a", hunk: 0 }, { lines: [2, 2], removed: ["x"] }),
    lens(4, "kibitz.keep", { job: "a", offer: 0 }),
  ]);
  assert.deepEqual(hunks, [
    { first: 2, end: 2, argument: { job: "a", hunk: 0 } },
    { first: 7, end: 9, argument: { job: "a", hunk: 1 } },
  ]);
  assert.equal(hunkAt(hunks, 8)?.first, 7);
  assert.equal(hunkAt(hunks, 2)?.first, 2);
  assert.equal(hunkAt(hunks, 9), undefined);
  assert.equal(neighbour(hunks, 7, "next")?.first, 2);
  assert.equal(neighbour(hunks, 7, "previous")?.first, 2);
});
