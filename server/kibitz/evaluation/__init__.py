"""Measuring what Claude is worth here, with the user's own key: seeded bugs and public problems.

Knows cases, verdicts and figures; what is asked and told is the command line's business.
"""
