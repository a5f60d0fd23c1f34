"""Findings of a review: read from the reply, anchored by their quotes, kept in place.

Pure: no LSP, no Claude, no clock.
"""
