"""The user's own check of an edit, `edit.check`: how it is run, and on which files.

Knows neither LSP nor Claude, and nothing of what an edit is.
"""
