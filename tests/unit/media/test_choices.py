"""Small decisions: views, keyframe requests, active speakers, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.active_speaker import ActiveSpeakers
from media.keyframes import KeyframeRequests
from media.settings import Settings
from media.view import assign

IDS = st.lists(st.sampled_from("abcdefgh"), max_size=8)


def test_view_keeps_fills_and_drops() -> None:
    assert assign([None, None], ["a", "b", "c"]) == ["a", "b"]
    assert assign(["a", "b", None], ["c", "b"]) == ["c", "b", None]
    assert assign(["a", "b"], ["b", "a"]) == ["a", "b"]
    assert assign(["a", "b"], []) == [None, None]
    assert assign([], ["a"]) == []


@given(st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=6), IDS)
def test_view_shows_exactly_the_most_important(current: list[str | None], wanted: list[str]) -> None:
    result = assign(current, wanted)
    shown = [id_ for id_ in result if id_ is not None]
    assert sorted(shown) == sorted(list(dict.fromkeys(wanted))[: len(current)])
    assert len(result) == len(current)


def test_a_keyframe_that_does_not_come_is_asked_for_again() -> None:
    requests = KeyframeRequests()
    assert requests.request(10.0)
    assert [step for step in range(1, 60) if requests.due(10 + step / 10)] == [10, 20], "twice, then the viewer tells"
    assert requests.request(20.0)
    requests.arrived()
    assert not any(requests.due(20 + step / 10) for step in range(60))


def test_keyframe_requests_are_merged() -> None:
    requests = KeyframeRequests()
    assert requests.request(0.0)
    assert not requests.request(0.1)
    assert not requests.due(0.4)
    assert requests.due(0.5)
    assert not requests.due(1.4), "nobody asked again"


def test_a_keyframe_answers_all_requests() -> None:
    requests = KeyframeRequests()
    requests.request(0.0)
    requests.request(0.1)
    requests.arrived()
    assert not requests.due(1.0)
    assert requests.request(1.0)


def talk(speakers: ActiveSpeakers, who: str, level: int, start: float, seconds: float) -> float:
    at = start
    while at < start + seconds:
        speakers.hear(who, level, at)
        at += 0.02
    return at


def test_who_speaks_is_known_within_300_ms() -> None:
    speakers = ActiveSpeakers()
    at = talk(speakers, "a", 127, 0, 1)
    assert speakers.speakers(at) == ()
    at = talk(speakers, "a", 30, at, 0.3)
    assert speakers.speakers(at) == ("a",)
    at = talk(speakers, "a", 127, at, 1.0)
    assert speakers.speakers(at) == ("a",), "a pause between words"
    assert speakers.speakers(at + 2) == ()


def listen(speakers: ActiveSpeakers, start: float, seconds: float, **levels: int) -> list[tuple[str, ...]]:
    """Packets of 20 ms from everybody, and who speaks after every 100 ms, as the room asks."""
    said: list[tuple[str, ...]] = []
    for step in range(round(seconds * 50)):
        at = start + step * 0.02
        for who, level in levels.items():
            speakers.hear(who, level, at)
        if step % 5 == 4:
            said.append(speakers.speakers(at))
    return said


def test_a_cough_does_not_take_the_stage() -> None:
    speakers = ActiveSpeakers()
    said = listen(speakers, 0, 3, lecturer=30, member=127)
    said += listen(speakers, 3, 0.4, lecturer=30, member=10)
    said += listen(speakers, 3.4, 3, lecturer=30, member=127)
    assert {order[0] for order in said} == {"lecturer"}
    assert said[-1] == ("lecturer",)


def test_a_cough_does_not_interrupt_somebody_who_pauses_between_words() -> None:
    speakers = ActiveSpeakers()
    listen(speakers, 0, 3, lecturer=30, member=127)
    listen(speakers, 3, 0.2, lecturer=90, member=127)
    listen(speakers, 3.2, 0.2, lecturer=30, member=10)
    said = listen(speakers, 3.4, 2, lecturer=30, member=127)
    assert said[-1] == ("lecturer",)


def test_who_really_takes_over_is_first_within_a_second() -> None:
    speakers = ActiveSpeakers()
    listen(speakers, 0, 3, lecturer=30, member=127)
    said = listen(speakers, 3, 1, lecturer=127, member=30)
    assert said[2][:2] == ("lecturer", "member"), "known as a speaker within 300 ms"
    assert said[-1][0] == "member"


def test_a_louder_voice_takes_over_and_three_are_named() -> None:
    speakers = ActiveSpeakers()
    said = listen(speakers, 0, 4, a=45, b=38, c=30, d=20)
    assert said[-1] == ("d", "c", "b")
    speakers.forget("d")
    assert "d" not in speakers.speakers(4)
    assert set(speakers.ranking(4)) == {"a", "b", "c"}


def test_three_at_once_are_heard_within_300_ms() -> None:
    speakers = ActiveSpeakers()
    listen(speakers, 0, 1, a=127, b=127, c=127, d=127)
    said = listen(speakers, 1, 0.3, a=30, b=34, c=127, d=32)
    assert set(said[-1]) == {"a", "b", "d"}


def test_close_levels_do_not_flap() -> None:
    speakers = ActiveSpeakers()
    talk(speakers, "a", 30, 0, 1)
    talk(speakers, "b", 30, 0, 1)
    first = speakers.ranking(1)
    for index in range(20):
        talk(speakers, "ab"[index % 2], 28, 1 + index * 0.1, 0.1)
        talk(speakers, "ba"[index % 2], 31, 1 + index * 0.1, 0.1)
        assert speakers.ranking(1 + index * 0.1) == first


REQUIRED = {"SERVER_URL": "http://127.0.0.1:1/", "WORKER_TOKEN": "t"}


def test_settings_defaults() -> None:
    settings = Settings.from_env(REQUIRED)
    assert settings.server_url == "http://127.0.0.1:1"
    assert (settings.host, settings.port, settings.advertise) == ("127.0.0.1", 0, ())
    assert settings.worker_id.startswith("media-")
    assert settings.tls_verify


def test_settings_of_everything() -> None:
    settings = Settings.from_env(
        REQUIRED
        | {
            "WORKER_ID": "w1",
            "MEDIA_HOST": "0.0.0.0",
            "MEDIA_PORT": "4000",
            "MEDIA_ADVERTISE": "192.0.2.1:4000, 192.0.2.2:4001",
            "MEDIA_TAP_DIR": "/run/taps",
            "MEDIA_TAP_TCP": "127.0.0.1:0",
            "MEDIA_TLS_VERIFY": "0",
        }
    )
    assert settings.advertise == (("192.0.2.1", 4000), ("192.0.2.2", 4001))
    assert settings.tap_dir == Path("/run/taps")
    assert settings.tap_tcp == ("127.0.0.1", 0)
    assert not settings.tls_verify


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_URL", ""),
        ("WORKER_TOKEN", ""),
        ("MEDIA_PORT", "x"),
        ("MEDIA_PORT", "70000"),
        ("MEDIA_ADVERTISE", "4000"),
    ],
)
def test_bad_settings_name_the_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.from_env({**REQUIRED, name: value})
