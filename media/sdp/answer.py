"""Writes the answer to an offer (RFC 9429 §5.3). Firefox refuses what it did not offer, so nothing is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.sdp.negotiation import NegotiatedCodec, NegotiatedMedia

# RFC 6544 §4.2: below every UDP candidate (type preference 90 instead of 126); direction preference 4 for passive.
_TCP_PRIORITY = 90 << 24 | (4 << 13 | 8191) << 8 | 255


# A single encoding of 720 lines Chromium begins with 300 kbit/s, which is 180 lines, and needs 16 s for all of them;
# told this it begins with 540. With simulcast it sends every layer at once without. Other browsers pass it over.
START_KBPS = 1000


@dataclass(frozen=True, slots=True)
class LocalParameters:
    """The worker's side of one transport."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: str  # sha-256, colon separated
    setup: str  # "passive" or "active"
    candidates: tuple[tuple[str, int], ...]
    session_id: int
    version: int
    tcp_candidates: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SlotSources:
    """The SSRCs with which a slot sends."""

    ssrc: int
    rtx_ssrc: int


def write_answer(
    media: Sequence[NegotiatedMedia], local: LocalParameters, slots: dict[str, SlotSources], bundled: bool
) -> str:
    """The answer's text. ``slots`` maps the mid of each slot to its SSRCs."""
    lines = [
        "v=0",
        f"o=huitang {local.session_id} {local.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]
    if bundled:
        lines.append("a=group:BUNDLE " + " ".join(item.mid for item in media if item.is_accepted))
    for item in media:
        lines += _accepted(item, local, slots.get(item.mid)) if item.is_accepted else _rejected(item)
    return "\r\n".join(lines) + "\r\n"


def _rejected(media: NegotiatedMedia) -> list[str]:
    formats = " ".join(map(str, media.offered_types)) or ("webrtc-datachannel" if media.kind == "application" else "0")
    return [f"m={media.kind} 0 {media.protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{media.mid}", "a=inactive"]


def _accepted(media: NegotiatedMedia, local: LocalParameters, slot: SlotSources | None) -> list[str]:
    types = [str(type_) for codec in media.codecs for type_ in _payload_types(codec, media.is_slot)]
    lines = [
        f"m={media.kind} 9 {media.protocol} {' '.join(types)}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{local.setup}",
        f"a=mid:{media.mid}",
        *(
            f"a=extmap:{item.id}{_ANSWERED_DIRECTION.get(item.direction, '')} {uri}"
            for uri, item in media.extensions.items()
        ),
        "a=inactive" if media.is_inactive else "a=sendonly" if media.is_slot else "a=recvonly",
        "a=rtcp-mux",
        *(["a=rtcp-rsize"] if media.rtcp_rsize else []),  # RFC 5506 §5: only where it was offered
    ]
    for codec in media.codecs:
        lines += _codec(media.kind, codec, START_KBPS if media.source is not None and not media.rids else 0)
    if media.rids:
        lines += [f"a=rid:{rid} recv" for rid in media.rids]
        lines.append(f"a=simulcast:recv {';'.join(media.rids)}")
    if slot is not None and media.is_slot:
        lines += _slot_sources(media, slot)
    lines += [
        f"a=candidate:{index} 1 udp {2130706431 - index} {host} {port} typ host"
        for index, (host, port) in enumerate(local.candidates, 1)
    ]
    lines += [
        f"a=candidate:{len(local.candidates) + index} 1 tcp {_TCP_PRIORITY - index * 256} {host} {port}"
        " typ host tcptype passive"
        for index, (host, port) in enumerate(local.tcp_candidates, 1)
    ]
    lines.append("a=end-of-candidates")
    return lines


_ANSWERED_DIRECTION = {"sendonly": "/recvonly", "recvonly": "/sendonly"}


def _payload_types(codec: NegotiatedCodec, is_slot: bool) -> tuple[int, ...]:
    """A source with redundancy is asked for it: browsers send what stands first."""
    if codec.red_payload_type is not None:
        types = codec.red_payload_type, codec.payload_type
        return types[::-1] if is_slot else types
    return (codec.payload_type,) if codec.rtx_payload_type is None else (codec.payload_type, codec.rtx_payload_type)


def _codec(kind: str, codec: NegotiatedCodec, start_kbps: int) -> list[str]:
    type_ = codec.payload_type
    channels = f"/{codec.channels}" if kind == "audio" and codec.channels > 1 else ""
    lines = [f"a=rtpmap:{type_} {codec.name}/{codec.clock_rate}{channels}"]
    parameters = [codec.fmtp] if codec.fmtp else []
    if start_kbps and kind == "video":
        parameters.append(f"x-google-start-bitrate={start_kbps}")
    if parameters:
        lines.append(f"a=fmtp:{type_} {';'.join(parameters)}")
    lines += [f"a=rtcp-fb:{type_} {item}" for item in codec.feedback]
    if codec.red_payload_type is not None:
        lines.append(f"a=rtpmap:{codec.red_payload_type} red/{codec.clock_rate}{channels}")
        lines.append(f"a=fmtp:{codec.red_payload_type} {type_}/{type_}")
    if codec.rtx_payload_type is not None:
        lines += [
            f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate}",
            f"a=fmtp:{codec.rtx_payload_type} apt={type_}",
        ]
    return lines


def _slot_sources(media: NegotiatedMedia, slot: SlotSources) -> list[str]:
    lines = [f"a=msid:slot-{media.mid} slot-{media.mid}"]
    if any(codec.rtx_payload_type is not None for codec in media.codecs):
        lines.append(f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}")
        lines.append(f"a=ssrc:{slot.ssrc} cname:huitang")
        lines.append(f"a=ssrc:{slot.rtx_ssrc} cname:huitang")
    else:
        lines.append(f"a=ssrc:{slot.ssrc} cname:huitang")
    return lines
