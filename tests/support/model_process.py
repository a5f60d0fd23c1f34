"""In the place of `kibitz.local_model.serve`: a process that answers as the stand-in.

What it does follows from the model's name: "broken" cannot be loaded, "endless" never is, and
"dying" ends while it loads.
"""

from __future__ import annotations

import threading

from kibitz.standin import StandIn
from kibitz_context.child import Parent


def main() -> None:
    parent = Parent()
    wanted = parent.said()
    assert wanted is not None
    match wanted["name"]:
        case "broken":
            parent.answer({"problem": "tensor 'blk.0' is out of bounds"})
        case "endless":
            threading.Event().wait()
        case "dying":
            raise SystemExit(3)
    with StandIn.in_thread(accepted_keys={wanted["key"]}) as standin:
        parent.answer({"address": standin.base_url})
        threading.Event().wait()


if __name__ == "__main__":
    main()
