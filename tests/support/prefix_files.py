"""The files whose prefix is followed through its life."""

from __future__ import annotations

from support.asking_editor import Editor

FILES = {"a.py": "a = 1\n" * 20, "b.py": "b = 2\n", "d/c.py": "c = 3\n"}


def truth(editor: Editor) -> dict[str, str]:
    """What is in every file now, as an editor would show it."""
    found = {
        str(file.relative_to(editor.made.root)): file.read_text()
        for file in editor.made.root.rglob("*.py")
    }
    return found | {
        str(path.relative_to(editor.made.root)): text for path, text in editor.buffers.items()
    }
