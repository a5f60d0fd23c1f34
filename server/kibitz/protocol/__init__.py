"""The border to the editor: bytes to messages, messages to plain values, and back.

This module stays empty of imports: `kibitz.front` answers `initialize` through this package
before anything slow is loaded.
"""
