"""The settings as one table.

Everything that depends on the list of keys is made from this table: validation, the names of
environment variables, the nearest key that a typing error is answered with, and docs/settings.md.
This module reads no file and knows no value that anyone has set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "choice", "whole", "number", "flag", "list", "command", "table"]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.  `name` is its path in the settings tree, dots between the levels.

    `guarded`: only the user's own file, the environment and the command line may set it.
    `lowered_only`: guarded, but a project or an editor may set a lower value than applies.
    `by_language`: besides one value for all, a table of values by language id is taken.
    `adds_up`: what a higher source sets is added to the lower ones instead of replacing them.
    `inside_repository`: a project or an editor may name a path inside the repository only.
    `lowest` and `highest` bound a number, both included.
    """

    name: str
    kind: Kind
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    lowest: float = 0
    highest: float = 0
    guarded: bool = False
    lowered_only: bool = False
    by_language: bool = False
    adds_up: bool = False
    inside_repository: bool = False

    @property
    def environment_name(self) -> str:
        return "KIBITZ_" + self.name.replace(".", "_").upper()

    @property
    def takes_entries(self) -> bool:
        """Whether a name may follow the key: a header's, a language's."""
        return self.kind == "table" or self.by_language

    @property
    def form(self) -> str:
        """What may be written, as the end of "KEY must be …"."""
        match self.kind:
            case "text":
                return "a text"
            case "choice":
                return "one of " + ", ".join(f"`{choice}`" for choice in self.choices)
            case "whole":
                return f"a whole number from {self.lowest:.0f} to {self.highest:.0f}"
            case "number":
                return f"a number from {self.lowest:g} to {self.highest:g}"
            case "flag":
                return "`true` or `false`"
            case "list":
                return "a list of texts"
            case "command":
                return "a command: a text, or a list of its words"
            case "table":
                return "a table of texts"


PROVIDERS = (
    "anthropic",
    "bedrock",
    "vertex",
    "foundry",
    "compatible",
    "local",
    "standin",
)
TIERS = ("fast", "standard", "deep")
TIER_OF_ACTION = {
    "ask": "standard",
    "complete": "fast",
    "document": "standard",
    "explain": "standard",
    "fix": "standard",
    "hover": "fast",
    "refactor": "standard",
    "review": "standard",
    "test": "standard",
}
MOST_USD = 100_000.0
MOST_CONTEXT_TOKENS = 2_000_000


def _money(name: str, default: float, meaning: str, *, lowered_only: bool = True) -> Key:
    return Key(
        name,
        "number",
        default,
        meaning,
        highest=MOST_USD,
        guarded=True,
        lowered_only=lowered_only,
    )


def _model(tier: str, default: str) -> Key:
    return Key(f"models.{tier}", "text", default, f"Model of the {tier} tier; any model id.")


# Sentences of `meaning` go into docs/settings.md: no line breaks and no vertical bars.
KEYS: tuple[Key, ...] = (
    Key(
        "provider",
        "choice",
        "anthropic",
        "Who answers: `anthropic`, `bedrock`, `vertex`, `foundry`, `compatible` (any endpoint "
        "with `/v1/messages`), `local` (embedded llama.cpp, extra `kibitz[local]`), `standin` "
        "(scripted replies).",
        choices=PROVIDERS,
        guarded=True,
    ),
    Key(
        "base_url",
        "text",
        None,
        "Endpoint to use instead of the provider's, without `/v1`.",
        guarded=True,
    ),
    Key("headers", "table", {}, "HTTP headers that are sent with each request.", guarded=True),
    Key("proxy", "text", None, "HTTP or SOCKS proxy as a URL.", guarded=True),
    Key(
        "ca_file",
        "text",
        None,
        "PEM file with the certificate authorities to trust; an absolute path, or one that "
        "begins with `~/`.",
        guarded=True,
    ),
    Key(
        "api_key_command",
        "command",
        (),
        "Command whose output is the API key, for a password manager; it is not run by a shell.",
        guarded=True,
    ),
    *(
        Key(name, "text", None, meaning, guarded=True)
        for name, meaning in (
            (
                "bedrock.region",
                "Region of AWS for `bedrock`; otherwise AWS_REGION or the profile's.",
            ),
            ("bedrock.profile", "Profile of AWS for `bedrock`; otherwise AWS's own way."),
            (
                "vertex.region",
                "Region of Google Cloud for `vertex`, `global` for any; otherwise CLOUD_ML_REGION.",
            ),
            ("vertex.project", "Project of Google Cloud for `vertex`; otherwise the credentials'."),
            (
                "foundry.resource",
                "Resource of Microsoft Foundry for `foundry`; otherwise "
                "ANTHROPIC_FOUNDRY_RESOURCE.",
            ),
            (
                "local.model",
                "GGUF file for `local`; an absolute path, or one that begins with `~/`.",
            ),
        )
    ),
    Key(
        "local.context_tokens",
        "whole",
        0,
        "Window of the local model, prompt and reply together, 4,096 or more; 0 takes what the "
        "model was made for and the memory has room for.",
        highest=MOST_CONTEXT_TOKENS,
        guarded=True,
    ),
    Key(
        "local.threads",
        "whole",
        0,
        "Threads of the local model; 0 takes the processor's real cores, less one for your editor.",
        highest=512,
        guarded=True,
    ),
    _model("fast", "claude-haiku-5-5"),
    _model("standard", "claude-sonnet-5-5"),
    _model("deep", "claude-opus-5-5"),
    *(
        Key(f"route.{action}", "choice", tier, f"Tier that serves `{action}`.", choices=TIERS)
        for action, tier in TIER_OF_ACTION.items()
    ),
    Key(
        "fallback",
        "choice",
        "off",
        "Tier that answers when the model of an action is overloaded. Its prompt is cached apart "
        "from the other's, so that such a request may cost the full price of the snapshot; it "
        "keeps within your limits. With `off` you are told, and nothing else is sent.",
        choices=("off", *TIERS),
        guarded=True,
    ),
    Key(
        "context.max_tokens",
        "whole",
        60_000,
        "Size of the repository snapshot in tokens; the fast tier's is at most 40,000, and none is "
        "larger than one request may pay for.",
        highest=MOST_CONTEXT_TOKENS,
    ),
    Key(
        "context.include",
        "list",
        (),
        "Patterns (gitignore syntax) of the files that the snapshot may hold; empty means all. "
        "Files that are ignored, excluded or secret stay out all the same.",
    ),
    Key(
        "context.exclude",
        "list",
        (),
        "Patterns (gitignore syntax) of files that are never sent; those of all sources add up.",
        adds_up=True,
    ),
    Key(
        "context.ttl",
        "choice",
        "auto",
        "Lifetime of the cached snapshot; `auto` follows your own pauses.",
        choices=("auto", "5m", "1h"),
    ),
    Key(
        "context.keep_warm",
        "choice",
        "auto",
        "Keep the cached snapshot alive across pauses when that is cheaper than writing it again, "
        "and write it ahead where that pays; only in trusted repositories, while an editor is "
        "connected.",
        choices=("auto", "off"),
    ),
    _money(
        "context.keep_warm_day_usd",
        0.25,
        "What that may cost a day, in all repositories together, in USD.",
        lowered_only=False,
    ),
    _money(
        "budget.request_usd",
        0.50,
        "Hard limit of one request, in USD; you may be asked, and a yes lifts it for that request.",
    ),
    _money("budget.day_usd", 10.0, "Hard limit of one day, in USD."),
    _money("budget.month_usd", 100.0, "Hard limit of one month, in USD."),
    Key(
        "hover.mode",
        "choice",
        "kept",
        "What hover shows: explanations and findings that exist (`kept`), a new short "
        "explanation where there is none (`ask`), nothing (`off`).",
        choices=("kept", "ask", "off"),
    ),
    Key(
        "completion.trigger",
        "choice",
        "manual",
        "When code is completed; one value, or a table by language id with `default` for the "
        "others.",
        choices=("manual", "auto", "off"),
        by_language=True,
    ),
    Key("review.on_save", "flag", False, "Review a file of a trusted repository when it is saved."),
    Key(
        "review.min_severity",
        "choice",
        "hint",
        "Least severity of the findings that are shown.",
        choices=("error", "warning", "info", "hint"),
    ),
    Key(
        "review.instructions",
        "text",
        "",
        "What reviews should look for besides; may have several lines.",
    ),
    Key(
        "review.verify",
        "choice",
        "auto",
        "Have each finding checked against the code in a second pass; `auto` does so when "
        "changes are reviewed.",
        choices=("auto", "on", "off"),
    ),
    Key(
        "edit.streaming",
        "choice",
        "auto",
        "Whether an edit appears while it is written (`live`) or when it is complete (`final`); "
        "`auto` goes by what the editor does well.",
        choices=("auto", "live", "final"),
    ),
    Key(
        "edit.check",
        "command",
        (),
        "Command that checks a finished edit and whose output Claude sees once; it is not run by "
        "a shell.",
        guarded=True,
    ),
    Key(
        "prompts.dir",
        "text",
        ".kibitz/prompts",
        "Folder with your own prompts: each `NAME.md` is a code action.",
        inside_repository=True,
    ),
    Key(
        "log.level",
        "choice",
        "info",
        "What is logged; `debug` may hold code.",
        choices=("debug", "info", "warning", "error"),
    ),
    Key(
        "audit",
        "choice",
        "metadata",
        "What is kept of each request on this machine: `full` keeps the bodies too, `off` only "
        "the ledger.",
        choices=("off", "metadata", "full"),
    ),
)


def toml_value(value: Any) -> str:
    """A default or an example as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


_EXAMPLES: dict[str, Any] = {
    "base_url": "https://gateway.example.com",
    "headers": {"X-Team": "compilers"},
    "proxy": "http://proxy.example.com:3128",
    "ca_file": "~/certificates/company.pem",
    "api_key_command": ("pass", "show", "anthropic"),
    "bedrock.region": "eu-central-1",
    "bedrock.profile": "work",
    "vertex.region": "global",
    "vertex.project": "my-project-123",
    "foundry.resource": "my-resource",
    "local.model": "~/models/qwen3-coder-30b-a3b-q4_k_m.gguf",
    "context.include": ("src/",),
    "context.exclude": ("*.generated.py",),
    "review.instructions": "Look at error handling first.",
    "edit.check": ("make", "check"),
}


def example(key: Key) -> Any:
    """A value that `key` takes, to show how it is written."""
    return _EXAMPLES.get(key.name, key.default)
