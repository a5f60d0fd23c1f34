"""What the extension costs: its activation, and what typing takes with it and without.

    .venv/bin/python tests/clients/vscode/measure.py

needs what `make test-real` installs, and a quiet machine.  The editor itself says how long the
activation took (*Developer: Show Running Extensions*).  Typing is measured in the browser, from the
key to the second frame after it, in turns with the extension and without.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.code_server import CodeServer, browser
from support.vscode import Window, open_window
from support.workshop import EXAMPLE, make_repository

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = 3
KEYS = "the quick brown fox jumps over the lazy dog " * 2

WATCH_KEYS = """() => {
  window.latencies = [];
  window.addEventListener("keydown", () => {
    const pressed = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.latencies.push(performance.now() - pressed);
    }));
  }, true);
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name, browser() as chromium:
        folder = Path(name)
        for place in ("with", "without"):
            (folder / place).mkdir()
        taken: dict[str, list[float]] = {"with": [], "without": []}
        activations: list[int] = []
        with (
            CodeServer.start(folder / "with") as ours,
            CodeServer.start(folder / "without", installs=False) as plain,
        ):
            for number in range(ROUNDS):
                taken["without"] += typing(plain, chromium, folder / f"plain{number}")[0]
                latencies, activation = typing(ours, chromium, folder / f"ours{number}")
                taken["with"] += latencies
                activations += [activation] if activation is not None else []
    medians = {place: statistics.median(values) for place, values in taken.items()}
    ratio = medians["with"] / medians["without"]
    sys.stdout.write(
        f"activation: {statistics.median(activations):.0f} ms (median of {len(activations)})\n"
        f"typing: {medians['with']:.1f} ms with, {medians['without']:.1f} ms without the "
        f"extension, ratio {ratio:.2f} ({len(taken['with'])} keys each)\n"
    )


def typing(
    code_server: CodeServer, chromium: Browser, folder: Path
) -> tuple[list[float], int | None]:
    """Milliseconds for each key, and for the activation of the extension if it is there."""
    root = make_repository(folder / "repository", {"prices.py": EXAMPLE})
    with open_window(code_server, chromium, root) as window:
        window.open("prices.py")
        activation = None
        if window.ask("return vscode.extensions.getExtension('kibitz.kibitz') !== undefined"):
            window.wait_for_server()
            activation = _activation(window)
            window.open("prices.py")
        window.go_to(15)
        window.page.evaluate(WATCH_KEYS)
        for key in KEYS:
            window.page.keyboard.type(key, delay=40)
        window.wait_for_text(KEYS.strip())
        return window.page.evaluate("() => window.latencies"), activation


def _activation(window: Window) -> int:
    window.palette("Developer: Show Running Extensions")
    row = window.page.locator(".runtime-extensions-editor .monaco-list-row", has_text="kibitz")
    row = row.filter(has_not_text="companion").first
    found = re.search(r"(\d+)\s*ms", row.inner_text())
    assert found is not None, row.inner_text()
    return int(found.group(1))


if __name__ == "__main__":
    main()
