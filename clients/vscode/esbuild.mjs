// Bundles the extension into one file; with --tests the tests of its pure parts.
import { build } from "esbuild";
import { readdirSync } from "node:fs";

const tests = process.argv.includes("--tests");

await build({
  entryPoints: tests ? readdirSync("test").map((name) => `test/${name}`) : ["src/extension.ts"],
  outdir: tests ? "out/test" : "out",
  bundle: true,
  external: ["vscode"],
  format: "cjs",
  platform: "node",
  target: "node20",
  // Some of the client library's dependencies offer ES modules, which shake better.
  mainFields: ["module", "main"],
  minify: !tests,
  sourcemap: tests,
  legalComments: "none",
  logLevel: "warning",
});
