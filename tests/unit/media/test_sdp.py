"""The answerer, on offers that Chromium 156 and Firefox ESR 153 made, and on broken ones."""

from __future__ import annotations

import random
import re

import pytest

from media.errors import MediaError
from media.sdp.answer import LocalParameters, SlotSources, write_answer
from media.sdp.negotiation import NegotiatedMedia, negotiate
from media.sdp.offer import parse_offer
from tests.unit.media.conftest import read_offer

LOCAL = LocalParameters("ufrag", "password-of-24-characters", "AA:BB", "passive", (("192.0.2.1", 4000),), 5, 1)


def answer_to(offer: str) -> str:
    parsed = parse_offer(offer)
    media = negotiate(parsed)
    slots = {item.mid: SlotSources(1000 + index, 2000 + index) for index, item in enumerate(media) if item.is_slot}
    return write_answer(media, LOCAL, slots, parsed.bundle is not None)


def sections(sdp: str) -> list[str]:
    return re.split(r"(?=^m=)", sdp.replace("\r", ""), flags=re.MULTILINE)[1:]


def by_mid(offer: str, mid: str) -> NegotiatedMedia:
    return next(item for item in negotiate(parse_offer(offer)) if item.mid == mid)


def test_every_line_gets_its_meaning_from_its_place(captured_offer: str) -> None:
    media = negotiate(parse_offer(captured_offer))
    assert [item.source for item in media[:4]] == ["microphone", "camera", "screen", "screen_audio"]
    assert [item.kind for item in media if item.is_slot] == ["audio"] * 3 + ["video"] * 4
    assert [item.mid for item in media] == [str(index) for index in range(11)]


def test_answer_has_one_section_per_line_and_nothing_that_was_not_offered(captured_offer: str) -> None:
    offered, answered = sections(captured_offer), sections(answer_to(captured_offer))
    assert len(answered) == len(offered)
    for question, reply in zip(offered, answered, strict=True):
        for attribute in ("rtpmap", "extmap", "rtcp-fb"):
            wanted = {_bare(line) for line in re.findall(rf"^a={attribute}:.*$", question, re.MULTILINE)}
            given = {_bare(line) for line in re.findall(rf"^a={attribute}:.*$", reply, re.MULTILINE)}
            assert given <= wanted, given - wanted
        assert ("a=sendonly" in question) == ("a=recvonly" in reply)
        types = re.match(r"m=\S+ 9 \S+ (.*)", reply)
        assert types is not None
        assert set(types[1].split()) == set(re.findall(r"^a=rtpmap:(\d+)", reply, re.MULTILINE))


def _bare(line: str) -> str:
    return re.sub(r"^(a=extmap:\d+)/\w+", r"\1", line).lower().replace("/48000/2", "/48000")


def test_h264_constrained_baseline_comes_first_in_chromium() -> None:
    camera, slot = by_mid(read_offer("chromium"), "1"), by_mid(read_offer("chromium"), "7")
    assert [codec.name for codec in camera.codecs] == ["H264", "VP8"], "sent with the first, with the other when asked"
    assert "profile-level-id=42e01f" in camera.codecs[0].fmtp
    assert "packetization-mode=1" in camera.codecs[0].fmtp
    assert [codec.name for codec in slot.codecs] == ["H264", "VP8"]
    assert all(codec.rtx_payload_type is not None for codec in (*camera.codecs, *slot.codecs))
    assert "transport-cc" in camera.codecs[0].feedback
    assert "nack" in camera.codecs[0].feedback


def test_firefox_without_h264_publishes_vp8() -> None:
    camera = by_mid(read_offer("firefox"), "1")
    assert [codec.name for codec in camera.codecs] == ["VP8"]
    assert camera.codecs[0].rtx_payload_type == 124, "its fmtp lines stand before its rtpmap lines"
    assert "max-fs" in camera.codecs[0].fmtp


def test_opus_is_asked_for_with_fec_and_dtx(captured_offer: str) -> None:
    assert "useinbandfec=1;usedtx=1" in sections(answer_to(captured_offer))[0]


@pytest.mark.parametrize("name", ["chromium-simulcast", "firefox-simulcast"])
def test_all_layers_of_a_simulcast_offer_are_taken(name: str) -> None:
    camera = sections(answer_to(read_offer(name)))[1]
    assert "a=simulcast:recv q;h;f\n" in camera
    assert re.findall(r"a=rid:(\S+) recv", camera) == ["q", "h", "f"]
    assert len(re.findall(r"a=extmap:\S+ \S+:(?:repaired-)?rtp-stream-id", camera)) == 2


def test_layers_are_ordered_by_the_simulcast_line_and_bounded() -> None:
    offer = read_offer("chromium-simulcast")
    assert by_mid(offer.replace("send q;h;f", "send ~f;q;h"), "1").rids == ("f", "q", "h")
    more = offer.replace("a=rid:q send", "a=rid:t send\r\na=rid:q send").replace("send q;h;f", "send t;q;h;f")
    assert by_mid(more, "1").rids == ("q", "h", "f")
    assert by_mid(offer.replace(":rtp-stream-id", ":nothing"), "1").rids == (), "they could not be told apart"


def test_an_inactive_line_stays_usable() -> None:
    """A rejected one would stop its transceiver for good."""
    offer = read_offer("chromium")
    at = offer.rindex("m=video")
    offer = offer[:at] + offer[at:].replace("a=recvonly", "a=inactive")
    reply = sections(answer_to(offer))[10]
    assert reply.startswith("m=video 9 ")
    assert "a=inactive\n" in reply
    assert "a=ssrc" not in reply


def test_a_video_in_one_encoding_is_told_where_to_begin() -> None:
    single, layered = sections(answer_to(read_offer("chromium"))), sections(answer_to(read_offer("chromium-simulcast")))
    assert single[1].count("x-google-start-bitrate=1000\n") == 2, "each codec"
    assert "x-google" not in layered[1]
    assert "x-google" not in single[0] + single[7]


def test_directions_of_extensions_are_mirrored() -> None:
    camera = sections(answer_to(read_offer("firefox-simulcast")))[1]
    assert "a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in camera
    assert "csrc-audio-level" not in answer_to(read_offer("firefox"))


def test_slots_name_their_sources() -> None:
    slot = sections(answer_to(read_offer("chromium")))[7]
    assert "a=ssrc-group:FID 1007 2007" in slot
    assert "a=candidate:1 1 udp 2130706430 192.0.2.1 4000 typ host" in slot


def test_a_data_channel_and_a_stopped_line_are_rejected_in_place() -> None:
    offer = read_offer("chromium") + (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\na=sctp-port:5000\r\n"
    )
    offer = offer.replace("m=video 9", "m=video 0", 1).replace("BUNDLE 0 1", "BUNDLE data 0 1")
    answer = answer_to(offer)
    rejected = sections(answer)
    assert rejected[1].startswith("m=video 0 ")
    assert rejected[-1].startswith("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\n")
    assert "a=group:BUNDLE 0 2 3 " in answer


def test_an_offer_without_a_usable_codec_is_refused() -> None:
    offer = read_offer("firefox").replace("opus/", "opium/").replace("VP8/", "VP7/").replace("H264/", "H262/")
    with pytest.raises(MediaError) as caught:
        negotiate(parse_offer(offer))
    assert caught.value.code == "no_usable_media"


def test_one_bad_line_is_rejected_and_the_others_live() -> None:
    lines = read_offer("chromium").split("m=video", 1)
    media = negotiate(parse_offer(lines[0].replace("opus/48000/2", "opus/48000") + "m=video" + lines[1]))
    assert not media[0].is_accepted
    assert media[1].source == "camera"


def test_lines_outside_the_bundle_are_rejected() -> None:
    offer = read_offer("chromium").replace("a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9 10", "a=group:BUNDLE 0 1")
    assert [item.mid for item in negotiate(parse_offer(offer)) if item.is_accepted] == ["0", "1"]
    alone = read_offer("chromium").replace("a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9 10\r\n", "")
    assert [item.mid for item in negotiate(parse_offer(alone)) if item.is_accepted] == ["0"]
    assert "BUNDLE" not in answer_to(alone)


def test_a_line_without_rtcp_mux_is_rejected() -> None:
    """Its reports would come to a port that is not there (RFC 8834 §4.5)."""
    first, second, rest = read_offer("chromium").partition("a=rtcp-mux\r\n")
    assert second
    answer = sections(answer_to(first + rest))
    assert answer[0].startswith("m=audio 0 ")
    assert answer[1].startswith("m=video 9 ")


def test_slots_are_bounded() -> None:
    offer = read_offer("chromium")
    slot = offer[offer.rindex("m=video") :]
    many = offer + "".join(slot.replace("a=mid:10", f"a=mid:{mid}") for mid in range(11, 40))
    many = many.replace("BUNDLE 0", "BUNDLE " + " ".join(map(str, range(11, 40))) + " 0")
    with pytest.raises(ValueError, match="longer"):
        parse_offer(many)
    short = re.sub(r"^a=(rtcp-fb|fmtp|extmap|ssrc).*\r\n", "", many, flags=re.MULTILINE)
    short = re.sub(r"^a=rtpmap:(?!102|96|111).*\r\n", "", short, flags=re.MULTILINE)
    assert sum(item.is_slot and item.kind == "video" for item in negotiate(parse_offer(short))) == 16


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("v=0", "v=1", "no session description"),
        ("a=ice-ufrag", "a=ice-nothing", "ICE credentials"),
        ("a=fingerprint:sha-256", "a=fingerprint:md5", "fingerprint"),
        ("a=setup:actpass", "a=setup:holdconn", "DTLS role"),
        ("a=mid:1\r\n", "a=mid:0\r\n", "mids"),
        ("m=audio 9 UDP", "m=audio 99999 UDP", "number"),
        ("a=rtpmap:111", "a=rtpmap:311", "number"),
        ("a=extmap:1 urn", "a=extmap:one urn", "number"),
    ],
)
def test_broken_offers_are_refused_with_a_reason(old: str, new: str, reason: str) -> None:
    offer = read_offer("chromium")
    assert old in offer
    with pytest.raises(ValueError, match=reason):
        parse_offer(offer.replace(old, new))


def test_mangled_offers_never_raise_anything_else() -> None:
    rng = random.Random(11)
    for name in ("chromium", "firefox-simulcast"):
        original = read_offer(name)
        for _ in range(150):
            lines = original.split("\r\n")
            for _ in range(rng.randrange(1, 6)):
                index = rng.randrange(len(lines))
                at = rng.randrange(len(lines[index]) + 1)
                lines[index] = rng.choice(("", lines[index][:at], lines[index][:at] + "\x00é9" + lines[index][at:]))
            try:
                answer_to("\r\n".join(lines))
            except (ValueError, MediaError):
                continue


def test_identity_is_the_certificate_not_the_credentials() -> None:
    first, second = parse_offer(read_offer("chromium")), parse_offer(read_offer("firefox"))
    again = parse_offer(read_offer("chromium").replace(first.ice_ufrag, "else"))
    assert first.identity == again.identity
    assert first.identity != second.identity
