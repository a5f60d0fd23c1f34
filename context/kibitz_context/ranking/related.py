"""What a request needs of files that Claude does not already see whole, as excerpts.

With an index: passages of the files that are related.  Without one: definitions by the look of
their lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kibitz_context.gate.baseline import Sources
from kibitz_context.ranking import finder, lexical
from kibitz_context.ranking.excerpts import Excerpts
from kibitz_context.ranking.finder import Known, Parse
from kibitz_context.texts.names import names_in_code, words_in_prose

__all__ = ["Excerpts", "Known", "Parse", "excerpts", "names_in_code", "words_in_prose"]


def excerpts(
    words: Sequence[str],
    sources: Sources,
    *,
    current: Mapping[str, str | None],
    seen: frozenset[str],
    near: str,
    max_characters: int,
    known: Known | None = None,
    outlined: frozenset[str] = frozenset(),
) -> Excerpts:
    """What `words` mean, and what else belongs to them, in files that are not in `seen`.

    `current` has the text of every file that differs from the base (None: deleted): they win
    over what the index knows.  Of the files `outlined` the signatures are seen already.  Without
    `known` only the definitions of `words` are looked for, and of a very large repository only in
    a folder round the path `near`.
    """
    if max_characters <= 0:
        return Excerpts((), ())
    if known is None or sources.base.commit is None:
        return lexical.excerpts(
            words,
            sources,
            current=current,
            seen=seen,
            near=near,
            max_characters=max_characters,
        )
    return finder.Finder(sources, current, seen, outlined, known).find(words, near, max_characters)
