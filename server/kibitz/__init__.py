"""kibitz: a language server that brings Claude to any editor that speaks LSP.

This module stays empty of imports: `kibitz serve` answers `initialize` a few
milliseconds after the process starts, and each import here would delay it.
"""

__version__ = "0.1.0"
