"""The journal on a real disk: group commit, torn tails, damage, a disk that is full."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.meeting_log.journal import Journal, JournalBusyError, JournalError, frame, parse


class Owner:
    """Hears what the journal says."""

    def __init__(self) -> None:
        self.durable: list[bytes] = []
        self.batches = 0
        self.failures = 0

    def handle_durable(self, records: Sequence[bytes]) -> None:
        self.durable += records
        self.batches += 1

    def handle_failed(self) -> None:
        self.failures += 1

    def journal(self, path: Path) -> Journal:
        return Journal(path, self.handle_durable, self.handle_failed)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "log.jsonl"


async def test_append_is_in_the_file_when_it_returns(path: Path) -> None:
    owner = Owner()
    journal = owner.journal(path)
    assert journal.open() == []
    await journal.append(b"one")
    assert parse(path.read_bytes()) == ([b"one"], path.stat().st_size)
    assert owner.durable == [b"one"]
    await journal.close()
    await journal.close()


async def test_concurrent_appends_share_writes_and_keep_their_order(path: Path) -> None:
    owner = Owner()
    journal = owner.journal(path)
    journal.open()
    records = [b"%d" % i for i in range(500)]
    await asyncio.gather(*(journal.append(record) for record in records))
    assert parse(path.read_bytes())[0] == records == owner.durable
    assert owner.batches < 20
    await journal.close()


async def test_a_second_process_is_refused(path: Path) -> None:
    first = Owner().journal(path)
    first.open()
    with pytest.raises(JournalBusyError):
        Owner().journal(path).open()
    await first.close()
    again = Owner().journal(path)
    again.open()
    await again.close()


@given(st.lists(st.binary(max_size=30).filter(lambda r: b"\n" not in r), max_size=5), st.data())
def test_parse_of_any_torn_file_is_a_prefix(records: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(frame(record) for record in records)
    cut = data.draw(st.integers(0, len(whole)))
    found, good = parse(whole[:cut])
    assert found == records[: len(found)]
    assert good == sum(len(frame(record)) for record in found) <= cut
    assert cut < len(whole) or found == records


@pytest.mark.parametrize("tail", [b"deadbeef half", b"\x00" * 40, b"00000000 wrong sum\n", b"\n"])
async def test_torn_tail_is_cut_and_writing_goes_on(path: Path, tail: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(frame(b"kept") + tail)
    journal = Owner().journal(path)
    assert journal.open() == [b"kept"]
    await journal.append(b"next")
    await journal.close()
    assert parse(path.read_bytes())[0] == [b"kept", b"next"]
    assert list(path.parent.glob("*.damaged-*")) == []


async def test_damage_in_the_middle_keeps_a_copy(path: Path) -> None:
    path.parent.mkdir()
    broken = frame(b"kept") + b"00000000 flipped\n" + frame(b"later")
    path.write_bytes(broken)
    journal = Owner().journal(path)
    assert journal.open() == [b"kept"]
    await journal.close()
    assert [copy.read_bytes() for copy in path.parent.glob("*.damaged-*")] == [broken]


async def test_full_disk_refuses_and_leaves_no_half_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner()
    journal = owner.journal(path)
    journal.open()
    await journal.append(b"before")
    real = os.write

    def full(fd: int, data: memoryview) -> int:
        real(fd, bytes(data[:5]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    results = await asyncio.gather(*(journal.append(b"x") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, JournalError) for result in results)
    monkeypatch.setattr(os, "write", real)
    await journal.append(b"after")
    assert parse(path.read_bytes()) == ([b"before", b"after"], path.stat().st_size)
    assert owner.durable == [b"before", b"after"]
    assert owner.failures >= 1
    await journal.close()


async def test_clear_only_when_nobody_needs_it(path: Path) -> None:
    journal = Owner().journal(path)
    journal.open()
    await journal.append(b"one")
    assert not journal.clear(lambda: True)
    assert journal.clear(lambda: False)
    await journal.append(b"two")
    await journal.close()
    assert parse(path.read_bytes())[0] == [b"two"]
