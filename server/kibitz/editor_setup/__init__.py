"""How each editor is told to start kibitz: what to paste, and where.

The one source of the snippets in `clients/*/README.md` and of `kibitz setup`.
It knows editors' configuration files and nothing of the protocol or the server.
"""
