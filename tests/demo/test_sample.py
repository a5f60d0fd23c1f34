"""The sample repository and the replies written for it: what the demo says of them is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kibitz.demo import acts
from kibitz.demo.sample import Sample, lay_out
from kibitz.demo.script import Script
from kibitz.findings.anchor import anchor
from kibitz.findings.parse import from_text
from kibitz.findings.values import Finding
from kibitz_context.lines import split_lines

TEN_FOR_THREE = "Ana paid 10.00 for Ana, Ben, Cem"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return lay_out(tmp_path / "fairshare", os.environ)


def python(sample: Sample, *arguments: str) -> str:
    """What Python prints in the sample."""
    run = subprocess.run(
        [sys.executable, *arguments], cwd=sample.root, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def git(sample: Sample, *arguments: str) -> str:
    run = subprocess.run(
        ["git", *arguments], cwd=sample.root, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_it_is_a_repository_with_everything_committed(sample: Sample) -> None:
    assert sample.has_git
    assert git(sample, "status", "--porcelain") == ""
    assert len(git(sample, "ls-files").splitlines()) == sample.n_files == 8


def test_another_repository_in_the_environment_is_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    environ = {**os.environ, "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other)}
    sample = lay_out(tmp_path / "fairshare", environ)
    assert (sample.root / ".git").is_dir()
    assert list(other.iterdir()) == []


def test_without_git_it_is_a_folder(tmp_path: Path) -> None:
    sample = lay_out(tmp_path / "fairshare", {"PATH": str(tmp_path)})
    assert not sample.has_git
    assert (sample.root / acts.EXPLAINED_FILE).exists()


def test_its_own_test_passes(sample: Sample) -> None:
    python(sample, "-m", "unittest", "test_trip")


def test_the_findings_are_true_before_and_mended_after(sample: Sample) -> None:
    file = sample.path(acts.REVIEWED_FILE)
    share_out = "from fairshare import split; print(sum(split(1000, ['a', 'b', 'c']).values()))"
    twice = (
        "from fairshare import balances, read_expense\n"
        f"trip = [read_expense({TEN_FOR_THREE!r})]\n"
        "first = dict(balances(trip)); print(first == balances(trip))"
    )
    assert (python(sample, "-c", share_out), python(sample, "-c", twice)) == ("999", "False")

    text = file.read_text("utf-8")
    after = Script.read().rewritten(text, acts.refactored_region(text))
    file.write_text(after, "utf-8")

    assert (python(sample, "-c", share_out), python(sample, "-c", twice)) == ("1000", "True")
    python(sample, "-m", "unittest", "test_trip")


def test_three_findings_have_a_place_and_one_has_not(sample: Sample) -> None:
    lines = split_lines(sample.path(acts.REVIEWED_FILE).read_text("utf-8"))
    placed = {}
    for given in Script.read().findings:
        said = json.dumps({"findings": [given]})
        (finding,) = from_text(said, acts.REVIEWED_FILE) or []
        assert isinstance(finding, Finding)
        where = anchor(finding, lines)
        placed[finding.title] = (
            given["start_line"],
            where.start_line if isinstance(where, Finding) else None,
        )
    assert sorted(placed.values(), key=str) == [(26, 26), (31, 38), (34, 34), (44, None)]


def test_the_explanation_points_at_the_right_line(sample: Sample) -> None:
    lines = split_lines(sample.path("fairshare/expenses.py").read_text("utf-8"))
    assert "fairshare/expenses.py:38" in Script.read().explanation
    assert lines[37].startswith("def balances")


def test_code_fits_a_terminal_of_80_columns_with_its_line_numbers(sample: Sample) -> None:
    region = Script.read().replacement + sample.path(acts.REVIEWED_FILE).read_text("utf-8")
    assert max(len(line) for line in region.splitlines()) <= 72
