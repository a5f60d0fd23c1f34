"""The files of our own clients that come with kibitz, in a wheel as in a checkout.

A wheel has them beside the package, where pyproject.toml puts them; a checkout in `clients/`.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def folder(client: str) -> Path:
    """The folder of a client, as of `clients/` in the repository."""
    in_wheel = _ROOT / "kibitz_clients" / client
    return in_wheel if in_wheel.is_dir() else _ROOT.parent / "clients" / client


def text(client: str, name: str) -> str:
    """A file of a client, by its name below its folder."""
    return (folder(client) / name).read_text(encoding="utf-8")
