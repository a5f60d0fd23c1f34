"""What is done for a repository between requests, so that the next one is quick and cheap.

Hearing of changes, preparing the index and the snapshot in another process, and keeping cached
prefixes alive.  No answer depends on anything in here.  It knows neither LSP nor the SDK.
"""
