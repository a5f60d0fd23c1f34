"""docs/settings.md, made from the table of keys; `python -m kibitz.settings_docs` prints it."""

# ruff: noqa: E501 - Markdown has one sentence a line, however long it is.

from __future__ import annotations

import sys

from kibitz.settings_keys import KEYS, Key, toml_value


def _row(key: Key) -> str:
    marks = "◆" if key.guarded else ""
    default = "–" if key.default in (None, (), {}, "") else f"`{toml_value(key.default)}`"
    form = key.form.replace("a table of texts", "a table of texts by name")
    if key.by_language:
        form += ", or a table of these by language id"
    cells = (
        f"`{key.name}`{marks}",
        default,
        form,
        key.meaning,
        f"`{key.environment_name}`",
    )
    return "| " + " | ".join(cells) + " |"


def as_markdown() -> str:
    """docs/settings.md."""
    table = "\n".join(map(_row, KEYS))
    return f"""\
# Settings

<!-- Made by `python -m kibitz.settings_docs`; do not edit by hand. -->

Settings are read from these sources, a later one over an earlier one:

1. the defaults below;
2. your own file, `config.toml` in the platform's configuration folder (on Linux
   `$XDG_CONFIG_HOME/kibitz/config.toml`, usually `~/.config/kibitz/config.toml`);
3. the project's file, `.kibitz.toml` at the top of the repository;
4. the editor's settings, section `kibitz`;
5. environment variables;
6. the command line, `--set KEY=VALUE`.

Both files are TOML with the keys of the table at top level, dots being tables:

```toml
[hover]
mode = "ask"

[completion.trigger]
default = "manual"
python = "auto"
```

In an environment variable or after `--set`, a list is written with commas or as JSON (`["a", "b"]`), a table as JSON (`{{"X-Team": "compilers"}}`), a command as its words.
One entry of a table has a name of its own: `KIBITZ_COMPLETION_TRIGGER_PYTHON=auto`.
An empty variable counts as not set.

What kibitz knows of models and their prices is changed in a file of its own, beside `config.toml`: see [models.md](models.md).

## Guarded settings

An editor's settings and a project's file can come from a repository that you have only just cloned.
Therefore the keys marked ◆ are taken from your own file, the environment and the command line alone, whatever their spelling; elsewhere they are ignored with a warning.
The limits under `budget` are the exception: a project or an editor may lower them, never raise them.
Patterns under `context.exclude` add up, so that no source can undo what another one keeps out.

No setting holds a credential.
The API key comes from `ANTHROPIC_API_KEY` or the SDK's other sources, or from the output of `api_key_command`.
`ANTHROPIC_BASE_URL` and the SDK's other environment variables keep their meaning; `base_url` goes before them.

## Keys

A setting that is unknown or does not hold is reported with its place and what to write instead; the next lower source's value stays in force.

| key | default | what to write | meaning | environment |
|---|---|---|---|---|
{table}
"""


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
