"""What a user can ask for.

An action is an async generator: it takes an `Order` and the services it needs and yields plain
values (`values`) as Claude's reply arrives.  The editor and the terminal render the same values.
Nothing here knows LSP or the SDK.
"""
