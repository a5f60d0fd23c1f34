"""The documents that are open in the editor: what becomes of them, and by what they are known."""

from __future__ import annotations

from pathlib import Path

from kibitz.open_documents import ContentChange, DocumentChange, Documents
from kibitz_context.lines import Position

URI = "file:///home/me/a.py"


def test_a_document_that_is_opened_again_has_changed() -> None:
    documents = Documents()
    seen: list[DocumentChange] = []
    documents.follow(seen.append)
    documents.open(URI, Path("/home/me/a.py"), "python", 1, "a\nb\n")

    documents.open(URI, Path("/home/me/a.py"), "python", 2, "new\na\nb\n")

    (event,) = seen
    assert event.before.text == "a\nb\n"
    assert event.after.text == "new\na\nb\n"
    assert [change.follow(1, 2) for change in event.changes] == [(2, 3)]
    documents.change(URI, 3, [ContentChange("x", Position(0, 0), Position(0, 0))])
    opened = documents.get(URI)
    assert opened is not None
    assert (opened.text, opened.version) == ("xnew\na\nb\n", 3)


def test_buffers_are_known_by_their_real_path(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    documents = Documents()
    for name in ("link.py", "loop.py"):
        path = tmp_path / name
        documents.open(path.as_uri(), path, "python", 1, name)
    documents.open("untitled:1", None, "python", 1, "untitled")

    real = tmp_path.resolve()
    assert documents.overlays() == {real / "a.py": "link.py", real / "loop.py": "loop.py"}
