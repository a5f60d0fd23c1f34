"""Figures go into the page by command, each into its own section, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import tables

PAGE = """# Benchmarks

Prose of a person.

<!-- begin recall -->
old
<!-- end recall -->

More prose.
"""


def test_a_section_is_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE)

    tables.write("recall", "new\nlines", page)

    assert page.read_text() == PAGE.replace("old\n", "new\nlines\n")


def test_writing_the_same_twice_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    tables.write("recall", "new", page)
    once = page.read_text()
    tables.write("recall", "new\n", page)
    assert page.read_text() == once


def test_a_new_section_is_put_at_the_end(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE)

    tables.write("index", "times", page)

    assert page.read_text() == f"{PAGE}\n<!-- begin index -->\ntimes\n<!-- end index -->\n"


def test_a_page_is_begun_where_there_is_none(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    tables.write("index", "times", page)
    assert page.read_text() == ("# Benchmarks\n\n<!-- begin index -->\ntimes\n<!-- end index -->\n")


def test_what_would_break_the_page_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE.replace("<!-- end recall -->\n", ""))
    for section, text in (
        ("recall", "new"),
        ("Two words", "new"),
        ("index", "<!-- end recall -->"),
    ):
        with pytest.raises(ValueError):
            tables.write(section, text, page)
    assert page.read_text() == PAGE.replace("<!-- end recall -->\n", "")


def test_a_table_keeps_its_columns() -> None:
    assert tables.table(["what", "ms"], [["a|b", "1"], ["c", "2"]]) == (
        "| what | ms |\n| :--- | ---: |\n| a\\|b | 1 |\n| c | 2 |\n"
    )
