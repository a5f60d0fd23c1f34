"""Definitions by the look of a line, in the languages people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.files.repository import Repository
from kibitz_context.texts.outline import (
    Definition,
    block_end,
    definition,
    definitions,
    outline,
    posix_patterns,
)
from support.git_folder import git_folder

LINES: list[tuple[str, str | None]] = [
    ("def gather(repository):", "gather"),
    ("    async def feed(self) -> str:", "feed"),
    ("class Gate:", "Gate"),
    ("MAX_FILES = 3", "MAX_FILES"),
    ("MAX_FILES: int = 3", "MAX_FILES"),
    ("export default class App extends Component {", "App"),
    ("export async function load(id: string) {", "load"),
    ("export const handler = async () => {", "handler"),
    ("const x = 1;", "x"),
    ("interface Props {", "Props"),
    ("export type Result<T> = Ok<T> | Err;", "Result"),
    ("pub(crate) fn parse(input: &str) -> Result<()> {", "parse"),
    ("impl<T> Display for Wrapper<T> {", "Display"),
    ("pub unsafe trait Send {}", "Send"),
    ("macro_rules! vec {", None),
    ("func (s *Server) Serve(l net.Listener) error {", "Serve"),
    ("type Server struct {", "Server"),
    ("public static void main(String[] args) {", "main"),
    ("    private final List<String> names() {", "names"),
    ("int main(int argc, char **argv)", "main"),
    ("static void Foo::bar(const std::string& x) const {", "bar"),
    ("fun String.shout(): String = uppercase()", "String"),
    ("protocol Shape {", "Shape"),
    ("  defp helper(x) do", "helper"),
    ("module Kernel", "Kernel"),
    ("message SearchRequest {", "SearchRequest"),
    ("    const local = 1;", None),
    ("    let y = 2", None),
    ("return parse(input)", None),
    ("    return parse(input) {", None),
    ("if (a == b) {", None),
    ("    } else if (ready(x)) {", None),
    ("for (int i = 0; i < n; i++) {", None),
    ("    new Thread(run) {", None),
    ("x = gather(y)", None),
    ("# def old():", None),
    ("", None),
    ("A == B", None),
]


@pytest.mark.parametrize(("line", "name"), LINES)
def test_a_line_defines_what_it_looks_like(line: str, name: str | None) -> None:
    found = definition(line)
    assert (found[0] if found else None) == name


def test_git_finds_what_looks_like_a_definition(tmp_path: Path) -> None:
    defining = [(line, name) for line, name in LINES if name]
    git_folder(tmp_path, {f"{index}.txt": f"{line}\n" for index, (line, _) in enumerate(defining)})
    found = Repository.find(tmp_path)
    for index, (line, name) in enumerate(defining):
        patterns = posix_patterns(["absent_1", name])
        assert (f"{index}.txt", line) in found.grep(found.head() or "", patterns), line
    assert posix_patterns([]) == ()


def test_an_outline_keeps_the_lines_as_they_are() -> None:
    text = "import x\n\nclass A:\n    def one(self):\n        return 1\n\n\ndef two(): ...\n"
    assert outline(text) == "class A:\n    def one(self):\ndef two(): ..."
    assert definitions(text.split("\n")) == [
        Definition("A", 2, 0),
        Definition("one", 3, 4),
        Definition("two", 7, 0),
    ]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("def a():\n    x\n\n    y\n\n\ndef b():\n", 4),
        ("fn a() {\n  x\n}\nfn b() {}\n", 3),
        ("def a(\n    x,\n):\n    y\nz\n", 4),
        ("int a()\n{\n  x;\n}\nint b;\n", 4),
        ("def a(): ...\n", 1),
        ("def a():\n" + "    x\n" * 50, 40),
    ],
)
def test_a_block_ends_where_its_indentation_does(text: str, end: int) -> None:
    assert block_end(text.split("\n"), 0, 40) == end


@pytest.mark.parametrize(
    "line",
    [
        "a" * 10_000,
        "a " * 5_000 + "(",
        "a*" * 5_000 + "(",
        "<" * 10_000,
        "pub " * 5_000,
        "(" * 9_999,
    ],
)
def test_no_line_takes_very_long(line: str) -> None:
    assert definition(line) is None
