"""What browsers are answered, word for word. A change of the answerer shows here as a change of a file to be read."""

from __future__ import annotations

import pytest

from media.sdp.negotiation import negotiate
from media.sdp.offer import parse_offer
from tests.unit.media.sdp_answers import ANSWERS, offers
from tests.unit.media.test_sdp import answer_to, sections

OFFERS = dict(offers())


@pytest.mark.parametrize("name", list(OFFERS))
def test_the_answer_is_the_one_that_was_read(name: str) -> None:
    found = answer_to(OFFERS[name]).splitlines()
    kept = (ANSWERS / f"{name}.sdp").read_bytes().decode().splitlines()
    assert found == kept, "read the difference; `python -m tests.unit.media.sdp_answers` keeps the new answers"


def test_safari_is_answered_with_h264_before_vp8() -> None:
    camera = sections(answer_to(OFFERS["safari-lesson"]))[1]
    assert camera.startswith("m=video 9 UDP/TLS/RTP/SAVPF 98 99 100 101\n"), "constrained baseline, not high"
    media = negotiate(parse_offer(OFFERS["safari-lesson"]))
    assert [item.source for item in media[:4]] == ["microphone", "camera", "screen", "screen_audio"]
    assert sum(item.is_slot for item in media) == 7


def test_safaris_data_channel_is_refused_and_the_rest_stands() -> None:
    video, audio, data = sections(answer_to(OFFERS["safari"]))
    assert "a=sendonly" in video
    assert "a=recvonly" in audio
    assert data.startswith("m=application 0 ")
