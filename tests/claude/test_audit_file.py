"""The audit's files: whole lines whoever writes, private, and given up after a while."""

from __future__ import annotations

import datetime
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.auditing.audit_file import AuditFile


def record(number: int, **more: Any) -> dict[str, Any]:
    at = datetime.datetime.now(datetime.UTC).isoformat()
    return {"id": f"{number}", "at": at, **more}


def ids(file: AuditFile, since: datetime.datetime | None = None) -> list[str]:
    return [each["id"] for each in file.records(since)]


def write_many(folder: str, writer: int) -> None:
    file = AuditFile(Path(folder), most_file_bytes=40_000)
    for number in range(60):
        file.append(record(writer * 1_000 + number, text="x\u2028é" * 400))


def test_lines_of_several_processes_stay_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(str(tmp_path), n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = b"".join(path.read_bytes() for path in tmp_path.iterdir()).split(b"\n")
    assert all(json.loads(line)["text"] == "x\u2028é" * 400 for line in lines if line)
    assert len(ids(AuditFile(tmp_path))) == 240
    assert len(list(tmp_path.iterdir())) > 1


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "audit"
    AuditFile(folder).append(record(1))
    assert folder.stat().st_mode & 0o777 == 0o700
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, most_file_bytes=100)
    for number in range(4):
        file.append(record(number, text="x" * 50))
    assert [path.name[10:] for path in sorted(tmp_path.iterdir())] == [
        ".0000.jsonl", ".0001.jsonl", ".0002.jsonl", ".0003.jsonl",
    ]  # fmt: skip
    assert ids(file) == ["0", "1", "2", "3"]


def test_what_is_old_or_too_much_is_given_up(tmp_path: Path) -> None:
    today = datetime.datetime.now().astimezone().date()
    for days in (40, 20, 10):
        day = (today - datetime.timedelta(days=days)).isoformat()
        (tmp_path / f"{day}.0000.jsonl").write_text(json.dumps(record(days)) + "\n")
    AuditFile(tmp_path).append(record(1))
    assert ids(AuditFile(tmp_path)) == ["20", "10", "1"]
    AuditFile(tmp_path, most_folder_bytes=100).append(record(2))
    assert ids(AuditFile(tmp_path)) == ["1", "2"]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    file.append(record(1))
    (path,) = tmp_path.iterdir()
    with path.open("ab") as broken:
        broken.write(b'{"id": "2", "at": "20')
    file.append(record(3))
    assert ids(file) == ["1", "3"]


def test_records_since_a_moment(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    now = datetime.datetime.now(datetime.UTC)
    for number, hours in enumerate((5, 1)):
        at = (now - datetime.timedelta(hours=hours)).isoformat()
        file.append({"id": f"{number}", "at": at})
    file.append({"id": "without a time"})
    assert ids(file, now - datetime.timedelta(hours=2)) == ["1"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory"):
        AuditFile(tmp_path / "audit").append(record(1))
