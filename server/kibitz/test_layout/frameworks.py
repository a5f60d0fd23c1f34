"""With what the tests of a repository are written, as its tests and its manifests tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# What is looked into, nearest folder first; the name is relative to a folder above the code.
MANIFESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Python": (
        "pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "requirements-dev.txt",
        "dev-requirements.txt", "requirements.txt", "conftest.py",
    ),
    "TypeScript": ("package.json", "deno.json"),
    "JavaScript": ("package.json", "deno.json"),
    "Go": ("go.mod",),
    "Rust": ("Cargo.toml",),
    "Java": ("pom.xml", "build.gradle", "build.gradle.kts"),
    "Kotlin": ("build.gradle.kts", "build.gradle", "pom.xml"),
    "Scala": ("build.sbt",),
    "Ruby": ("Gemfile", ".rspec"),
    "PHP": ("composer.json",),
    "Dart": ("pubspec.yaml",),
    "C++": ("CMakeLists.txt", "conanfile.txt"),
    "C": ("CMakeLists.txt",),
}  # fmt: skip

# Framework, what a test in it has, what a manifest that asks for it has; the first that fits wins.
_FRAMEWORKS: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "Python": (
        ("unittest", r"\bunittest\.(?:\w*TestCase|main)\b|\bTestCase\)", r"(?!)"),
        ("pytest", r"\bpytest\b|^(?:async )?def test_|^class Test\w*:", r"pytest|pluggy"),
    ),
    "JavaScript": (
        ("Vitest", r"['\"]vitest['\"]", r'"vitest"'),
        ("Playwright", r"['\"]@playwright/test['\"]", r"(?!)"),
        ("node:test", r"['\"]node:test['\"]", r"node --(?:\S+ )*--?test|\"node --test"),
        ("Bun's test runner", r"['\"]bun:test['\"]", r'"bun test'),
        ("Deno's test runner", r"\bDeno\.test\b", r"deno test"),
        ("AVA", r"['\"]ava['\"]", r'"ava"'),
        ("Mocha", r"['\"](?:chai|mocha)['\"]", r'"mocha"'),
        ("Jasmine", r"['\"]jasmine['\"]", r'"jasmine(?:-core)?"'),
        ("Jest", r"\bjest\.|['\"]@jest/globals['\"]", r'"jest"|ts-jest|react-scripts'),
    ),
    "Go": (
        ("testing with testify", r"stretchr/testify", r"stretchr/testify"),
        ("Ginkgo", r"onsi/ginkgo", r"onsi/ginkgo"),
        ("testing", r"", r""),
    ),
    "Rust": (("Rust's own tests", r"", r""),),
    "Java": (
        ("JUnit 5", r"org\.junit\.jupiter", r"junit-jupiter|useJUnitPlatform"),
        ("TestNG", r"org\.testng", r"testng"),
        ("JUnit 4", r"org\.junit\.", r"\bjunit\b"),
    ),
    "Kotlin": (
        ("Kotest", r"io\.kotest", r"kotest"),
        ("JUnit 5", r"org\.junit\.jupiter", r"junit-jupiter|useJUnitPlatform"),
        ("kotlin.test", r"kotlin\.test", r"kotlin\(\"test|kotlin-test"),
        ("JUnit 4", r"org\.junit\.", r"\bjunit\b"),
    ),
    "Scala": (
        ("ScalaTest", r"org\.scalatest", r"scalatest"),
        ("MUnit", r"\bmunit\b", r"\bmunit\b"),
        ("specs2", r"org\.specs2", r"specs2"),
    ),
    "Ruby": (
        ("RSpec", r"RSpec\.|^describe\b|rails_helper|spec_helper", r"rspec|--require"),
        ("Minitest", r"Minitest|ActiveSupport::TestCase|test_helper", r"minitest|\brails\b"),
    ),
    "PHP": (
        ("Pest", r"^(?:it|test)\(", r"pestphp"),
        ("PHPUnit", r"PHPUnit|extends \w*TestCase", r"phpunit"),
    ),
    "C#": (
        ("xUnit", r"\bXunit\b", r"(?!)"),
        ("NUnit", r"NUnit\.", r"(?!)"),
        ("MSTest", r"\[TestMethod\]", r"(?!)"),
    ),
    "Elixir": (("ExUnit", r"", r""),),
    "Dart": (("package:test", r"", r""),),
    "Swift": (("Swift Testing", r"^import Testing\b", r"(?!)"), ("XCTest", r"", r"")),
    "C++": (
        ("GoogleTest", r"gtest/|gmock/", r"(?i)gtest|googletest"),
        ("Catch2", r"catch2/|catch\.hpp", r"(?i)catch2"),
        ("doctest", r"doctest", r"(?i)doctest"),
        ("Boost.Test", r"BOOST_(?:AUTO_)?TEST", r"(?i)unit_test_framework"),
    ),
    "Lua": (("busted", r"\bdescribe\(", r"(?!)"),),
    "Shell": (("Bats", r"", r""),),
}


def framework(language: str, example: str, manifests: str) -> str | None:
    """What tests of `language` are written with, None where nothing tells.

    `example` is a test of the repository, "" for none, and `manifests` are those that there are;
    a test that exists is believed first.
    """
    known = _FRAMEWORKS.get("JavaScript" if language == "TypeScript" else language, ())
    if example:
        for name, in_tests, _ in known:
            if re.search(in_tests, example, re.MULTILINE):
                return name
    if manifests or example:
        for name, _, in_manifests in known:
            if re.search(in_manifests, manifests, re.MULTILINE):
                return name
    # What a language brings along needs no manifest.
    own = {"Python": "pytest", "Go": "testing", "Rust": "Rust's own tests", "Elixir": "ExUnit"}
    return own.get(language)
