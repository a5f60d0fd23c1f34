"""Refactor: the text changes while Claude writes, as one undo step, and each change can go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from kibitz.standin import Reply, StandIn
from support.vscode import OpenWorkshop, Window
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

NEW = '''\
def total(prices: list[float]) -> float:
    """The sum of `prices`."""
    result = 0
    for price in prices:
        result += price
    return result
'''
START = EXAMPLE.index("def total")
END = EXAMPLE.index("\n\ndef with_tax")
WHOLE = EXAMPLE[:START] + NEW + EXAMPLE[END:]
HALFWAY = "for price"
REPLY = Reply(f"<replacement>\n{NEW}</replacement>", chunk_size=5)
NOTES = "One\nTwo\n"
FILES = {"prices.py": EXAMPLE, "notes.md": NOTES}
INSTRUCTION = "add types and use +="

#: Opens a window in which `total` is being refactored.
BeginRefactoring = Callable[[Reply], contextlib.AbstractContextManager[tuple[Window, StandIn]]]


@pytest.fixture
def refactoring(open_workshop: OpenWorkshop) -> BeginRefactoring:
    """A user has asked for the refactoring of `total`, and Claude answers with a reply."""

    @contextlib.contextmanager
    def begun(reply: Reply) -> Iterator[tuple[Window, StandIn]]:
        with open_workshop(FILES) as shop:
            shop.standin.enqueue(reply)
            shop.window.open("prices.py")
            shop.window.wait_for_server()
            shop.window.go_to(8)
            shop.window.palette("Kibitz: Refactor…")
            shop.window.answer(INSTRUCTION)
            yield shop.window, shop.standin

    return begun


@pytest.fixture
def halfway(refactoring: BeginRefactoring) -> Iterator[tuple[Window, StandIn]]:
    """The refactoring has come to the middle, and goes on when the stand-in is released."""
    with refactoring(REPLY.hold_at(HALFWAY)) as (window, standin):
        standin.reached(HALFWAY).result()
        window.wait_for_text("list[float]")
        # From here on "ready" means that it has ended.
        window.status_label("Refactor")
        yield window, standin


def wait_for_end(window: Window) -> None:
    """Wait until the lenses of the finished edit stand in the text."""
    window.page.locator(".codelens-decoration a", has_text="Keep").first.wait_for()


def undo_steps(window: Window, name: str, before: str) -> int:
    """How often one has to undo until the file is `before` again."""
    window.open(name)
    for count in range(20):
        if window.text(name) == before:
            return count
        text = window.text(name)
        window.press("Control+z")
        window.wait("vscode.window.activeTextEditor.document.getText() !== args[0]", text)
    raise AssertionError(f"not undone: {window.text(name)!r}")


def test_a_streamed_refactoring_is_one_undo_step(halfway: tuple[Window, StandIn]) -> None:
    window, standin = halfway
    half = window.text("prices.py")
    # The user goes on in another file, typing, while the first one is changed behind it.
    window.open("notes.md", beside=True)
    window.press("Control+End")
    window.type("Three")
    standin.release()
    window.wait_for_text("result += price", "prices.py")
    window.type(" and four")
    wait_for_end(window)

    assert "result = result + price" in half  # it had come to the middle
    assert window.text("prices.py") == WHOLE
    assert window.text("notes.md") == NOTES + "Three and four"
    assert undo_steps(window, "prices.py", EXAMPLE) == 1


def test_typing_in_the_same_file_is_never_joined_to_what_claude_wrote(
    halfway: tuple[Window, StandIn],
) -> None:
    window, standin = halfway
    window.open("prices.py")
    window.go_to(1)
    # One word: the editor makes a step of its own of each.
    window.type("mine")
    window.wait_for_text("mine")
    standin.release()
    wait_for_end(window)

    assert window.text() == f"mine{WHOLE}"
    # Theirs, ours before it, ours after it: each goes back by itself, and nothing else does.
    window.press("Control+z")
    window.wait_for_text("result = result + price")
    assert window.text().startswith("mine")
    assert undo_steps(window, "prices.py", EXAMPLE) == 2


def test_a_file_that_nothing_shows_is_changed_all_the_same(
    halfway: tuple[Window, StandIn],
) -> None:
    window, standin = halfway
    window.open("notes.md")  # in the same group: the first file is hidden behind it
    standin.release()
    window.status_label("ready")

    assert window.text("prices.py") == WHOLE
    assert window.text() == NOTES


def test_stop_ends_the_stream_and_leaves_whole_lines(halfway: tuple[Window, StandIn]) -> None:
    window, standin = halfway
    window.open("prices.py")
    window.keys("Control+k", ".")
    standin.journal.wait_for_disconnect().result()
    wait_for_end(window)

    assert "def total(prices: list[float]) -> float:\n" in window.text()
    assert "result = result + price" in window.text()


def test_changes_are_marked_compared_kept_and_reverted_by_keys(
    refactoring: BeginRefactoring,
) -> None:
    with refactoring(REPLY) as (window, _):
        wait_for_end(window)
        # What the title bar and the palette offer hangs on the same.
        keep_all = window.page.get_by_role("button", name="Keep All Changes in This File")
        keep_all.wait_for()
        window.page.locator(".view-overlays .cdr[class*='ced-']").nth(2).wait_for()
        window.palette("Kibitz: Compare with the Text Before")
        window.wait("vscode.window.tabGroups.activeTabGroup.activeTab.input.original")
        # Shown on both sides: only then nothing is under way that another file would cancel.
        window.page.locator(".monaco-diff-editor .insert-sign").first.wait_for()
        original = window.ask(
            "const { original } = vscode.window.tabGroups.activeTabGroup.activeTab.input;"
            "return (await vscode.workspace.openTextDocument(original)).getText()"
        )
        window.open("prices.py")
        window.go_to(6)
        window.keys("Control+k", "y")  # keep the signature and its documentation
        keep = window.page.locator(".codelens-decoration", has_text="Keep")
        keep.nth(1).wait_for(state="detached")
        window.go_to(10, 3)
        window.keys("Control+k", "n")  # take the loop back
        window.wait_for_text("result = result + price")
        window.page.locator(".codelens-decoration").wait_for(state="detached")
        keep_all.wait_for(state="detached")

        assert original == EXAMPLE
        assert window.text() == WHOLE.replace("result += price", "result = result + price")
        assert not [name for name in window.palette_offers("Kibitz: ") if "Keep" in name]


def test_what_was_typed_before_is_offered_again(refactoring: BeginRefactoring) -> None:
    with refactoring(REPLY) as (window, standin):
        wait_for_end(window)
        standin.enqueue(REPLY)
        window.go_to(8)
        window.palette("Kibitz: Refactor…")
        row = window.page.locator(".quick-input-list .monaco-list-row")
        row.filter(has_text=INSTRUCTION).click()
        sent = standin.journal.wait_for_request(2).result()

        assert INSTRUCTION in str(sent.request.body)


def test_why_edits_are_a_step_of_their_own(open_workshop: OpenWorkshop) -> None:
    # What this editor does by itself: the reason for `kibitz/applyEdit`, and what it cannot mend.
    with open_workshop(FILES) as shop:
        window = shop.window
        window.open("notes.md")
        window.ask(
            """
            for (const word of ["a", "b", "c"]) {
              const edit = new vscode.WorkspaceEdit();
              edit.insert(vscode.window.activeTextEditor.document.uri,
                          new vscode.Position(0, 0), `${word}\\n`);
              await vscode.workspace.applyEdit(edit);
            }
            """
        )
        in_workspace_edits = undo_steps(window, "notes.md", NOTES)

        def write(word: str) -> None:
            window.ask(
                """
                const { activeTextEditor: editor } = vscode.window;
                await editor.edit((builder) => builder.insert(new vscode.Position(0, 0), args[0]),
                                  { undoStopBefore: false, undoStopAfter: false });
                """,
                word,
            )

        window.go_to(1)
        write("a\n")
        write("b\n")
        joined = undo_steps(window, "notes.md", NOTES)
        window.go_to(1)
        write("a\n")
        window.wait_for_cursor("Ln 2, Col 1")
        window.press("ArrowRight")
        window.wait_for_cursor("Ln 2, Col 2")
        write("b\n")
        moved = undo_steps(window, "notes.md", NOTES)

        assert (in_workspace_edits, joined, moved) == (3, 1, 2)
