"""Which reply a request gets: the queue first, then the rules, then the responder."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kibitz.standin.reply import Fault, Reply
from kibitz.standin.request import Request
from kibitz.standin.script_file import ScriptFile

MESSAGES_PATH = "/v1/messages"
Predicate = Callable[[Request], bool] | str
"""Whether a rule is meant.  A text stands for "the last user message contains it"."""
Responder = Callable[[Request], Reply]
Answer = Reply | Fault | Responder


@dataclass(slots=True)
class _Rule:
    predicate: Callable[[Request], bool]
    answer: Answer
    path: str
    times_left: int | None


class Script:
    """The replies that were ordered in advance.  May be changed from any thread."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self._lock = threading.Lock()
        self._queue: deque[Answer] = deque()
        self._rules: list[_Rule] = []

    def enqueue(self, *answers: Answer) -> None:
        with self._lock:
            self._queue.extend(answers)

    def when(self, predicate: Predicate, answer: Answer, *, times: int | None, path: str) -> None:
        rule = _Rule(_callable(predicate), answer, path, times)
        with self._lock:
            self._rules.insert(0, rule)

    def load(self, file: ScriptFile) -> None:
        """Adds the replies and rules of a script file."""
        self.enqueue(*file.replies)
        for rule in file.rules:
            self.when(rule.when, rule.reply, times=rule.times, path=MESSAGES_PATH)

    def reset(self) -> None:
        with self._lock:
            self._queue.clear()
            self._rules.clear()

    @property
    def waiting(self) -> int:
        """How many replies of the queue nobody has taken yet."""
        return len(self._queue)

    def reply_to(self, request: Request) -> Reply:
        """The reply to a request for a message.

        A request with ``max_tokens: 0`` has no reply: it takes none out of the queue, but a fault.
        """
        with self._lock:
            takes_next = bool(self._queue) and (
                request.body.get("max_tokens") != 0 or isinstance(self._queue[0], Fault)
            )
            answer = self._queue.popleft() if takes_next else self._matching(request)
        return _reply(answer if answer is not None else self.responder, request)

    def fault_for(self, request: Request) -> Fault | None:
        """What a rule makes of a request to another path than that of messages."""
        with self._lock:
            answer = self._matching(request)
        if answer is None:
            return None
        return next(iter(_reply(answer, request).faults), None)

    def _matching(self, request: Request) -> Answer | None:
        for rule in self._rules:
            if rule.path != request.path or rule.times_left == 0 or not rule.predicate(request):
                continue
            if rule.times_left is not None:
                rule.times_left -= 1
            return rule.answer
        return None


def _callable(predicate: Predicate) -> Callable[[Request], bool]:
    if isinstance(predicate, str):
        return lambda request: predicate in request.last_user_text
    return predicate


def _reply(answer: Answer, request: Request) -> Reply:
    if isinstance(answer, Fault):
        return Reply(faults=(answer,))
    return answer if isinstance(answer, Reply) else answer(request)
