"""What is told of a recording, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from recordings.catalogue import Catalogue, Opened
from recordings.control import RecordingChanged, RecordingErrorCode, RecordingState
from recordings.status import STALLED_AFTER_S, Status


class Watch:
    """A clock that the test sets, a status, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 50.0
        self.told: list[RecordingChanged] = []
        catalogue = Catalogue(folder / "catalogue")
        catalogue.add(Opened(recording_id="r", room_id="m", tap="unix:/x"))
        self.status = Status(catalogue, self.told.append, lambda: self.now_s)

    def last(self) -> tuple[RecordingState, RecordingErrorCode | None]:
        return self.told[-1].state, self.told[-1].code


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_the_gravest_trouble_is_told_and_each_change_once(watch: Watch) -> None:
    status = watch.status
    status.change(RecordingState.RECORDING)
    status.trouble("store", RecordingErrorCode.STORE_FULL)
    status.trouble("store", RecordingErrorCode.STORE_FULL)
    status.trouble("journal", RecordingErrorCode.SPOOL_FULL)
    status.trouble("store", None)
    status.trouble("journal", None)
    full, spool = RecordingErrorCode.STORE_FULL, RecordingErrorCode.SPOOL_FULL
    assert [each.code for each in watch.told] == [None, full, spool, None]
    status.tell(again=True)
    assert len(watch.told) == 5


def test_a_recording_without_segments_is_stalled_until_one_comes(watch: Watch) -> None:
    status = watch.status
    status.look(connected=True, begun=True)
    assert watch.last() == (RecordingState.RECORDING, None)
    watch.now_s += STALLED_AFTER_S
    status.look(connected=True, begun=True)
    assert watch.last() == (RecordingState.STALLED, None)
    status.progressed()
    status.look(connected=True, begun=True)
    assert watch.last() == (RecordingState.RECORDING, None)


def test_a_tap_that_stays_away_is_told_unless_the_recording_is_paused(watch: Watch) -> None:
    status = watch.status
    watch.now_s += STALLED_AFTER_S
    status.look(connected=False, begun=False)
    assert watch.last() == (RecordingState.STALLED, RecordingErrorCode.TAP_UNREACHABLE)
    status.change(RecordingState.PAUSED)
    status.look(connected=False, begun=False)
    assert watch.last() == (RecordingState.PAUSED, None)


def test_the_last_word_is_not_stalled(watch: Watch) -> None:
    watch.now_s += STALLED_AFTER_S
    watch.status.look(connected=False, begun=False)
    assert watch.status.end(RecordingState.FINISHED).state == RecordingState.FINISHED
