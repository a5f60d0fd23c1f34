import assert from "node:assert/strict";
import { test } from "node:test";

import { type Surroundings, findServer } from "../src/launch";

const around: Surroundings = {
  configured: "",
  python: undefined,
  version: "1.2.3",
  searchPath: "/usr/bin:/home/me/bin",
  home: "/home/me",
  folders: ["/home/me/project"],
  isWindows: false,
  isFile: () => false,
};

function having(...files: string[]): Pick<Surroundings, "isFile"> {
  return { isFile: (file) => files.includes(file) };
}

test("what the user names is started, also when nothing is there", () => {
  const launch = findServer({
    ...around,
    configured: "~/kibitz",
    ...having("/home/me/bin/kibitz"),
  });
  assert.deepEqual(launch, { way: "setting", command: "/home/me/kibitz", prefix: [] });
});

test("the selected environment goes before the search path", () => {
  const files = having("/venv/bin/kibitz", "/usr/bin/kibitz");
  const launch = findServer({ ...around, python: "/venv/bin/python", ...files });
  assert.deepEqual(launch, { way: "python", command: "/venv/bin/kibitz", prefix: [] });
});

test("an environment without kibitz is passed over", () => {
  const files = having("/usr/bin/kibitz");
  const launch = findServer({ ...around, python: "/venv/bin/python", ...files });
  assert.equal(launch?.way, "path");
});

test("uvx fetches the version that fits", () => {
  const launch = findServer({ ...around, ...having("/home/me/.local/bin/uvx") });
  assert.deepEqual(launch, {
    way: "uvx",
    command: "/home/me/.local/bin/uvx",
    prefix: ["kibitz@1.2.3"],
  });
});

test("nothing inside an open folder is found on the search path", () => {
  const searchPath = ".:bin:/home/me/project/bin:/home/me/project";
  const files = having("/home/me/project/bin/kibitz", "/home/me/project/kibitz", "bin/kibitz");
  assert.equal(findServer({ ...around, searchPath, ...files }), undefined);
});
