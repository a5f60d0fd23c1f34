"""The catalogue as it holds at this moment for one endpoint: what ships, what the endpoint has
taught, what the user says.

Shared by all who ask, in any thread.  It decides when the endpoint should be asked again; asking
it is the business of whoever has a connection.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kibitz.claude.models import catalogue, model_facts_file
from kibitz.claude.models.catalogue import Catalogue, RequestOptions
from kibitz.claude.models.known_model import Parameter
from kibitz.claude.models.model_facts import Learnt
from kibitz.claude.values import ClaudeFailure, ModelFacts

log = logging.getLogger(__name__)

# An endpoint that could not be asked, or that has just surprised us, is asked again after this.
AGAIN_SECONDS = 600.0


class Knowledge:
    """`lay` makes the catalogue out of what was learnt; it is kept in `file` (None: nowhere)."""

    def __init__(self, lay: Callable[[Learnt], Catalogue], file: Path | None = None) -> None:
        self._lay = lay
        self._file = file
        self._lock = threading.Lock()
        self._learnt = Learnt() if file is None else model_facts_file.read(file)
        self._catalogue = lay(self._learnt)
        self._is_doubtful = False
        self._asked: float | None = None

    @classmethod
    def of(cls, known_models: Catalogue | None = None) -> Knowledge:
        """What is known beforehand, and what requests teach, for this process alone."""
        base = known_models or catalogue.builtin()
        return cls(lambda learnt: learnt.without_refused(learnt.laid_over(base)))

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    @property
    def learnt(self) -> Learnt:
        return self._learnt

    def should_ask(self) -> bool:
        """Whether the endpoint should be asked for its list of models now.  Whoever hears yes
        asks; others hear no for a while."""
        with self._lock:
            now = time.monotonic()
            if self._asked is not None and now - self._asked < AGAIN_SECONDS:
                return False
            if not self._is_doubtful and not self._learnt.is_stale(time.time()):
                return False
            self._asked = now
            self._is_doubtful = False
            return True

    def doubt(self) -> None:
        """The endpoint has refused what we took for right: it is to be asked soon."""
        with self._lock:
            self._is_doubtful = True

    def listed(self, models: Sequence[ModelFacts]) -> None:
        """The endpoint has listed its models.  May write the file."""
        self._change(lambda learnt: learnt.listed(models, time.time()))

    def lists_nothing(self) -> None:
        """The endpoint has no list of models: it need not be asked again today."""
        self._change(lambda learnt: learnt.listed((), time.time()))

    def refused(self, model: str, parameter: Parameter) -> None:
        """The endpoint has refused a parameter for a model.  May write the file."""
        log.warning("%s is not sent %s any more: the endpoint refuses it", model, parameter)
        self._change(lambda learnt: learnt.refusing(model, parameter))
        self.doubt()

    def _change(self, change: Callable[[Learnt], Learnt]) -> None:
        with self._lock:
            self._learnt = change(self._learnt)
            self._catalogue = self._lay(self._learnt)
            if self._file is not None:
                model_facts_file.write(self._file, self._learnt)


def refused_parameter(failure: ClaudeFailure, sent: RequestOptions) -> Parameter | None:
    """The parameter of `sent` that a refused request was refused for; None: for something else.

    A refusal may name both thinking and effort: it begins with what is wrong and goes on with what
    else could be done.
    """
    if failure.kind != "bad_request" or failure.status not in (400, 422):
        return None
    named = re.search(r"thinking|effort|output_config", failure.message.lower())
    if named is None:
        return None
    if named[0] == "thinking":
        return sent.thinking
    return "effort" if sent.effort is not None else None
