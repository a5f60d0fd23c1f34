"""A reply's text turned into small edits of the lines it replaces.

Pure: no LSP, no Claude, no clock.  Every object here gives the same result wherever the
reply's chunks happen to break.
"""
