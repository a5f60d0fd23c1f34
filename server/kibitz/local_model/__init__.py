"""A model on this machine: llama.cpp, embedded in a process of its own.

The process speaks the Messages API on loopback to nobody but us, is started when something is
first asked, and ends with us.  A crash or a long load is its own affair.
"""

from __future__ import annotations

from kibitz.local_model.claude import LocalModel

__all__ = ["LocalModel"]
