"""Which offers WHIP and WHEP take."""

from __future__ import annotations

import pytest

from server.ingest.offers import Kind, is_whole, unacceptable


def offer(*lines: str) -> str:
    return "\r\n".join(["v=0", "a=sendonly", *lines]) + "\r\n"


AUDIO, VIDEO = "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 106"


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("whip", (AUDIO, "a=sendonly", VIDEO, "a=sendonly")),
        ("whip", (VIDEO, "a=sendonly")),
        ("whip", (AUDIO, VIDEO)),  # RFC 8866 §6.7: sendrecv where nothing is said
        ("whep", (AUDIO, "a=recvonly", VIDEO, "a=recvonly")),
        ("whep", (AUDIO, "a=recvonly") * 3),
        ("whip", ()),  # no m-line: for the media worker to refuse
    ],
)
def test_good_offers(kind: Kind, lines: tuple[str, ...]) -> None:
    assert unacceptable(offer(*lines), kind) is None


@pytest.mark.parametrize(
    ("kind", "lines", "reason"),
    [
        ("whip", (AUDIO, "a=recvonly"), "an m-line is recvonly"),
        ("whip", (VIDEO, "a=sendonly", AUDIO, "a=inactive"), "an m-line is inactive"),
        ("whip", (VIDEO, "a=sendonly") * 2, "too many m-lines of kind video"),
        ("whep", (AUDIO, "a=recvonly", VIDEO, "a=sendonly"), "an m-line is sendonly"),
        ("whep", (AUDIO,), "an m-line is sendrecv"),
        ("whep", (VIDEO, "a=recvonly") * 4, "too many m-lines of kind video"),
        ("whip", (AUDIO, "a=sendonly", "m=application 9 UDP/DTLS/SCTP x"), "an m-line of kind application"),
    ],
)
def test_offers_of_something_else(kind: Kind, lines: tuple[str, ...], reason: str) -> None:
    assert unacceptable(offer(*lines), kind) == reason


def test_an_answer_is_whole_or_none() -> None:
    assert is_whole(f"v=0\r\n{AUDIO}\r\na=mid:0\r\n{VIDEO}\r\n")
    assert not is_whole(f"v=0\r\n{AUDIO}\r\nm=video 0 UDP/TLS/RTP/SAVPF 106\r\n")
    assert not is_whole("v=0\r\n")
