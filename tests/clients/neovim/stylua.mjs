// Formats the Lua files that it is given, by the rules of clients/neovim/stylua.toml.
//
//     node tests/clients/neovim/stylua.mjs FOLDER_OF_STYLUA [--check] FILE...
//
// StyLua comes from npm as WebAssembly (`@johnnymorganz/stylua`), and reads no settings file there.
// With --check nothing is written; the names of files that would change are printed.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const [folder, ...rest] = process.argv.slice(2);
const { formatCode, Config, IndentType, QuoteStyle, OutputVerification } = createRequire(
  `${folder}/`,
)("@johnnymorganz/stylua");

// Each call consumes its configuration.
function rules() {
  const config = Config.new();
  config.column_width = 100;
  config.indent_type = IndentType.Spaces;
  config.indent_width = 2;
  config.quote_style = QuoteStyle.AutoPreferSingle;
  return config;
}

const checks = rest[0] === "--check";
for (const file of checks ? rest.slice(1) : rest) {
  const before = readFileSync(file, "utf-8");
  const after = formatCode(before, rules(), null, OutputVerification.Full);
  if (before !== after && checks) console.log(file);
  if (before !== after && !checks) writeFileSync(file, after);
}
