"""Decides what each m-line of an offer becomes: a source, a slot, or rejected. Pure; see ``answer.py`` for the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from media.control import Kind, Source
from media.errors import MediaError
from media.rtp import header
from media.sdp.offer import DTLS_PROTOCOLS, Offer, OfferedCodec, OfferedExtension, OfferedMedia

MAX_VIDEO_SLOTS = 16
MAX_AUDIO_SLOTS = 8
MAX_LAYERS = 3
SOURCES: dict[str, tuple[Source, ...]] = {"audio": ("microphone", "screen_audio"), "video": ("camera", "screen")}

_SOURCE_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "audio": (header.MID_URI, header.AUDIO_LEVEL_URI, header.TRANSPORT_CC_URI, header.ABS_SEND_TIME_URI),
    "video": (header.MID_URI, header.TRANSPORT_CC_URI, header.ABS_SEND_TIME_URI),
}
_SIMULCAST_EXTENSIONS = (header.RID_URI, header.REPAIRED_RID_URI)
# What the SFU itself can do; the answer holds what the offer also named.
_SOURCE_FEEDBACK = ("transport-cc", "nack", "nack pli")
_SLOT_FEEDBACK = ("nack", "nack pli", "ccm fir")
_MEASURED_SLOT_FEEDBACK = ("transport-cc", *_SLOT_FEEDBACK)
MAX_NUMBER_ID = 14  # of an extension in the one-byte form (RFC 8285 §4.2)
OPUS_FMTP = "minptime=10;useinbandfec=1;usedtx=1"


@dataclass(frozen=True, slots=True)
class NegotiatedCodec:
    name: str  # "opus", "H264", "VP8"
    payload_type: int
    clock_rate: int
    channels: int
    fmtp: str
    feedback: tuple[str, ...]
    rtx_payload_type: int | None = None
    red_payload_type: int | None = None  # of Opus with redundancy (RFC 2198), where the offer has it


@dataclass(slots=True)
class NegotiatedMedia:
    """One m-line of the answer. With neither a source nor ``is_slot`` it is rejected."""

    kind: str
    mid: str
    protocol: str
    offered_types: tuple[int, ...]
    source: Source | None = None
    is_slot: bool = False
    codecs: tuple[NegotiatedCodec, ...] = ()
    extensions: dict[str, OfferedExtension] = field(default_factory=dict)
    rtcp_rsize: bool = False
    is_inactive: bool = False  # may be used again: a rejected line could not (RFC 9429 §5.3.1)
    rids: tuple[str, ...] = ()  # encodings of simulcast, low to high
    ssrcs: tuple[int, ...] = ()
    rtx_ssrcs: dict[int, int] = field(default_factory=dict)

    @property
    def is_accepted(self) -> bool:
        return self.source is not None or self.is_slot or self.is_inactive

    @property
    def media_kind(self) -> Kind:
        return "video" if self.kind == "video" else "audio"


class _Places:
    """What the next line of a kind becomes. Lines that the connection knows keep their source, whatever stopped."""

    def __init__(self, offer: Offer, known: Mapping[str, Source]) -> None:
        self.known = {
            media.mid: known[media.mid]
            for media in offer.media
            if media.mid in known and (media.port or media.bundle_only)
        }
        kept = set(self.known.values())
        self._free = {kind: [item for item in sources if item not in kept] for kind, sources in SOURCES.items()}
        self._slots = {"audio": MAX_AUDIO_SLOTS, "video": MAX_VIDEO_SLOTS}

    def take_source(self, media: OfferedMedia) -> Source | None:
        if media.mid in self.known:
            return self.known[media.mid]
        free = self._free[media.kind]
        return free.pop(0) if free else None

    def take_slot(self, media: OfferedMedia) -> bool:
        self._slots[media.kind] -= 1
        return self._slots[media.kind] >= 0


def negotiate(offer: Offer, known: Mapping[str, Source] = MappingProxyType({})) -> tuple[NegotiatedMedia, ...]:
    """One entry per m-line, in order. ``known`` has the sources of earlier offers by mid.

    Raises ``no_usable_media`` when all are rejected.
    """
    places = _Places(offer, known)
    negotiated = tuple(_negotiate(offer, media, places) for media in offer.media)
    if not any(media.is_accepted for media in negotiated):
        raise MediaError.no_usable_media()
    return negotiated


def _negotiate(offer: Offer, media: OfferedMedia, places: _Places) -> NegotiatedMedia:
    result = NegotiatedMedia(media.kind, media.mid, media.protocol, tuple(media.payload_types))
    result.rtcp_rsize = media.rtcp_rsize
    is_fit = media.kind in SOURCES and media.protocol in DTLS_PROTOCOLS and media.rtcp_mux
    if not is_fit or not _is_bundled(offer, media):
        return result
    if media.direction in ("sendonly", "sendrecv"):
        _accept_source(result, media, places.take_source(media))
    elif media.direction == "recvonly" and places.take_slot(media):
        _accept_slot(result, media)
    elif media.direction == "inactive":
        result.codecs = _codecs(media, _SLOT_FEEDBACK)
        result.is_inactive = bool(result.codecs)
    return result


def _is_bundled(offer: Offer, media: OfferedMedia) -> bool:
    if media.port == 0 and not media.bundle_only:
        return False
    if offer.bundle is None:
        return media is offer.media[0]
    return media.mid in offer.bundle


def _accept_source(result: NegotiatedMedia, media: OfferedMedia, source: Source | None) -> None:
    codecs = _codecs(media, _SOURCE_FEEDBACK)  # browsers send the first, and the others when asked (codec_choice.py)
    if source is None or not codecs:
        return
    result.source = source
    result.codecs = codecs
    wanted = _SOURCE_EXTENSIONS[media.kind]
    if media.send_rids and header.RID_URI in media.extensions:
        result.rids = tuple(media.send_rids[-MAX_LAYERS:])
        wanted += _SIMULCAST_EXTENSIONS
    result.extensions = {
        uri: media.extensions[uri]
        for uri in wanted
        if uri in media.extensions and media.extensions[uri].direction in ("sendrecv", "sendonly")
    }
    result.ssrcs = tuple(media.ssrcs)
    result.rtx_ssrcs = dict(media.rtx_ssrcs)


def _accept_slot(result: NegotiatedMedia, media: OfferedMedia) -> None:
    codecs = _codecs(media, _MEASURED_SLOT_FEEDBACK)
    if not codecs:
        return
    number = media.extensions.get(header.TRANSPORT_CC_URI)
    if number is not None and _is_measurable(codecs, number):
        result.extensions = {header.TRANSPORT_CC_URI: number}
    else:
        codecs = _codecs(media, _SLOT_FEEDBACK)
    result.is_slot = True
    result.codecs = codecs


def _is_measurable(codecs: Sequence[NegotiatedCodec], number: OfferedExtension) -> bool:
    """Whether packets may carry transport-wide numbers.

    Only where resends go by RTX: a plain one must be equal to the first sending (RFC 7714 §8.2), numbers are not.
    """
    is_open = number.direction in ("sendrecv", "recvonly") and number.id <= MAX_NUMBER_ID
    return is_open and all(codec.rtx_payload_type is not None and "transport-cc" in codec.feedback for codec in codecs)


def _codecs(media: OfferedMedia, feedback: tuple[str, ...]) -> tuple[NegotiatedCodec, ...]:
    """At most one codec of each kind, the preferred first."""
    offered = [media.codecs[type_] for type_ in media.payload_types if type_ in media.codecs]
    if media.kind == "audio":
        chosen = [("opus", codec) for codec in offered if codec.name == "OPUS" and codec.channels == 2][:1]
    else:
        h264 = sorted((codec for codec in offered if _is_h264(codec)), key=_h264_rank)[:1]
        vp8 = [codec for codec in offered if codec.name == "VP8"][:1]
        chosen = [("H264", codec) for codec in h264] + [("VP8", codec) for codec in vp8]
    return tuple(_accept_codec(name, codec, media, feedback) for name, codec in chosen)


def _accept_codec(name: str, codec: OfferedCodec, media: OfferedMedia, feedback: tuple[str, ...]) -> NegotiatedCodec:
    rtx = next(
        (
            other.payload_type
            for other in media.codecs.values()
            if other.name == "RTX" and other.parameter("apt") == str(codec.payload_type)
        ),
        None,
    )
    common = tuple(item for item in feedback if item in codec.feedback or item in media.common_feedback)
    fmtp = OPUS_FMTP if name == "opus" else codec.fmtp
    red = _red_type(codec, media) if name == "opus" else None
    return NegotiatedCodec(name, codec.payload_type, codec.clock_rate, codec.channels, fmtp, common, rtx, red)


def _red_type(opus: OfferedCodec, media: OfferedMedia) -> int | None:
    """The payload type of redundancy whose blocks are all this Opus (RFC 2198 §5)."""
    for codec in media.codecs.values():
        blocks = set(codec.fmtp.split("/"))
        if (codec.name, codec.clock_rate, codec.channels) == ("RED", 48000, 2) and blocks == {str(opus.payload_type)}:
            return codec.payload_type
    return None


def _is_h264(codec: OfferedCodec) -> bool:
    return codec.name == "H264" and codec.parameter("packetization-mode") == "1"


def _h264_rank(codec: OfferedCodec) -> int:
    """Constrained baseline first: every device decodes it and every replay can hold it."""
    profile = (codec.parameter("profile-level-id") or "42001f").lower()
    if profile.startswith("42e0"):
        return 0
    return 1 if profile.startswith("4200") else 2
