"""What each editor's LSP client really does, where it differs from what it announces.

One table, recorded from real clients; no other module asks which editor it talks to.  What a
client announces in its capabilities is believed unless the table says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

#: What becomes of an edit of a text that has changed meanwhile.
Versions = Literal["compared", "transformed", "ignored"]
Cursor = Literal["place", "character", "line"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How to deliver to one kind of client.

    `versioned_edits` and `shows_documents` override what the client announces (None: believe
    it).  `echo_seconds` is how long the `didChange` that proves an edit may take after the
    client's answer.  An edit never names a version below `least_edit_version`.

    Between two edits of a stream lies at least an interval, `shortest_interval_seconds` where the
    client is quick and at most `longest_interval_seconds` where it is not (`kibitz.pace`).  An
    edit is of whole hunks; of one that is not finished at least `held_lines` lines are held back
    until there are more.  For a client without our plugin each edit is an undo step, and is to
    mean something; with it all edits of a stream are one.

    `confirms_edits`: an annotation that asks for it lets the user confirm an edit; other clients
    announce annotations and apply what they should ask about.

    `versions` is what becomes of an edit of a text that has changed meanwhile: it is refused, or
    applied to what its lines have become, or applied where they were.  Where it is not refused,
    an edit is never sent twice: it may still come.  Where versions are ignored, a reply becomes
    one edit at the end: each may hit what the user has just typed.  An edit for a version below
    `least_compared_version` is not compared by a client that compares the others.

    `cursor` is what a request for code actions names where nothing is selected: the place, the
    character under the cursor, or the line that it is in.

    `lists_edits`: what is chosen from the list of names goes in as its edit says; else it is given
    as the text to insert, and one line at a time, for a client that takes of an edit no more than
    its first word and indents lines below the first anew.

    `rest_after_answer_seconds`: so long after an answer nothing is sent, to a client that loses
    or leaves lying what it reads together with one.

    `hides_source_actions`: of a menu that was opened for a place or a selection it leaves out
    every action whose kind is below ``source``; those go to it without a kind.
    """

    name: str
    versioned_edits: bool | None = None
    shows_documents: bool | None = None
    asks_messages: bool = True
    shortest_interval_seconds: float = 0.5
    longest_interval_seconds: float = 0.5
    held_lines: int = 24
    echo_seconds: float = 3.0
    least_edit_version: int = 0
    confirms_edits: bool = False
    versions: Versions = "compared"
    least_compared_version: int = 0
    cursor: Cursor = "place"
    lists_edits: bool = True
    rest_after_answer_seconds: float = 0.0
    hides_source_actions: bool = False

    def compares(self, version: int | None) -> bool:
        """Whether an edit for that version of a text is refused once the text is another."""
        return self.versions == "compared" and (version or 0) >= self.least_compared_version


PLAIN = Profile("plain")

# A client that gives no name may be an old eglot, as Debian 12 has it.
_NAMELESS = replace(PLAIN, echo_seconds=10.0, rest_after_answer_seconds=0.05)

_PROFILES = {
    # Applies documentChanges without announcing it, answers true when it drops a stale edit,
    # and holds didChange back for 150 ms after the first edit.  It opens documents at version 0
    # and compares only versions above that: an edit for 0 would go wherever its lines are by now,
    # over what the user has typed since.  Version 1 stands for the same text, as the first change
    # makes it 3 or more, and is compared.  Its omni completion inserts the first word of an edit.
    "neovim": Profile("neovim", versioned_edits=True, least_edit_version=1, lists_edits=False),
    "visual studio code": Profile("vscode", confirms_edits=True),
    "code-server": Profile("vscode", confirms_edits=True),
    "vscodium": Profile("vscode", confirms_edits=True),
    "cursor": Profile("vscode", confirms_edits=True),
    # Shows documents without announcing it; 25.07 does not know window/showMessageRequest.
    # Its selection is never empty.
    "helix": Profile("helix", shows_documents=True, asks_messages=False, cursor="character"),
    # Asks the user about each edit by default: an answer may take as long as the user does.
    # jsonrpc.el up to 1.0.24 leaves a request that it reads together with an answer lying until
    # the server says something else.
    "eglot": Profile("eglot", echo_seconds=10.0, rest_after_answer_seconds=0.05),
    # Until its versions of summer 2026 it waits for an answer in such a way that whatever it has
    # read behind that answer is thrown away: requests, edits and findings.  It opens documents at
    # version 0, which it takes for none.
    "emacs": Profile(
        "lsp-mode", echo_seconds=10.0, rest_after_answer_seconds=0.05, least_compared_version=1
    ),
    "zed": Profile("zed", shows_documents=False, versions="transformed"),
    # Ignores versions and answers before it applies: only the echo proves anything.
    "kakoune-lsp": Profile("kakoune", versions="ignored", cursor="character"),
    "kak-lsp": Profile("kakoune", versions="ignored", cursor="character"),
    "sublime text lsp": Profile("sublime"),
    "vim-lsp": Profile("vim-lsp", asks_messages=False, versions="ignored", cursor="line"),
    # Loads a document that is to be shown without the focus, and shows it nowhere.  It compares
    # versions with those it has sent, not with what was typed since: an edit may go over that.
    "coc.nvim": Profile(
        "coc", shows_documents=False, versions="ignored", hides_source_actions=True
    ),
}


def with_plugin(profile: Profile) -> Profile:
    """The client that `profile` describes with our plugin in it: edits cost it no undo step.

    150 ms is how often Neovim tells of changes, and what the slowest editor needs threefold.
    """
    return replace(
        profile, shortest_interval_seconds=0.15, longest_interval_seconds=0.5, held_lines=0
    )


def profile_for(client_name: str | None) -> Profile:
    """The profile of a client by the name it gives in `clientInfo`."""
    name = (client_name or "").strip().lower()
    if not name:
        return _NAMELESS
    if name in _PROFILES:
        return _PROFILES[name]
    for known, profile in _PROFILES.items():
        if name.startswith(known):
            return profile
    return PLAIN
