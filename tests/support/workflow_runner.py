"""A runner of GitHub workflows: act, which runs the jobs of a workflow on this machine.

Actions that workflows name are taken from folders, never from anywhere else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACT = Path(sysconfig.get_path("scripts")) / "act"
CHECKOUT = Path(__file__).parents[2]
REPOSITORY = "somebody/shop"
ACTION = "somebody/kibitz"

WAIT_SECONDS = 300.0
"""A guard against a job that never ends, not a measure."""

# What the actions of others do here: tell what they were given, and what they could have seen.
_SETUP_PYTHON = """\
name: Set up Python
description: Names the Python of the tests.
outputs:
  python-path:
    description: where it is
    value: ${{ steps.name.outputs.python-path }}
runs:
  using: composite
  steps:
    - id: name
      shell: bash
      run: |
        echo "setup-python key=[$ANTHROPIC_API_KEY]" >> "$SEEN"
        echo "python-path=$TEST_PYTHON" >> "$GITHUB_OUTPUT"
"""
_UPLOAD_SARIF = """\
name: Upload SARIF
description: Keeps what would be uploaded.
inputs:
  sarif_file: {description: the file, required: true}
  category: {description: the category, required: false}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        FILE: ${{ inputs.sarif_file }}
      run: |
        echo "upload-sarif key=[$ANTHROPIC_API_KEY]" >> "$SEEN"
        cp "$FILE" "$UPLOADED"
"""


Annotation = tuple[str, dict[str, str], str]


@dataclass(frozen=True)
class Job:
    """What became of a job.

    `output` is what its steps have written; `told` are those lines that the runner took for
    annotations, as (kind, properties, text); `outputs` are our action's; `seen` is what the
    actions of others saw, and `uploaded` what was given to the one that uploads.
    """

    succeeded: bool
    output: str
    told: tuple[Annotation, ...]
    outputs: Mapping[str, str]
    summary: str
    seen: str
    uploaded: str | None


class WorkflowRunner:
    """Runs a workflow with one step, our action, in the repository `root`.

    `home` is private; `base_url` is the stand-in's; `action` the folder that holds the action's
    repository.
    """

    def __init__(self, root: Path, home: Path, base_url: str, action: Path) -> None:
        self._root = root
        self._home = home
        self._base_url = base_url
        self._action = action
        self._seen = home / "seen.txt"
        self._uploaded = home / "uploaded.sarif"
        for name, subfolder, text in (
            ("setup-python", ".", _SETUP_PYTHON),
            ("codeql-action", "upload-sarif", _UPLOAD_SARIF),
        ):
            folder = home / "actions" / name / subfolder
            folder.mkdir(parents=True)
            (folder / "action.yml").write_text(text)

    def run(
        self,
        event: str,
        payload: Mapping[str, Any],
        inputs: Mapping[str, str],
        *,
        key: str | None = "sk-test",
        environment: Mapping[str, str] | None = None,
    ) -> Job:
        """The job of one event; `key` is the repository's secret, None for none."""
        workflow = {
            "on": event,
            "jobs": {
                "review": {
                    "runs-on": "ubuntu-latest",
                    "steps": [
                        {"uses": "actions/checkout@v5", "with": {"fetch-depth": 0}},
                        {
                            "id": "kibitz",
                            "uses": f"{ACTION}/clients/ci@v1",
                            "env": {"ANTHROPIC_API_KEY": "${{ secrets.ANTHROPIC_API_KEY }}"},
                            "with": dict(inputs),
                        },
                        {
                            "if": "always()",
                            "env": {"OUTPUTS": "${{ toJson(steps.kibitz.outputs) }}"},
                            "run": 'echo "$OUTPUTS" > "$OUTPUTS_FILE"',
                        },
                    ],
                }
            },
        }
        # JSON is YAML.
        file = self._home / "workflow.yml"
        file.write_text(json.dumps(workflow))
        event_file = self._home / "event.json"
        event_file.write_text(json.dumps(payload))
        outputs_file = self._home / "outputs.json"
        told = {
            "SEEN": str(self._seen),
            "UPLOADED": str(self._uploaded),
            "OUTPUTS_FILE": str(outputs_file),
            "ANTHROPIC_BASE_URL": self._base_url,
            "HOME": str(self._home),
            **{f"XDG_{kind}_HOME": str(self._home / kind.lower()) for kind in ("CONFIG", "CACHE")},
            **(environment or {}),
        }
        arguments = [
            *(str(ACT), event, "--directory", str(self._root), "--workflows", str(file)),
            *("--eventpath", str(event_file), "--platform", "ubuntu-latest=-self-hosted", "--json"),
            *("--action-cache-path", str(self._home / "act"), "--action-offline-mode"),
            *("--local-repository", f"{ACTION}@v1={self._action}"),
            *("--local-repository", f"actions/setup-python@v6={self._home}/actions/setup-python"),
            *("--local-repository", f"github/codeql-action@v4={self._home}/actions/codeql-action"),
            *(("--secret", f"ANTHROPIC_API_KEY={key}") if key is not None else ()),
        ]
        for name, value in told.items():
            arguments += ["--env", f"{name}={value}"]
        ran = subprocess.run(
            arguments,
            cwd=self._home,
            env={"PATH": os.environ["PATH"], "HOME": str(self._home)},
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        assert any("jobResult" in line for line in lines), ran.stdout + ran.stderr
        commands = [line for line in lines if "command" in line]
        return Job(
            ran.returncode == 0,
            "".join(line["msg"] for line in lines if line.get("raw_output")),
            tuple(
                (line["command"], line["kvPairs"], line["arg"])
                for line in commands
                if line["command"] in ("notice", "warning", "error")
            ),
            json.loads(outputs_file.read_text()) if outputs_file.exists() else {},
            "".join(line["msg"] for line in commands if line["command"] == "summary"),
            self._seen.read_text() if self._seen.exists() else "",
            self._uploaded.read_text() if self._uploaded.exists() else None,
        )
