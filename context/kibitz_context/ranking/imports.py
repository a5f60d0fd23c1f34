"""Which files of a repository an import names, by their paths alone.

An import is a string as somebody wrote it (``..config``, ``./util``, ``crate::walk``,
``com.example.Thing``, ``lib/array.h``).  Languages differ in the separator and in what they leave
out: an ending, an ``index`` or ``__init__``, the folder that the sources stand in.  What they have
in common is that the end of a path is spelt out, so that is what is looked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

# An import that could be any of more files says nothing.
MAX_FILES_OF_A_NAME = 3
# A Go import names a folder; what its files offer is one package.
MAX_FILES_OF_A_PACKAGE = 24
_LONGEST_KEY = 6

# A file of this name stands for its folder.
_FOLDER_FILES = frozenset(("__init__", "index", "mod", "lib", "main", "init"))
# What stands for "from the top of these sources", not for a folder.
_ROOTS = frozenset(("crate", "self", "@", "~", "$lib", "src", "lib"))
_SOURCE_ROOTS = frozenset(("", "src", "lib", "app", "source", "include"))
_SEPARATORS = re.compile(r"[./\\:]+")
_PYTHON_DOTS = re.compile(r"(\.+)([\w.]*)\Z")
_PYTHON_ENDINGS = frozenset(("py", "pyi"))
_RUST_LIBRARIES = frozenset(("std", "core", "alloc"))
_PACKAGE_ENDINGS = frozenset(("go",))
_FILE_IMPORT_ENDINGS = frozenset(
    ("c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "m", "mm", "sh", "bash", "css", "scss")
)


class Imports:
    """Resolves what is imported among the files at `paths`."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_end: dict[str, list[str]] = defaultdict(list)
        self._by_folder: dict[str, list[str]] = defaultdict(list)
        self._paths = frozenset(paths)
        for path in sorted(self._paths):
            folder, _, name = path.rpartition("/")
            self._by_folder[folder].append(path)
            parts = path.rpartition(".")[0].split("/") if "." in name else path.split("/")
            if parts[-1] in _FOLDER_FILES and len(parts) > 1:
                parts.pop()
            for count in range(1, min(len(parts), _LONGEST_KEY) + 1):
                self._by_end["/".join(parts[-count:])].append(path)

    def resolve(self, importer: str, imports: Sequence[str]) -> tuple[str, ...]:
        """The files that `importer` imports, sorted; itself is never one."""
        found: set[str] = set()
        for each in imports:
            found.update(self._named(importer, each))
        found.discard(importer)
        return tuple(sorted(found))

    def _named(self, importer: str, name: str) -> Sequence[str]:
        folder = importer.rpartition("/")[0]
        ending = importer.rpartition(".")[2].lower()
        dots = _PYTHON_DOTS.match(name)
        if dots is not None and "/" not in name:
            return self._beside(_above(folder, len(dots[1]) - 1), _parts(dots[2]))
        if name.startswith(("./", "../")):
            return self._at(_joined(folder, name))
        if ending in _FILE_IMPORT_ENDINGS:
            return self._at(_joined(folder, name)) or self._ending_with(folder, _file_parts(name))
        parts = _parts(name)
        if ending in _PACKAGE_ENDINGS:
            return self._package(parts)
        if ending == "rs" and parts and parts[0] in _RUST_LIBRARIES:
            return ()
        if parts[:1] == ["crate"]:
            return self._beside(_crate_folder(folder), parts[1:])
        if parts[:1] == ["super"]:
            # Seen from a file it is the module of its folder, from a folder's own file the next.
            stands_for_folder = _stem(importer) in _FOLDER_FILES
            above = _above(folder, 1) if stands_for_folder else folder
            return self._beside(above, parts[1:]) if len(parts) > 1 else ()
        while len(parts) > 1 and parts[0] in _ROOTS:
            parts.pop(0)
        if ending in _PYTHON_ENDINGS and f"{folder}/__init__.py" in self._paths:
            # In a package, what stands beside a module is only named with a dot in front.
            return self._ending_with(None, parts)
        return self._ending_with(folder, parts)

    def _at(self, path: str | None) -> Sequence[str]:
        """The file at `path`, written with or without what a language lets one leave out."""
        if path is None:
            return ()
        if path in self._paths:
            return (path,)
        # TypeScript imports "./x.js" and means "./x.ts".
        for stem in (path, path.rpartition(".")[0]):
            found = [each for each in self._by_end.get(_key(stem), ()) if _is_at(each, stem)]
            if stem and found:
                return found[:MAX_FILES_OF_A_NAME]
        return ()

    def _beside(self, folder: str | None, parts: Sequence[str]) -> Sequence[str]:
        """The module that `parts` name below `folder`; the last parts may be names in it."""
        if folder is None:
            return ()
        for count in range(len(parts), -1, -1):
            path = "/".join(([folder] if folder else []) + list(parts[:count]))
            if path and (found := self._at(path)):
                return found
        return ()

    def _ending_with(self, folder: str | None, parts: Sequence[str]) -> Sequence[str]:
        """The nearest files whose paths end with `parts`, of which the last may be names.

        Without a `folder` no file counts because it is beside the importer.
        """
        for left_out in range(min(3, len(parts))):
            module = parts[: len(parts) - left_out]
            for first in range(len(module) if left_out == 0 else min(2, len(module))):
                end = module[first:]
                found = self._by_end.get("/".join(end), ())
                if len(end) == 1:
                    # One word alone is a file beside this one or at the top; else a library.
                    found = [each for each in found if _is_top(each, folder)]
                if found:
                    near = _nearest(found, folder or "")
                    return near if len(near) <= MAX_FILES_OF_A_NAME else ()
                if len(parts) == 1:
                    break
        return ()

    def _package(self, parts: Sequence[str]) -> Sequence[str]:
        """The files of the folder that an import path ends with, tests left out."""
        for first in range(len(parts)):
            files = self._by_folder.get("/".join(parts[first:]), ())
            own = [each for each in files if each.endswith(".go") and not each.endswith("_test.go")]
            if own:
                return own if len(own) <= MAX_FILES_OF_A_PACKAGE else ()
        return ()


def importers(
    imports: Imports, target: str, candidates: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Those of `candidates` (path → what it imports) that import `target`, sorted."""
    return tuple(
        path for path in sorted(candidates) if target in imports.resolve(path, candidates[path])
    )


def _parts(name: str) -> list[str]:
    return [part for part in _SEPARATORS.split(name) if part and part not in ("*", "_")]


def _file_parts(name: str) -> list[str]:
    """The parts of a path whose last one loses its ending."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    if parts:
        parts[-1] = parts[-1].partition(".")[0]
    return parts


def _above(folder: str, levels: int) -> str | None:
    for _ in range(levels):
        if not folder:
            return None
        folder = folder.rpartition("/")[0]
    return folder


def _joined(folder: str, name: str) -> str | None:
    """The path that `name` is, seen from `folder`; None when it leads out of the repository."""
    parts = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _key(path: str) -> str:
    return "/".join(path.split("/")[-_LONGEST_KEY:])


def _is_at(path: str, stem: str) -> bool:
    """Whether `path` is `stem` with an ending, or the file that stands for the folder `stem`."""
    rest = path.removeprefix(stem)
    if rest == path:
        return False
    return rest.startswith(".") or (rest.startswith("/") and rest.count("/") == 1)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _crate_folder(folder: str) -> str:
    """The folder that Rust's ``crate`` stands for: the innermost ``src`` round `folder`."""
    parts = folder.split("/")
    while parts and parts[-1] != "src":
        parts.pop()
    return "/".join(parts) if parts else folder


def _is_top(path: str, folder: str | None) -> bool:
    around = path.rpartition("/")[0]
    if _stem(path) in _FOLDER_FILES:
        around = around.rpartition("/")[0]
    return around == folder or around in _SOURCE_ROOTS


def _nearest(paths: Sequence[str], folder: str) -> Sequence[str]:
    """Those of `paths` that share most folders with `folder`."""
    if len(paths) == 1:
        return paths
    own = folder.split("/") if folder else []

    def shared(path: str) -> int:
        count = 0
        for left, right in zip(own, path.split("/")[:-1], strict=False):
            if left != right:
                break
            count += 1
        return count

    most = max(map(shared, paths))
    return [path for path in paths if shared(path) == most]
