"""Refactor: the text changes while Claude writes, as one undo step, and each change can go."""

from __future__ import annotations

import pytest

from kibitz.standin import Reply
from support.vscode import OpenWorkshop, VSCodeWorkshop, Window
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


def begin(shop: VSCodeWorkshop, reply: Reply) -> None:
    """Ask for the refactoring of `total`, as a user does."""
    shop.standin.enqueue(reply)
    shop.window.open("prices.py")
    shop.window.wait_for_server()
    shop.window.go_to(8)
    shop.window.run_action("Refactor…")
    shop.window.answer("add types and use +=")


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


def test_a_streamed_refactoring_is_one_undo_step(open_workshop: OpenWorkshop) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY.hold_at(HALFWAY))
        shop.standin.reached(HALFWAY).result()
        window.wait_for_text("list[float]")
        half = window.text("prices.py")
        # The user goes on in another file, typing, while the first one is changed behind it.
        window.open("notes.md", beside=True)
        window.press("Control+End")
        window.type("Three")
        shop.standin.release()
        window.wait_for_text("result += price", "prices.py")
        window.type(" and four")
        wait_for_end(window)
        done = window.text("prices.py")

        assert "result = result + price" in half  # it had come to the middle
        assert done == WHOLE
        assert window.text("notes.md") == NOTES + "Three and four"
        assert undo_steps(window, "prices.py", EXAMPLE) == 1


def test_typing_in_the_same_file_is_never_joined_to_what_claude_wrote(
    open_workshop: OpenWorkshop,
) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY.hold_at(HALFWAY))
        shop.standin.reached(HALFWAY).result()
        window.wait_for_text("list[float]")
        window.open("prices.py")
        window.go_to(1)
        # One word: the editor makes a step of its own of each.
        window.type("mine")
        window.wait_for_text("mine")
        shop.standin.release()
        wait_for_end(window)
        typed = f"mine{WHOLE}"

        assert window.text() == typed
        # Theirs, ours before it, ours after it: each goes back by itself, and nothing else does.
        window.press("Control+z")
        window.wait_for_text("result = result + price")
        assert window.text().startswith("mine")
        assert undo_steps(window, "prices.py", EXAMPLE) == 2


def test_a_plain_workspace_edit_is_a_step_each(open_workshop: OpenWorkshop) -> None:
    # What the standard's own request would cost: the reason for `kibitz/applyEdit`.
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

        assert undo_steps(window, "notes.md", NOTES) == 3


def test_changes_are_marked_compared_kept_and_reverted_by_keys(
    open_workshop: OpenWorkshop,
) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY)
        wait_for_end(window)
        window.page.locator(".view-overlays .cdr[class*='ced-']").nth(2).wait_for()
        window.palette("Kibitz: Compare with the Text Before")
        window.wait("vscode.window.tabGroups.activeTabGroup.activeTab.input.original")
        original = window.ask(
            "const { original } = vscode.window.tabGroups.activeTabGroup.activeTab.input;"
            "return (await vscode.workspace.openTextDocument(original)).getText()"
        )
        window.open("prices.py")
        window.go_to(6)
        window.keys("Control+k", "y")  # keep the signature and its documentation
        window.page.locator(".codelens-decoration", has_text="Keep").nth(1).wait_for(
            state="detached"
        )
        window.go_to(10, 3)
        window.keys("Control+k", "n")  # take the loop back
        window.wait_for_text("result = result + price")
        window.page.locator(".codelens-decoration").wait_for(state="detached")

        assert original == EXAMPLE
        assert window.text() == WHOLE.replace("result += price", "result = result + price")
        names = window.palette_offers("Kibitz: ")
        assert not [name for name in names if "Keep" in name]


def test_a_file_that_nothing_shows_is_changed_all_the_same(open_workshop: OpenWorkshop) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY.hold_at(HALFWAY))
        shop.standin.reached(HALFWAY).result()
        window.wait_for_text("list[float]")
        window.open("notes.md")  # in the same group: the first file is hidden behind it
        shop.standin.release()
        window.wait_for_text("result += price", "prices.py")

        assert window.text("prices.py") == WHOLE
        assert window.text() == NOTES


def test_what_was_typed_before_is_offered_again(open_workshop: OpenWorkshop) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY)
        wait_for_end(window)
        shop.standin.enqueue(REPLY)
        window.go_to(8)
        window.palette("Kibitz: Refactor…")
        row = window.page.locator(".quick-input-list .monaco-list-row")
        row.filter(has_text="add types and use +=").click()
        sent = shop.standin.journal.wait_for_request(2).result()

        assert "add types and use +=" in str(sent.request.body)


def test_stop_ends_the_stream_and_leaves_whole_lines(open_workshop: OpenWorkshop) -> None:
    with open_workshop(FILES) as shop:
        window = shop.window
        begin(shop, REPLY.hold_at(HALFWAY))
        shop.standin.reached(HALFWAY).result()
        window.wait_for_text("list[float]")
        window.open("prices.py")
        window.keys("Control+k", ".")
        shop.standin.journal.wait_for_disconnect().result()
        wait_for_end(window)

        assert "def total(prices: list[float]) -> float:\n" in window.text()
        assert "result = result + price" in window.text()
