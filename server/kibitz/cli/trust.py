"""`kibitz trust`: which repositories' code the automatic features may send."""

from __future__ import annotations

import os
from pathlib import Path

from kibitz import paths
from kibitz.cli.arguments import Parser
from kibitz.cli.place import absolute, shown
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError
from kibitz.trust import Trust
from kibitz_context.files.repository import Repository


def run(arguments: list[str]) -> int:
    parser = Parser(
        "trust",
        "Let automatic features (completion as you type, review on save) send the code of a "
        "repository.  What you ask for yourself is always sent and needs no trust.",
        examples=("kibitz trust", "kibitz trust ~/src/app", "kibitz trust --revoke"),
    )
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", help="in the repository; default: the current folder"
    )
    parser.add_argument("--revoke", action="store_true", help="trust it no longer")
    options = parser.parse_args(arguments)
    folder = absolute(options.folder) if options.folder is not None else Path.cwd()
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{shown(str(folder))} {what}; name the repository's folder.")
    root = Repository.find(folder).root
    trust = Trust.load(paths.trust_file(os.environ))
    if not options.revoke:
        trust.grant(root)
        outcome = "is trusted"
    elif trust.revoke(root):
        outcome = "is trusted no longer"
    else:
        outcome = "was not trusted"
    Terminal.here().write(f"{shown(str(root))} {outcome}.\n")
    return 0
