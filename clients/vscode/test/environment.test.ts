import assert from "node:assert/strict";
import { test } from "node:test";

import { sorted } from "../src/environment";

test("credentials are not taken from settings, whatever they are called", () => {
  const credentials = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_BEARER_TOKEN_BEDROCK",
    "anthropic_api_key",
  ];
  const others = ["KIBITZ_CONTEXT_MAX_TOKENS", "KIBITZ_API_KEY_COMMAND", "KIBITZ_PROVIDER", "PATH"];
  const { kept, refused } = sorted(
    Object.fromEntries([...credentials, ...others].map((name) => [name, "1"])),
  );
  assert.deepEqual(refused, credentials);
  assert.deepEqual(Object.keys(kept), others);
});
