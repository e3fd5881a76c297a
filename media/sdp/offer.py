"""Parses a browser's offer into records (RFC 8866, RFC 8829). Raises ValueError; keeps only what the answer needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MAX_SIZE = 65536
MAX_MEDIA = 64
DTLS_PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF")
FINGERPRINT_ALGORITHMS = ("sha-256", "sha-384", "sha-512")


@dataclass(slots=True)
class OfferedCodec:
    payload_type: int
    name: str  # upper case
    clock_rate: int
    channels: int
    fmtp: str = ""
    feedback: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> str | None:
        """One fmtp parameter, its name in lower case."""
        for item in self.fmtp.split(";"):
            key, _, value = item.strip().partition("=")
            if key.lower() == name:
                return value.strip()
        return None


class OfferedExtension(NamedTuple):
    id: int
    direction: str  # "sendrecv" where the offer names none


@dataclass(slots=True)
class OfferedMedia:
    """One m-line."""

    kind: str
    port: int
    protocol: str
    payload_types: list[int]
    mid: str = ""
    direction: str = "sendrecv"
    bundle_only: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    codecs: dict[int, OfferedCodec] = field(default_factory=dict)
    extensions: dict[str, OfferedExtension] = field(default_factory=dict)
    common_feedback: list[str] = field(default_factory=list)  # a=rtcp-fb:*
    ssrcs: list[int] = field(default_factory=list)
    rtx_ssrcs: dict[int, int] = field(default_factory=dict)  # media SSRC → RTX SSRC (RFC 5576 FID)
    send_rids: list[str] = field(default_factory=list)  # low to high, as a=simulcast orders them


@dataclass(slots=True)
class Offer:
    media: list[OfferedMedia] = field(default_factory=list)
    bundle: tuple[str, ...] | None = None
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = "actpass"
    ice_ufrag: str = ""
    ice_pwd: str = ""
    origin: str = ""  # the user name of the o= line: browsers write "-" or their own name

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """What tells one DTLS association from another."""
        return frozenset(self.fingerprints)


def parse_offer(text: str) -> Offer:
    """The offer as records."""
    if len(text) > MAX_SIZE:
        raise ValueError("it is longer than 64 KiB")
    if not text.startswith("v=0"):
        raise ValueError("it is no session description")
    offer = Offer()
    media: OfferedMedia | None = None
    for line in text.splitlines():
        if line.startswith("o=") and not offer.origin:
            offer.origin = line[2:34].split(" ")[0]
        elif line.startswith("m="):
            media = _media_line(line)
            offer.media.append(media)
            if len(offer.media) > MAX_MEDIA:
                raise ValueError("it has too many m-lines")
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            if not _session_attribute(offer, name, value.strip(), media is None) and media is not None:
                _media_attribute(media, name, value.strip())
    _check(offer)
    return offer


def _check(offer: Offer) -> None:
    if not offer.media:
        raise ValueError("it has no m-line")
    if not offer.ice_ufrag or not offer.ice_pwd:
        raise ValueError("it has no ICE credentials")
    if not offer.fingerprints:
        raise ValueError("it has no usable DTLS fingerprint")
    if offer.setup not in ("actpass", "active", "passive"):
        raise ValueError("its DTLS role is unknown")
    mids = [media.mid for media in offer.media]
    if len(set(mids)) != len(mids) or not all(0 < len(mid) <= 32 for mid in mids):
        raise ValueError("its mids are missing or not distinct")


def _media_line(line: str) -> OfferedMedia:
    fields = line[2:].split()
    if len(fields) < 4:
        raise ValueError("an m-line is incomplete")
    types = [int(item) for item in fields[3:] if item.isdecimal() and int(item) < 128]
    return OfferedMedia(fields[0], _number(fields[1].split("/")[0], 65535), fields[2], types)


def _number(text: str, largest: int) -> int:
    if not text.isdecimal() or len(text) > 10 or int(text) > largest:
        raise ValueError(f"{text[:20]!r} is no number up to {largest}")
    return int(text)


def _session_attribute(offer: Offer, name: str, value: str, on_session: bool) -> bool:
    """Attributes that hold for the whole bundle, wherever they stand. The first m-line's ICE credentials count."""
    if name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        found = (algorithm.lower(), digest.strip().upper())
        if found[0] in FINGERPRINT_ALGORITHMS and found not in offer.fingerprints:
            offer.fingerprints.append(found)
    elif name == "setup":
        offer.setup = value
    elif name == "ice-ufrag":
        offer.ice_ufrag = offer.ice_ufrag or value
    elif name == "ice-pwd":
        offer.ice_pwd = offer.ice_pwd or value
    elif name == "group" and on_session and value.startswith("BUNDLE"):
        offer.bundle = tuple(value.split()[1:])
    else:
        return False
    return True


def _media_attribute(media: OfferedMedia, name: str, value: str) -> None:
    if name in ("sendonly", "recvonly", "sendrecv", "inactive"):
        media.direction = name
    elif name == "mid":
        media.mid = value
    elif name == "bundle-only":
        media.bundle_only = True
    elif name == "rtcp-mux":
        media.rtcp_mux = True
    elif name == "rtcp-rsize":
        media.rtcp_rsize = True
    elif name == "rtpmap":
        _rtpmap(media, value)
    elif name in ("fmtp", "rtcp-fb"):
        _codec_attribute(media, name, value)
    elif name == "extmap":
        _extmap(media, value)
    elif name in ("ssrc", "ssrc-group"):
        _source(media, name, value)
    elif name == "rid":
        rid, _, rest = value.partition(" ")
        if rest.split(" ")[0] == "send" and _is_rid(rid) and rid not in media.send_rids:
            media.send_rids.append(rid)
    elif name == "simulcast":
        _simulcast(media, value)


def _is_rid(text: str) -> bool:
    return 0 < len(text) <= 16 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def _simulcast(media: OfferedMedia, value: str) -> None:
    """``send q;h;~f recv …`` (RFC 8853 §5.1). The line stands behind those of its rids; ``~`` begins at rest."""
    fields = value.split()
    order = [rid.lstrip("~") for rid in fields[fields.index("send") + 1].split(";")] if "send" in fields[:-1] else []
    media.send_rids.sort(key=lambda rid: order.index(rid) if rid in order else len(order))


def _rtpmap(media: OfferedMedia, value: str) -> None:
    type_, _, encoding = value.partition(" ")
    name, *rest = encoding.split("/")
    payload_type = _number(type_, 127)
    rate = _number(rest[0], 1_000_000) if rest else 0
    channels = _number(rest[1], 255) if len(rest) > 1 else 1
    codec = _codec(media, payload_type)
    codec.name, codec.clock_rate, codec.channels = name.upper(), rate, channels


def _codec(media: OfferedMedia, payload_type: int) -> OfferedCodec:
    """Firefox writes fmtp and rtcp-fb before rtpmap, so whichever comes first makes the entry."""
    return media.codecs.setdefault(payload_type, OfferedCodec(payload_type, "", 0, 1))


def _codec_attribute(media: OfferedMedia, name: str, value: str) -> None:
    type_, _, text = value.partition(" ")
    if type_ == "*":
        media.common_feedback.append(text.strip())
    elif name == "fmtp":
        _codec(media, _number(type_, 127)).fmtp = text.strip()
    else:
        _codec(media, _number(type_, 127)).feedback.append(text.strip())


def _extmap(media: OfferedMedia, value: str) -> None:
    fields = value.split()
    if len(fields) < 2:
        raise ValueError("an extmap line is incomplete")
    number, _, direction = fields[0].partition("/")
    id_ = _number(number, 4096)
    if 1 <= id_ <= 14:  # one-byte headers only: RFC 8285 §4.2
        media.extensions[fields[1]] = OfferedExtension(id_, direction or "sendrecv")


def _source(media: OfferedMedia, name: str, value: str) -> None:
    if name == "ssrc":
        ssrc = _number(value.split(" ")[0], 0xFFFFFFFF)
        if ssrc not in media.ssrcs and len(media.ssrcs) < 16:
            media.ssrcs.append(ssrc)
        return
    semantics, *members = value.split()
    if semantics == "FID" and len(members) == 2:
        media.rtx_ssrcs[_number(members[0], 0xFFFFFFFF)] = _number(members[1], 0xFFFFFFFF)
