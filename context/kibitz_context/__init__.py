"""What Claude should see of a repository.

Repository in, layers of text out.  This package reads files through one gate
(containment, exclusion, secrets), orders them the same way on every machine and fits
them to a budget of tokens.  It knows neither LSP nor the Anthropic SDK, and it never
raises on bad input: what could not be used is part of the result, with its reason.
"""
