"""What the server answers, one module an area of LSP.

A handler has three beats: from_lsp, one call, to_lsp.  Work that takes longer than a few
milliseconds is a job (`kibitz.jobs`), never the body of a request.
"""
