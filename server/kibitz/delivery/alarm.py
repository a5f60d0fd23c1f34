"""One thing that is to happen after a while, unless it is called off."""

from __future__ import annotations

from collections.abc import Callable

from kibitz.delivery.editor import Editor


class Alarm:
    """Rings `ring` after a while; set again while it runs, it goes on as it was."""

    def __init__(self, editor: Editor, ring: Callable[[], None]) -> None:
        self._editor = editor
        self._ring = ring
        self._call_off: Callable[[], None] | None = None

    @property
    def is_set(self) -> bool:
        """Whether it has still to ring."""
        return self._call_off is not None

    def set(self, seconds: float) -> None:
        """Ring after `seconds`; not at all where there are none to wait."""
        if self._call_off is None and seconds > 0:
            self._call_off = self._editor.later(seconds, self._rings)

    def call_off(self) -> None:
        if self._call_off is not None:
            self._call_off()
            self._call_off = None

    def _rings(self) -> None:
        self._call_off = None
        self._ring()
