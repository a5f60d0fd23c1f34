"""Completion without an editor and without Claude: where it is worth asking, what of a reply is
shown, and what can be shown again without asking.

Pure: no LSP, no Claude, no clock of its own.
"""
