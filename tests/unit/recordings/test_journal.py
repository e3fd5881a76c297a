"""The journal and the catalogue: what a crash may tear and what it may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from media.tap import EVENT, TapFrame, encode_frame
from recordings.catalogue import (
    AnyLine,
    Catalogue,
    Checkpoint,
    Closed,
    GapFound,
    Opened,
    Origin,
    PauseChanged,
    Reported,
    StopAsked,
    Stored,
    StoredObject,
)
from recordings.control import Gap
from recordings.journal import JournalReader, JournalTail, JournalWriter, repair
from tests.unit.recordings.streams import rtp_bytes, tap_frame


def frames(first: int, count: int) -> list[TapFrame]:
    return [tap_frame(1, n, n * 1000, rtp_bytes(n, n, b"payload %d" % n)) for n in range(first, first + count)]


def write(path: Path, *batches: list[TapFrame]) -> list[int]:
    writer = JournalWriter(path)
    ends = [writer.append(b"".join(encode_frame(*frame) for frame in batch)) for batch in batches]
    writer.close()
    return ends


def read(path: Path, offset: int = 0) -> list[TapFrame]:
    reader = JournalReader(path, offset)
    try:
        return [frame for batch in reader.read() for frame in batch.frames]
    finally:
        reader.close()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ends = write(path, frames(1, 3), frames(4, 2))
    assert read(path) == frames(1, 5)
    assert read(path, ends[0]) == frames(4, 2)
    assert path.stat().st_size == ends[1]


def test_a_reader_follows_a_growing_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    writer = JournalWriter(path)
    reader = JournalReader(path)
    assert list(reader.read()) == []
    for first in (1, 5):
        writer.append(b"".join(encode_frame(*frame) for frame in frames(first, 4)))
        assert [frame.sequence for batch in reader.read() for frame in batch.frames] == list(range(first, first + 4))
    reader.close()
    writer.close()


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 20, -1])
def test_a_torn_tail_is_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "journal"
    first_end, second_end = write(path, frames(1, 3), frames(4, 3))
    os.truncate(path, first_end + kept if kept >= 0 else second_end - 1)
    assert read(path) == frames(1, 3)
    assert repair(path) == JournalTail(3, 3000)
    assert path.stat().st_size == first_end
    write(path, frames(4, 2))
    assert read(path) == frames(1, 5)


@pytest.mark.parametrize("flip", [0, 5, 40])
def test_a_changed_byte_ends_the_journal_there(tmp_path: Path, flip: int) -> None:
    path = tmp_path / "journal"
    first_end, _ = write(path, frames(1, 3), frames(4, 3))
    data = bytearray(path.read_bytes())
    data[first_end + flip] ^= 0x40
    path.write_bytes(data)
    assert read(path) == frames(1, 3)
    assert repair(path).sequence == 3


def test_zeros_at_the_end_are_torn_too(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    (end,) = write(path, frames(1, 3))
    with path.open("ab") as file:
        file.write(bytes(4096))
    repair(path)
    assert path.stat().st_size == end


def test_events_have_no_place_to_go_on_from(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, [TapFrame(EVENT, 9, 5, b"{}")])
    assert repair(path) == JournalTail(None, 5)
    assert repair(tmp_path / "none") == JournalTail(None, 0)


def test_a_full_disk_leaves_the_journal_whole(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal")
    good = b"".join(encode_frame(*frame) for frame in frames(1, 3))
    end = writer.append(good)
    descriptor, writer._descriptor = writer._descriptor, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError):
        writer.append(good)
    os.close(writer._descriptor)
    writer._descriptor = descriptor
    assert writer.end == end
    writer.append(b"".join(encode_frame(*frame) for frame in frames(4, 1)))
    writer.close()
    assert read(tmp_path / "journal") == frames(1, 4)


def checkpoint(segment: int) -> Checkpoint:
    return Checkpoint(segment=segment, ticks=360_000, samples=192_512, journal=77, arrival_us=5, snapshot={"a": [1]})


def some_object(index: int) -> StoredObject:
    return StoredObject(
        index=index,
        name=f"{index:06d}.m4s",
        sha256="ab",
        bytes=3,
        start_ms=0,
        duration_ms=4000,
        duration_ticks=360_000,
        init_name="init0.mp4",
        checkpoint=checkpoint(index),
    )


def test_the_catalogue_adds_up_again(tmp_path: Path) -> None:
    path = tmp_path / "catalogue"
    catalogue = Catalogue(path)
    lines: list[AnyLine] = [
        Opened(recording_id="r", room_id="m", tap="unix:/x"),
        Origin(origin_us=12_345_678),
        StoredObject(index=0, name="init0.mp4", sha256="cd", bytes=9, start_ms=0, duration_ms=0),
        some_object(1),
        Stored(index=0),
        Reported(index=0),
        GapFound(gap=Gap(start_ms=1, end_ms=2, reason="loss")),
        PauseChanged(paused=True, at_us=99),
    ]
    for line in lines:
        catalogue.add(line)
    catalogue.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"stored","ind')
    again = Catalogue(path)
    assert (again.recording_id, again.origin_ms, again.stored, again.reported) == ("r", 12_345, {0}, {0})
    assert again.init_names == {"cd": "init0.mp4"}
    assert again.segments == [some_object(1)] and again.checkpoint == checkpoint(1)
    assert again.gaps[0].reason == "loss" and again.paused_at_us == 99 and again.stop_at_us is None
    again.add(PauseChanged(paused=False, at_us=100))
    again.add(StopAsked(at_us=500))
    again.add(Closed(duration_ms=4000))
    again.close()
    last = Catalogue(path)
    assert last.paused_at_us is None and last.stop_at_us == 500 and last.duration_ms == 4000
    last.close()


def test_a_full_disk_tears_no_line_of_the_catalogue(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.add(Opened(recording_id="r", room_id="m", tap="unix:/x"))
    descriptor, catalogue._descriptor = catalogue._descriptor, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError):
        catalogue.add(some_object(0))
    catalogue.note(GapFound(gap=Gap(start_ms=1, end_ms=2, reason="loss")))
    catalogue.catch_up()
    assert catalogue.objects == [] and len(catalogue.gaps) == 1
    os.close(catalogue._descriptor)
    catalogue._descriptor = descriptor
    catalogue.add(StopAsked(at_us=500))
    catalogue.close()
    again = Catalogue(tmp_path / "catalogue")
    assert again.objects == [] and again.gaps == catalogue.gaps and again.stop_at_us == 500
    again.close()
