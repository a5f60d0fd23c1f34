/** The server's environment as the user's settings have it.  Pure: it knows no VS Code. */

/** Names such as ANTHROPIC_API_KEY or AWS_SESSION_TOKEN; MAX_TOKENS and KEY_COMMAND hold none. */
const CREDENTIAL = /(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)(?:_|$)(?!.*COMMAND$)/i;

export interface Sorted {
  readonly kept: Readonly<Record<string, string>>;
  /** Names of what is a credential, and so is not taken from settings: those are copied about. */
  readonly refused: readonly string[];
}

/** Tell the credentials in `environment` from the rest. */
export function sorted(environment: Readonly<Record<string, string>>): Sorted {
  const entries = Object.entries(environment);
  return {
    kept: Object.fromEntries(entries.filter(([name]) => !CREDENTIAL.test(name))),
    refused: entries.map(([name]) => name).filter((name) => CREDENTIAL.test(name)),
  };
}
