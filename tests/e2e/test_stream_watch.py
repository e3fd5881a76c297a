"""How figures are made of a page's samples: over slots, over replaced connections, over silence."""

from __future__ import annotations

from typing import Any

from tests.e2e.stream_watch import interruption_end_ms, longest_gap_ms, moments, stretch

EVERY_MS = 200


def sample(number: int, frames: int, *, connection: int = 1, mid: str = "7", concealed: int = 0) -> dict[str, Any]:
    video = {"mid": mid, "frames": frames, "height": 360, "freezes": 0, "freezeS": 0.0, "packets": frames}
    audio = {"mid": "4", "samples": number * 9600, "concealed": concealed, "silent": 0, "packets": number * 10}
    return {
        "at": number * EVERY_MS,
        "connection": connection,
        "state": "connected",
        "video": [video],
        "audio": [audio],
        "sent": [],
        "tcp": False,
    }


def test_shares_are_those_between_two_moments() -> None:
    samples = [sample(n, n * 5, concealed=max(0, n - 10) * 96) for n in range(21)]
    half = stretch(moments(samples), 2000, 4000)
    assert (half.seconds, half.frames, half.fps) == (2.0, 50, 25.0)
    assert round(half.sound_share, 4) == 0.99
    assert stretch(moments(samples), 0, 2000).sound_share == 1
    assert half.heights == (360,) * 10


def test_a_replaced_connection_and_another_slot_go_on_from_what_was() -> None:
    samples = [sample(n, n * 5) for n in range(5)]
    samples += [sample(n, (n - 5) * 5, connection=2) for n in range(5, 8)]
    samples += [sample(n, (n - 8) * 5, connection=2, mid="8") for n in range(8, 10)]
    found = moments(samples)
    assert [moment.totals["frames"] for moment in found] == [0, 5, 10, 15, 20, 20, 25, 30, 30, 35]


def test_the_longest_time_without_a_frame_may_still_last() -> None:
    stands = [0, 5, 10, 10, 10, 10, 15, 20]
    found = moments([sample(n, frames) for n, frames in enumerate(stands)])
    assert longest_gap_ms(found, "frames") == (800, 1200)
    assert longest_gap_ms(found[:5], "frames") == (400, float("inf"))


def test_only_what_an_event_has_caused_is_its_interruption() -> None:
    stands = [0, 5, 10, 10, 10, 10, 15, 20, 25, 30, 35, 40, 40, 40, 40, 40, 40, 40, 45]
    found = moments([sample(n, frames) for n, frames in enumerate(stands)])
    assert interruption_end_ms(found, "frames", 200) == 1200, "begun within a second of it"
    assert interruption_end_ms(found, "frames", 900) == 1200, "begun before"
    assert interruption_end_ms(found, "frames", 1200) == 1200, "nothing was interrupted; what came later is another"
    assert interruption_end_ms(found[:15], "frames", 2300) == float("inf"), "it does not go on yet"
    assert interruption_end_ms(found, "frames", 2300) == 3600


def test_nothing_sampled_is_no_sound_and_no_picture() -> None:
    nothing = stretch([], 0, 5000)
    assert (nothing.sound_share, nothing.fps, nothing.longest_gap_ms) == (0, 0, 5000)
