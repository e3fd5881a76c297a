"""SDP of a generated participant: an offer in the shape of the browser client's, what an answer says, and an answer to
a server that makes the offers itself; pure.

The m-lines stand in the order of ``media.control.TransportOffer``; codecs and header extensions are those that Chromium
offers after ``setCodecPreferences`` (H.264 and VP8 with RTX, Opus with RED left out).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
EXTENSIONS = {"audio": {AUDIO_LEVEL: 1, ABS_SEND_TIME: 2, TRANSPORT_CC: 3, MID: 4}}
EXTENSIONS["video"] = {ABS_SEND_TIME: 2, TRANSPORT_CC: 3, MID: 4}
_KNOWN_EXTENSIONS = EXTENSIONS["audio"].keys()

_AUDIO_CODECS = (
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
)


def _video_codec(payload_type: int, name: str, parameters: str) -> list[str]:
    lines = [f"a=rtpmap:{payload_type} {name}/90000"]
    lines += [
        f"a=rtcp-fb:{payload_type} {kind}" for kind in ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
    ]
    if parameters:
        lines.append(f"a=fmtp:{payload_type} {parameters}")
    return [*lines, f"a=rtpmap:{payload_type + 1} rtx/90000", f"a=fmtp:{payload_type + 1} apt={payload_type}"]


_H264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
_CODECS = {
    "audio": ("111", list(_AUDIO_CODECS)),
    "video": ("102 103 96 97", [*_video_codec(102, "H264", _H264), *_video_codec(96, "VP8", "")]),
}


@dataclass(frozen=True, slots=True)
class LocalSecrets:
    """What a participant chose: ICE credentials, the SHA-256 of its certificate, and where its socket is."""

    ufrag: str
    password: str
    fingerprint: str
    host: str = "127.0.0.1"
    port: int = 9

    @property
    def lines(self) -> list[str]:
        """These as attributes of an m-line."""
        return [
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:sha-256 {self.fingerprint}",
            # RFC 8445 §5.1.2.1: the highest of a host candidate.
            f"a=candidate:1 1 udp {(126 << 24) | (65535 << 8) | 255} {self.host} {self.port} typ host",
        ]


@dataclass(frozen=True, slots=True)
class SendingSsrcs:
    """SSRCs that the offer announces for the four sources, in m-line order; video sources have an RTX SSRC too."""

    microphone: int
    camera: int
    camera_rtx: int


def _media_section(kind: str, mid: int, direction: str, secrets: LocalSecrets, sources: list[str]) -> list[str]:
    payload_types, codecs = _CODECS[kind]
    return [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload_types}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-options:trickle",
        *secrets.lines,
        "a=setup:actpass",
        f"a=mid:{mid}",
        *(f"a=extmap:{number} {uri}" for uri, number in EXTENSIONS[kind].items()),
        f"a={direction}",
        *([f"a=msid:- track{mid}"] if direction == "sendonly" else []),
        "a=rtcp-mux",
        "a=rtcp-rsize",
        *codecs,
        *sources,
    ]


def build_offer(
    secrets: LocalSecrets, ssrcs: SendingSsrcs, *, audio_slots: int, video_slots: int, screen: bool = True
) -> str:
    """One offer: microphone, camera, screen, screen sound, then the slots on which the server sends."""
    microphone = [f"a=ssrc:{ssrcs.microphone} cname:bench"]
    camera = [
        f"a=ssrc-group:FID {ssrcs.camera} {ssrcs.camera_rtx}",
        f"a=ssrc:{ssrcs.camera} cname:bench",
        f"a=ssrc:{ssrcs.camera_rtx} cname:bench",
    ]
    sending: list[tuple[str, list[str]]] = [("audio", microphone), ("video", camera)]
    if screen:
        sending += [("video", []), ("audio", [])]
    receiving = ["audio"] * audio_slots + ["video"] * video_slots
    sections = [_media_section(kind, mid, "sendonly", secrets, lines) for mid, (kind, lines) in enumerate(sending)]
    sections += [
        _media_section(kind, mid, "recvonly", secrets, []) for mid, kind in enumerate(receiving, start=len(sending))
    ]
    mids = " ".join(str(mid) for mid in range(len(sections)))
    session = ["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    session += ["a=extmap-allow-mixed", "a=msid-semantic: WMS"]
    return "\r\n".join([*session, *(line for section in sections for line in section)]) + "\r\n"


@dataclass(frozen=True, slots=True)
class AnsweredMedia:
    """One m-line of an answer."""

    kind: str
    mid: str
    port: int
    direction: str
    codecs: dict[int, str] = field(default_factory=dict)  # payload type → encoding name, in the answer's order
    extensions: dict[str, int] = field(default_factory=dict)  # URI → id
    feedback: frozenset[str] = frozenset()  # "111 transport-cc", …
    codec_lines: tuple[str, ...] = ()  # rtpmap, fmtp and rtcp-fb as they came

    def payload_type(self, codec: str) -> int:
        """The payload type of ``codec``. Raises ValueError if the answer has none."""
        for number, name in self.codecs.items():
            if name.lower() == codec.lower():
                return number
        raise ValueError(f"the answer's m-line {self.mid} has no {codec}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a generated participant needs from the server's SDP."""

    ufrag: str
    password: str
    fingerprint_algorithm: str
    fingerprint: str
    setup: str
    candidates: tuple[tuple[str, int], ...]
    media: tuple[AnsweredMedia, ...]


def _required(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise ValueError(f"the answer lacks {pattern}")
    return found[1]


def _parse_media(section: str) -> AnsweredMedia:
    kind, port, payload_types = re.findall(r"^m=(\w+) (\d+) \S+ (.*)$", section, re.MULTILINE)[0]
    names = dict(re.findall(r"^a=rtpmap:(\d+) ([^/\s]+)", section, re.MULTILINE))
    direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)$", section, re.MULTILINE)
    return AnsweredMedia(
        kind=kind,
        mid=_required(r"^a=mid:(\S+)", section),
        port=int(port),
        direction=direction[1] if direction else "sendrecv",
        codecs={int(number): names.get(number, "") for number in payload_types.split()},
        extensions={uri: int(number) for number, uri in re.findall(r"^a=extmap:(\d+)\S* (\S+)", section, re.MULTILINE)},
        feedback=frozenset(re.findall(r"^a=rtcp-fb:(.*)$", section, re.MULTILINE)),
        codec_lines=tuple(re.findall(r"^a=(?:rtpmap|fmtp|rtcp-fb):.*$", section, re.MULTILINE)),
    )


def parse_answer(sdp: str) -> Answer:
    """Raises ValueError if something that a participant needs is missing."""
    text = sdp.replace("\r\n", "\n")
    candidates = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", text, re.MULTILINE | re.IGNORECASE)
    if not candidates:
        raise ValueError("the answer has no UDP host candidate")
    sections = re.split(r"^(?=m=)", text, flags=re.MULTILINE)[1:]
    algorithm, fingerprint = _required(r"^a=fingerprint:(\S+ \S+)", text).split()
    return Answer(
        ufrag=_required(r"^a=ice-ufrag:(\S+)", text),
        password=_required(r"^a=ice-pwd:(\S+)", text),
        fingerprint_algorithm=algorithm,
        fingerprint=fingerprint,
        setup=_required(r"^a=setup:(\S+)", text),
        candidates=tuple(dict.fromkeys((host, int(port)) for host, port in candidates)),
        media=tuple(_parse_media(section) for section in sections),
    )


def build_answer(secrets: LocalSecrets, offer: Answer) -> str:
    """Receives all that a server offers to send; ``offer`` was read by ``parse_answer``."""
    mids = " ".join(media.mid for media in offer.media)
    lines = ["v=0", "o=- 4611731400430051337 2 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    for media in offer.media:
        types = " ".join(map(str, media.codecs))
        lines += [
            f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {types}",
            "c=IN IP4 0.0.0.0",
            *secrets.lines,
            "a=setup:active",
            f"a=mid:{media.mid}",
            *(f"a=extmap:{number} {uri}" for uri, number in media.extensions.items() if uri in _KNOWN_EXTENSIONS),
            "a=recvonly",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            *media.codec_lines,
        ]
    return "\r\n".join(lines) + "\r\n"
