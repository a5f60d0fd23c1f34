"""Which signatures a file's outline has: what other files use of it, and what that stands in."""

from __future__ import annotations

from collections.abc import Mapping

from kibitz_context.files.repository import TrackedFile
from kibitz_context.layers.signatures import Signatures, signatures
from kibitz_context.texts.symbols import symbols
from support.mentioning import mentions_of

FILES = {
    "store.py": """\
import json

class Store:
    def __init__(self, path):
        self.path = path

    def load(self):
        def inner():
            return None
        return self._parsed(inner)

    def _parsed(self, found):
        return json.loads(found)

def migrate(store):
    return rewrite(store)

def rewrite(store):
    return store
""",
    "app.py": "import store\n\ndef main(first,\n         second):\n    return first.load()\n",
    "other.py": "import store\n\ndef other(it):\n    return store.migrate(it.load())\n",
    "test_app.py": "import app\n\ndef test_main():\n    assert app.main(1, 2)\n",
}


def made(files: Mapping[str, str] = FILES) -> Signatures:
    known = {path: symbols(path, text) for path, text in files.items()}
    return signatures(mentions_of(known), lambda file: known.get(file.path))


def outline(path: str, files: Mapping[str, str] = FILES) -> str:
    return made(files).outline_of(TrackedFile(path), files[path])


def test_what_other_files_use_is_shown_in_what_it_stands_in() -> None:
    assert outline("store.py") == "class Store:\n    def load(self):\ndef migrate(store):"


def test_what_only_its_own_file_uses_is_left_out() -> None:
    found = outline("store.py")
    assert "_parsed" not in found
    assert "rewrite" not in found
    used = {**FILES, "third.py": "def third(it):\n    return it._parsed(1)\n"}
    assert "    def _parsed(self, found):" in outline("store.py", used)


def test_a_signature_of_several_lines_is_shown_whole() -> None:
    assert outline("app.py") == "def main(first,\n         second):"


def test_where_nothing_is_used_by_others_all_is_shown() -> None:
    assert outline("test_app.py") == "def test_main():"


def test_a_file_of_unknown_symbols_is_read() -> None:
    unknown = signatures({}, lambda _: None)
    assert unknown.outline_of(TrackedFile("app.py"), FILES["app.py"]).startswith("def main(first,")
    assert unknown.worth("app.py") == 0.0


def test_what_more_files_use_is_worth_more() -> None:
    found = made()
    assert found.worth("store.py") > found.worth("app.py") > 0.0
    assert found.worth("test_app.py") == found.worth("gone.py") == 0.0


def test_what_a_file_uses_itself_is_worth_nothing() -> None:
    alone = {"a.py": "def a():\n    return b()\n\ndef b():\n    return a()\n"}
    assert made(alone).worth("a.py") == 0.0


def test_a_name_that_many_files_define_is_worth_less_in_each() -> None:
    again = {**FILES, "copy.py": FILES["store.py"]}
    assert made(again).worth("store.py") < made().worth("store.py")
