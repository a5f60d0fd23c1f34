"""Something that moves on stderr while it is entered, and gives way to whatever is written."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from kibitz.cli.terminal import Terminal


class Picture(Protocol):
    """A spinner or a bar of rich."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


P = TypeVar("P", bound=Picture)


class Moving(Generic[P]):
    """A picture on a terminal; where stderr is none, nothing moves.

    A child draws it (`draw`) and may say something at the end (`conclude`).
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._picture: P | None = None
        self._is_shown = False

    def __enter__(self) -> Self:
        if self._terminal.err_is_terminal:
            self._picture = self.draw()
            self._terminal.cover(self)
            self.show()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.aside()
        # What is interrupted is told by whoever ends the command.
        if kind is None or issubclass(kind, Exception):
            self.conclude()

    def draw(self) -> P:
        """The picture, not yet moving."""
        raise NotImplementedError

    def conclude(self) -> None:
        """Say what is to be said when it is over, for better or worse."""

    def aside(self) -> None:
        """Show nothing any more."""
        self.hide()
        self._picture = None
        self._terminal.cover(None)

    def hide(self) -> None:
        """Make room for what is written now."""
        if self._picture is not None and self._is_shown:
            self._is_shown = False
            self._picture.stop()

    def show(self) -> None:
        """Move again."""
        if self._picture is not None and not self._is_shown:
            self._is_shown = True
            self._picture.start()
