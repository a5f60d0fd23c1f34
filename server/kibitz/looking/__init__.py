"""Looking around: the read-only tools by which Claude sees more of a repository than it was given.

One module a tool, each a function of what may be seen (`sight`) and of checked arguments.  What
comes out has passed the gate; nothing in here writes, and nothing reaches a network.
"""
