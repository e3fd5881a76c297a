"""Who is on the program: screen > pinned > active speaker (3 s) > any camera."""

from __future__ import annotations

from recordings.director import CAMERA_SILENT_US, SCREEN_SILENT_US, SPEAKER_HOLD_US, Director, VideoSource
from recordings.inputs import Inputs

S = 1_000_000


def camera(number: int, who: str, last_packet_us: int = 0) -> VideoSource:
    return VideoSource(number, f"{who}:camera", who, False, last_packet_us)


def screen(number: int, who: str, last_packet_us: int = 0) -> VideoSource:
    return VideoSource(number, f"{who}:screen", who, True, last_packet_us)


A, B, C = camera(1, "a"), camera(2, "b"), camera(3, "c")


def test_nobody_then_somebody() -> None:
    director = Director()
    assert director.choose([], 0) is None
    assert director.choose([B, A], 0) == 1


def test_the_picture_stays_where_it_is() -> None:
    director = Director()
    assert director.choose([B], 0) == 2
    assert director.choose([A, B], 1) == 2


def test_a_speaker_takes_the_picture_after_three_seconds_only() -> None:
    director = Director()
    director.hear(["a"], 0)
    assert director.choose([A, B], 0) == 1
    director.hear(["b", "a"], 1 * S)
    assert director.choose([A, B], 1 * S) == 1
    late = [camera(1, "a", 4 * S), camera(2, "b", 4 * S)]
    assert director.choose(late, 1 * S + SPEAKER_HOLD_US - 1) == 1
    assert director.choose(late, 1 * S + SPEAKER_HOLD_US) == 2


def test_a_cough_does_not_take_it() -> None:
    director = Director()
    director.hear(["a"], 0)
    director.choose([A, B], 0)
    director.hear(["b", "a"], 1 * S)
    director.hear(["a"], 2 * S)
    director.hear(["b", "a"], 3 * S)
    sources = [camera(1, "a", 5 * S), camera(2, "b", 5 * S)]
    assert director.choose(sources, 5 * S) == 1


def test_a_speaker_without_a_camera_changes_nothing() -> None:
    director = Director()
    director.hear(["x", "b"], 0)
    assert director.choose([A, B], 0) == 2


def test_pinned_over_speaker_screen_over_pinned() -> None:
    director = Director()
    director.hear(["a"], 0)
    director.stage = "c:camera"
    assert director.choose([A, B, C], 0) == 3
    assert director.choose([A, B, C, screen(4, "b")], 0) == 4
    assert director.choose([A, B, C, screen(4, "b"), screen(5, "a")], 0) == 5
    assert director.choose([A, B], 0) == 1


def test_a_source_that_sends_nothing_is_left() -> None:
    director = Director()
    assert director.choose([A, screen(4, "a")], 0) == 4
    assert director.choose([A, screen(4, "a")], CAMERA_SILENT_US) == 4
    assert director.choose([camera(1, "a", SCREEN_SILENT_US), screen(4, "a")], SCREEN_SILENT_US) == 1
    assert director.choose([A], SCREEN_SILENT_US) is None


def test_a_successor_goes_on() -> None:
    director = Director()
    director.hear(["b"], 0)
    director.stage = "c:camera"
    director.choose([A, B], 0)
    successor = Director()
    successor.restore(director.snapshot(), 1)
    assert successor.choose([A, B], 1) == 2
    assert successor.stage == "c:camera"


def test_what_is_shown_or_may_be_shown_next_is_watched() -> None:
    director = Director()
    assert director.watch([]) == ()
    assert director.watch([B, A, C]) == ("a:camera",), "somebody, so that there is a picture"
    director.choose([B], 0)
    assert director.watch([B, A, C]) == ("b:camera",)
    director.hear(["c", "x"], 1)
    assert director.watch([B, A, C]) == ("b:camera", "c:camera"), "long before it takes the picture"
    director.stage = "z:camera"
    sources = [A, B, C, screen(9, "a", 0)]
    assert director.watch(sources) == ("a:screen", "z:camera", "b:camera", "c:camera")


def test_what_is_watched_is_bounded() -> None:
    director = Director()
    assert len(director.watch([screen(number, f"p{number}") for number in range(100)])) == 32


def test_a_track_is_not_silent_between_its_announcement_and_its_first_packet() -> None:
    """Otherwise somebody else would be chosen in between, and its keyframe would be lost."""
    inputs = Inputs()
    track = {
        "number": 7, "publication_id": "a:camera", "participant_id": "a", "source": "camera",
        "kind": "video", "codec": "H264", "clock_rate": 90_000, "payload_type": 96,
    }  # fmt: skip
    inputs.add(track, 100 * S)
    director = Director()
    assert director.choose(inputs.sources(), 100 * S) == 7
