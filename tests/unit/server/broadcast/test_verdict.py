"""What there is to play, from the state of meeting and recording."""

from __future__ import annotations

import pytest

from server.broadcast.admission import Admitted
from server.broadcast.service import Verdict, verdict
from server.protocol.models import MeetingState, RecordingInfo


def found(meeting: str, state: str, code: str | None = None, *, records: bool = True) -> Verdict:
    recording = RecordingInfo(recording_id=None if state == "off" else "r", state=state, code=code)
    return verdict(Admitted(MeetingState(meeting), records, recording))


@pytest.mark.parametrize("state", ["recording", "paused", "stalled", "finishing"])
def test_what_runs_is_played(state: str) -> None:
    assert found("live", state) == ("r", None)
    assert found("interrupted", state) == ("r", None)


@pytest.mark.parametrize(
    ("meeting", "state", "code", "records", "reason"),
    [
        ("live", "off", None, True, None),  # begins by itself
        ("live", "starting", None, True, None),
        ("live", "off", None, False, "not_recorded"),
        ("live", "failed", "internal_error", True, "recording_failed"),
        ("live", "stalled", "recorder_unavailable", True, "recorder_unavailable"),
        ("live", "recording", "store_away", True, "store_away"),
        ("scheduled", "off", None, True, "not_live"),
        ("ended", "finishing", None, True, "ended"),
        ("ended", "recording", None, True, "ended"),
        ("cancelled", "off", None, True, "ended"),
    ],
)
def test_nothing_to_play_yet_or_at_all(meeting: str, state: str, code: str | None, records: bool, reason: str) -> None:
    assert found(meeting, state, code, records=records) == (None, reason)
