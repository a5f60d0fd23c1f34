"""Where the tests of a file belong and how they are written, learnt from what a repository has.

Pure: names of files and texts in, a place out; reads nothing and knows neither LSP nor Claude.
"""
