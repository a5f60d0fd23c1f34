"""With what tests are written: an existing test is believed first, then the manifests."""

from __future__ import annotations

import pytest

from kibitz.test_layout.frameworks import framework


@pytest.mark.parametrize(
    ("language", "example", "manifests", "expected"),
    [
        ("Python", "import pytest\n", "", "pytest"),
        ("Python", "def test_a():\n    pass\n", "", "pytest"),
        (
            "Python",
            "class A(unittest.TestCase): ...\n",
            "pytest",
            "unittest",
        ),
        ("Python", "from django.test import TestCase\n\nclass A(TestCase): ...\n", "", "unittest"),
        ("Python", "", '[dependency-groups]\ntest = ["pytest>=8"]\n', "pytest"),
        ("Python", "", "", "pytest"),
        ("TypeScript", 'import { it } from "vitest";\n', '"jest": "29"', "Vitest"),
        ("TypeScript", "", '{"devDependencies": {"jest": "^29"}}', "Jest"),
        ("JavaScript", "it('adds', () => {});\n", '{"scripts": {"test": "tape"}}', None),
        ("JavaScript", "it('adds', () => {});\n", '{"devDependencies": {"mocha": "10"}}', "Mocha"),
        ("JavaScript", "", '{"scripts": {"test": "node --test"}}', "node:test"),
        ("JavaScript", "", "", None),
        ("Go", 'import "testing"\n', "", "testing"),
        ("Go", "", "require github.com/stretchr/testify v1.9", "testing with testify"),
        ("Rust", "", "", "Rust's own tests"),
        ("Java", "import org.junit.jupiter.api.Test;\n", "", "JUnit 5"),
        ("Java", "import org.junit.Test;\n", "junit-jupiter", "JUnit 4"),
        ("Java", "", "<artifactId>junit-jupiter</artifactId>", "JUnit 5"),
        ("Ruby", "RSpec.describe Cart do\n", 'gem "minitest"', "RSpec"),
        ("Ruby", "", 'gem "rails"', "Minitest"),
        ("C++", "#include <gtest/gtest.h>\n", "", "GoogleTest"),
        ("Cobol", "x", "y", None),
    ],
)
def test_the_framework(language: str, example: str, manifests: str, expected: str | None) -> None:
    assert framework(language, example, manifests) == expected
