"""LSP clients without a plugin of ours, real and recorded, behind one set of a user's deeds.

A scene that is written once is played in each of them (`tests/clients/plain`), with the
configuration that `kibitz setup` prints and the installed `kibitz`.  What a deed gives is what
that editor's user would see; where two editors show a thing in different ways, the way is part
of the value, so that a scene can say which one it expects.
"""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple

from kibitz.editor_setup.languages import languages
from kibitz.editor_setup.recipes import recipe
from kibitz.standin import StandIn
from support.emacs import Emacs, open_emacs
from support.neovim import NeovimWorkshop, open_neovim
from support.terminal_editor import wait_for
from support.vim import VimWorkshop, open_vim

_ANSWER_IN_FILE = re.compile(r"the answer is in (\S+\.md)")


class Answer(NamedTuple):
    """An answer in Markdown, and how it reached the user."""

    way: Literal["window", "message"]
    text: str


class Diagnostic(NamedTuple):
    """A finding where the editor shows it; `line` is 1-based."""

    line: int
    message: str


class PlainClient(ABC):
    """An editor with one file open, and Claude's stand-in at the other end."""

    standin: StandIn

    # What a user does.  Lines are 1-based.

    @abstractmethod
    def open(self, name: str) -> None:
        """Open a file of the repository, with kibitz attached to it."""

    @abstractmethod
    def go_to(self, line: int) -> None: ...

    @abstractmethod
    def select(self, first: int, last: int) -> None:
        """Select whole lines, both included."""

    @abstractmethod
    def type_above(self, line: int, text: str) -> None:
        """Insert lines above a line."""

    @abstractmethod
    def actions(self) -> list[str]:
        """The titles in the menu at the cursor or for the selection."""

    @abstractmethod
    def run(self, title: str) -> None:
        """Choose the first entry of the menu whose title begins with `title`."""

    @abstractmethod
    def undo(self) -> None:
        """Undo one step."""

    @abstractmethod
    def leave(self) -> None:
        """Leave the editor, as a user does."""

    # What a user sees.

    @abstractmethod
    def text(self) -> str: ...

    @abstractmethod
    def diagnostics(self) -> list[Diagnostic]:
        """The findings, top to bottom."""

    @abstractmethod
    def hover(self) -> str:
        """The hover at the cursor, "" for none."""

    @abstractmethod
    def told(self) -> list[str]:
        """Every sentence that the user was told so far, and the ends of progresses."""

    @abstractmethod
    def shown(self) -> str | None:
        """The text of a document that the server had the editor show, None for none."""

    def completion_in_the_text(self) -> str:
        """What the user is shown when they ask for a completion in the text, at the cursor."""
        raise NotImplementedError(f"{type(self).__name__} shows none")

    # What follows from that.

    def wait_for_text(self, part: str) -> None:
        wait_for(lambda: part in self.text(), f"{part!r} in the text", self._what_there_is)

    def wait_for_diagnostics(self, count: int) -> list[Diagnostic]:
        def look() -> list[Diagnostic] | None:
            found = self.diagnostics()
            return found if len(found) == count else None

        return wait_for(look, f"{count} findings", self._what_there_is)

    def wait_for_action(self, title: str) -> None:
        """Wait until the menu has an entry that begins with `title`."""
        wait_for(
            lambda: any(each.startswith(title) for each in self.actions()),
            f"the action {title!r}",
            self._what_there_is,
        )

    def wait_until_gone(self, title: str) -> None:
        """Wait until no entry of the menu begins with `title`."""
        wait_for(
            lambda: not any(each.startswith(title) for each in self.actions()),
            f"{title!r} to leave the menu",
            self._what_there_is,
        )

    def wait_until_told(self, part: str) -> str:
        """What the user was told that contains `part`."""

        def look() -> str | None:
            return next((said for said in reversed(self.told()) if part in said), None)

        return wait_for(look, f"to be told {part!r}", self._what_there_is)

    def wait_for_answer(self) -> Answer:
        def look() -> Answer | None:
            shown = self.shown()
            if shown is not None:
                return Answer("window", shown)
            for said in self.told():
                named = _ANSWER_IN_FILE.search(said)
                if named is not None:
                    return Answer("message", Path(named[1]).read_text())
            return None

        return wait_for(look, "an answer", self._what_there_is)

    def _what_there_is(self) -> str:
        return f"text: {self.text()!r}; told: {self.told()!r}; actions: {self.actions()!r}"


Opener = Callable[[Path, Mapping[str, str]], AbstractContextManager[PlainClient]]


def configuration(name: str) -> str:
    """What `kibitz setup` prints for an editor."""
    found = recipe(name)
    assert found is not None, name
    return found.pieces(languages())[0].text


class _InEmacs(PlainClient):
    """Emacs with eglot or lsp-mode."""

    def __init__(self, editor: Emacs, root: Path, standin: StandIn) -> None:
        self.standin = standin
        self._editor = editor
        self._root = root

    def open(self, name: str) -> None:
        self._editor.open(self._root / name)

    def go_to(self, line: int) -> None:
        self._editor.go_to(line)

    def select(self, first: int, last: int) -> None:
        self._editor.select(first, last)

    def type_above(self, line: int, text: str) -> None:
        self._editor.type_at(line, text)

    def actions(self) -> list[str]:
        return self._editor.code_actions()

    def run(self, title: str) -> None:
        self._editor.run_action(title)

    def undo(self) -> None:
        self._editor.undo()

    def leave(self) -> None:
        self._editor.eval("(user-end)")

    def text(self) -> str:
        return self._editor.text()

    def diagnostics(self) -> list[Diagnostic]:
        return [Diagnostic(row["line"], row["message"]) for row in self._editor.diagnostics()]

    def hover(self) -> str:
        return self._editor.eval("(user-hover)") or ""

    def told(self) -> list[str]:
        return self._editor.messages().splitlines() + list(self._editor.eval("(user-ends)"))

    def shown(self) -> str | None:
        return None


def _emacs(client: str, recipe_name: str) -> Opener:
    @contextlib.contextmanager
    def opened(tmp_path: Path, files: Mapping[str, str]) -> Iterator[PlainClient]:
        with open_emacs(tmp_path, files, configuration(recipe_name), client) as shop:
            yield _InEmacs(shop.editor, shop.root, shop.standin)

    return opened


class _InVim(PlainClient):
    """Vim with vim-lsp."""

    def __init__(self, shop: VimWorkshop) -> None:
        self.standin = shop.standin
        self._editor = shop.editor
        self._root = shop.root
        self._has_selection = False

    def open(self, name: str) -> None:
        self._editor.ex(f"edit {self._root / name}")
        self._editor.wait("g:UserIsAttached()")
        self._editor.eval("g:UserListen()")

    def go_to(self, line: int) -> None:
        self._has_selection = False
        self._editor.eval(f"cursor({line}, 1)")

    def select(self, first: int, last: int) -> None:
        self._has_selection = True
        self._editor.normal(f"{first}GV{last}G\x1b")

    def type_above(self, line: int, text: str) -> None:
        self._editor.normal(f"{line}GO{text.rstrip()}\x1b")

    def actions(self) -> list[str]:
        titles = self._open_menu()
        self._editor.eval("g:UserChoose(0)")
        return titles

    def _open_menu(self) -> list[str]:
        self._editor.eval(f"g:UserOpenMenu({'v:true' if self._has_selection else 'v:false'})")
        rows: list[str] = self._editor.wait("g:UserMenu()")
        # "[1] [kibitz] Explain this (source.kibitz.explain)"
        return [re.sub(r"^(\[\d+\] )?\[kibitz\] | \([\w.]+\)$", "", row) for row in rows]

    def run(self, title: str) -> None:
        titles = self._open_menu()
        index = next((at for at, each in enumerate(titles, 1) if each.startswith(title)), None)
        assert index is not None, f"no {title!r} among {titles!r}"
        self._editor.eval(f"g:UserChoose({index})")

    def undo(self) -> None:
        self._editor.normal("u")

    def leave(self) -> None:
        self._editor.ex("qall!")

    def text(self) -> str:
        return self._editor.text()

    def diagnostics(self) -> list[Diagnostic]:
        rows = self._editor.eval("g:UserDiagnostics()")
        return [Diagnostic(row["line"], row["message"]) for row in rows]

    def hover(self) -> str:
        self._editor.eval("g:UserAskHover()")
        self._editor.wait("g:user_hover_done")
        return str(self._editor.eval("g:user_hover"))

    def told(self) -> list[str]:
        return list(self._editor.eval("g:user_messages"))

    def shown(self) -> str | None:
        return None


@contextlib.contextmanager
def _vim_lsp(tmp_path: Path, files: Mapping[str, str]) -> Iterator[PlainClient]:
    with open_vim(tmp_path, files, configuration("vim-lsp")) as shop:
        yield _InVim(shop)


class _InNeovim(PlainClient):
    """Neovim's own client."""

    def __init__(self, shop: NeovimWorkshop) -> None:
        self.standin = shop.standin
        self._editor = shop.editor

    def open(self, name: str) -> None:
        self._editor.open(name)

    def go_to(self, line: int) -> None:
        self._editor.type("<Esc>")
        self._editor.go_to(line)

    def select(self, first: int, last: int) -> None:
        self._editor.select(first, last)

    def type_above(self, line: int, text: str) -> None:
        self._editor.type(f"<Esc>{line}GO{text.rstrip()}<Esc>")

    def actions(self) -> list[str]:
        return self._editor.code_actions()

    def run(self, title: str) -> None:
        self._editor.run_action(title)

    def undo(self) -> None:
        self._editor.type("<Esc>u")

    def leave(self) -> None:
        self._editor.press("<Esc>:qall!<CR>")

    def text(self) -> str:
        return "\n".join(self._editor.lines()) + "\n"

    def diagnostics(self) -> list[Diagnostic]:
        rows = self._editor.lua("return user.diagnostics()")
        return [Diagnostic(row["line"], row["message"]) for row in rows]

    def hover(self) -> str:
        return self._editor.lua("return user.hover()") or ""

    def told(self) -> list[str]:
        ends: dict[str, str] = self._editor.lua("return user.ends") or {}
        return [*self._editor.messages().splitlines(), *(ends.values() if ends else [])]

    def shown(self) -> str | None:
        found = self._editor.lua("return user.shown_answer() or nil")
        return "\n".join(found["lines"]) + "\n" if found else None


@contextlib.contextmanager
def _neovim(tmp_path: Path, files: Mapping[str, str]) -> Iterator[PlainClient]:
    with open_neovim(tmp_path, files, init=configuration("neovim")) as shop:
        yield _InNeovim(shop)


#: Editors that run here.
REAL: Mapping[str, Opener] = {
    "neovim": _neovim,
    "eglot": _emacs("eglot", "eglot"),
    "lsp-mode": _emacs("lsp_mode", "lsp-mode"),
    "vim-lsp": _vim_lsp,
}
