"""When a publisher is asked for VP8, how often, and when for H.264 again."""

from __future__ import annotations

import pytest

from media.codec_choice import AGAIN_S, BACK_AFTER_S, CodecChoice

BOTH = frozenset({"H264", "VP8"})


@pytest.fixture
def choice() -> CodecChoice:
    return CodecChoice()


def test_nothing_is_asked_for_while_everybody_can_see(choice: CodecChoice) -> None:
    assert {choice.ask(now, "H264", BOTH, False) for now in range(100)} == {None}
    assert {choice.ask(now, "VP8", BOTH, False) for now in range(100, 200)} == {None}, "its own choice is left alone"


def test_vp8_is_asked_for_once_and_again_while_it_does_not_come(choice: CodecChoice) -> None:
    asked = [now for now in range(12) if choice.ask(now, "H264", BOTH, True)]
    assert asked == [0, AGAIN_S, 2 * AGAIN_S]
    assert choice.ask(13, "VP8", BOTH, True) is None
    assert choice.ask(14, "H264", BOTH, True) == "VP8", "it fell back: asked for at once"


def test_who_did_not_negotiate_vp8_is_not_asked(choice: CodecChoice) -> None:
    assert choice.ask(0, "H264", frozenset({"H264"}), True) is None
    assert not choice.has_asked


def test_h264_is_wanted_again_when_nobody_has_needed_vp8_for_a_while(choice: CodecChoice) -> None:
    assert choice.ask(0, "H264", BOTH, True) == "VP8"
    assert choice.ask(1, "VP8", BOTH, True) is None
    assert choice.ask(1 + BACK_AFTER_S - 0.1, "VP8", BOTH, False) is None
    assert choice.ask(1 + BACK_AFTER_S, "VP8", BOTH, False) == "H264"
    assert choice.ask(2 + BACK_AFTER_S, "VP8", BOTH, False) is None, "asked for a moment ago"
    assert choice.ask(3 + BACK_AFTER_S, "H264", BOTH, False) is None


def test_what_was_taken_back_is_forgotten(choice: CodecChoice) -> None:
    """On another worker somebody may need VP8 next: two that ask for two codecs would never come to an end."""
    assert choice.ask(0, "H264", BOTH, True) == "VP8"
    assert choice.ask(1, "VP8", BOTH, True) is None
    assert choice.ask(40, "VP8", BOTH, False) == "H264"
    assert choice.ask(41, "H264", BOTH, False) is None
    assert {choice.ask(now, "VP8", BOTH, False) for now in range(42, 142)} == {None}


def test_somebody_who_comes_and_goes_does_not_make_it_flap(choice: CodecChoice) -> None:
    assert choice.ask(0, "H264", BOTH, True) == "VP8"
    asked = [choice.ask(now, "VP8", BOTH, now % 20 < 5) for now in range(1, 300)]
    assert set(asked) == {None}
