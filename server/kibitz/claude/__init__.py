"""Talking to Claude: prompts, streams, prices, the ledger and the budget.

`values` says what goes in and what comes out, in our own words; `anthropic_client` is the only
module of the project that imports the SDK.  Nothing here knows LSP.
"""
