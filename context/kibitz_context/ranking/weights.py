"""Every weight of the two rankings, in one place.

What a weight of 0 would change is said at each, and a test of that name shows it.  The weights
of `RelatedWeights` were fitted to commits of other repositories than those whose recall is
reported; `python -m bench recall` says which, and how to do it again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SnapshotWeights:
    """What makes a file worth a place in the snapshot, where nobody has asked anything yet."""

    #: Share of its rank that a file passes on to those it refers to.  0: a file that everything
    #: is built on is worth no more than one that nobody knows.
    reference: float = 0.85
    #: An import, beside one use of a name (1.0).  0: files that are imported for their effect, or
    #: whose names are too common to tell where they come from, sink.
    imports: float = 2.0
    #: Where a reader starts, beside a source file (1.0): tests and documents speak of the code,
    #: so what they refer to is raised a little.  0: only code says what code is important.
    aside_start: float = 0.15
    #: For each step of `History.often_changed`.  0: a file that is worked on every week is worth
    #: no more than one that nobody has touched for years.
    often_changed: float = 0.25
    #: How strongly size counts against a file.  0: one long file is worth as much as it takes
    #: the room of ten short ones.
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class RelatedWeights:
    """What makes a file belong to the file that is worked on, and to what was said about it.

    Each signal is a number from 0 to 1 for each file; the files are ordered by the weighted sum.
    """

    #: It defines names that are used here.
    defines: float = 0.3
    #: It uses names that are defined here: the callers.
    uses: float = 0.15
    #: It is imported here.
    imports: float = 0.13
    #: It imports this file.
    imported_by: float = 0.06
    #: It was changed in the same commits, the recent ones above all.
    co_change: float = 0.71
    #: It was changed in the same commits, those of few files above all, and for longer.
    few_change: float = 0.36
    #: It is among the first of those: 1 for the first, 1/2 for the second, and so on.
    few_first: float = 0.28
    #: It was changed in the newest commits of this file, however long ago they were.
    newest_change: float = 0.24
    #: It was changed in small commits of this file, more of which count.
    small_change: float = 0.38
    #: It was changed with files that were changed with this one.
    two_steps: float = 0.35
    #: It is the test of this file, or what this file tests, or its header, by their names.
    test_pair: float = 1.02
    #: It is made of the same words (the root of BM25).
    similar: float = 1.6
    #: It is among the first of those.
    similar_first: float = 0.25
    #: It stands in the same folder, or near it.
    near: float = 0.2
    #: It was changed a short while ago.
    recent: float = 0.72
    #: It is among the first of those.
    recent_first: float = 0.47
    #: It holds the words of the instruction (BM25).
    said: float = 1.4
    #: It is among the first of those.
    said_first: float = 0.46
    #: Its path holds the words of the instruction.
    said_path: float = 1.55
    #: It defines a name that stands in the instruction.
    said_name: float = 0.98
    #: Commits whose message has the words of the instruction changed it.
    said_before: float = 0.94


@dataclass(frozen=True, slots=True)
class PassageWeights:
    """What makes a passage of another file worth its place in the task layer.

    A passage's worth is divided by its length: the budget goes to what tells most by the line.
    """

    #: The definition of a name that is used in what was selected.  0: none is shown for its own
    #: sake.
    definition: float = 1.0
    #: The signatures of a related file, for how related it is.  0: of files that only history,
    #: names or words speak for, nothing is seen.
    signatures: float = 0.5
    #: Lines that use what is defined in the selection: the callers, which a change may break.
    caller: float = 0.6
    #: The same lines where they stand in a test.  0: tests are only seen for other reasons.
    test: float = 0.5
    #: How much the rank of its file adds to a definition.  0: of two definitions of one name
    #: that of a related file is worth no more.
    file_rank: float = 1.0
