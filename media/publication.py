"""What a participant offers from one source: its layers, whether it flows, and which codec it shall be sent in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from media.bitrate_cap import BitrateCap
from media.bwe.loss_cap import NO_CAP
from media.codec_choice import CodecChoice, VideoCodec
from media.control import Kind, Source
from media.layer import Layer
from media.layer_demand import LayerDemand
from media.slot import Slot

if TYPE_CHECKING:
    from media.forwarding import Forwarder
    from media.track import Track

FLOWING_S = 3.0
QUIET_S = 0.5
STOPPED_S = 0.3  # a layer without packets while a sibling has them
STOPPED_FRAMES = 2.5  # of a slow camera
RESTING_S = 1.0  # without packets, whatever the siblings do
# So long after a layer has stopped by itself none is asked for between it and the one in its stead: a browser whose
# network has just become bad would begin with a keyframe of each, and send for a second what cannot be afforded.
SETTLED_S = 3.0


class Link(Protocol):
    """Asks another worker for layers of a publication."""

    def ask_layers(self, publication_id: str, rids: tuple[str, ...]) -> None: ...


class Publication:
    """Identified by ``participant_id + ":" + source``; lives as long as the participant's seat."""

    def __init__(self, participant_id: str, source: Source, forwarder: Forwarder) -> None:
        self.id = f"{participant_id}:{source}"
        self.participant_id = participant_id
        self.source = source
        self.kind: Kind = "video" if source in ("camera", "screen") else "audio"
        self.link: Link | None = None  # where it comes from, when another worker has its client
        self.is_granted = False
        self.is_flowing = False
        self.quiet_until = float("-inf")  # what was on its way when the source was withdrawn is dropped
        self.sendable: frozenset[str] = frozenset()  # codecs that its newest connection has negotiated
        self.slots: dict[Slot, None] = {}  # that show it, in order of coming
        self.followed: Track | None = None  # by the tap
        self.demand = LayerDemand()
        self.has_new_interest = False  # somebody looks at another layer than before
        self.cap = BitrateCap(source)
        self.highest = NO_CAP  # of its layers that viewers are to have: on its way to us too much is lost for more
        self._choice = CodecChoice()
        self._origin: object = None  # of its newest track
        self._forwarder = forwarder
        self.layers: tuple[Layer, ...] = (Layer(self, "", forwarder),)  # low to high

    @property
    def track(self) -> Track | None:
        """Of the highest layer that flows, else of the highest that ever came."""
        for layers in ([layer for layer in self.layers if layer.is_flowing], self.layers):
            for layer in reversed(layers):
                if layer.track is not None:
                    return layer.track
        return None

    @property
    def codec(self) -> str:
        return self.track.codec.name if self.track is not None else ""

    @property
    def last_packet_at(self) -> float:
        return max(layer.last_packet_at for layer in self.layers)

    def is_overdue(self, now: float) -> bool:
        """For seconds nothing has come, nor has it been asked for again."""
        return now - max(self.last_packet_at, self.demand.awake_since) > FLOWING_S

    def wanted_codec(self, now: float) -> VideoCodec | None:
        """Another codec that the publisher shall be asked for now, because of those who look on."""
        # While H.264 flows, who cannot take it waits; only a publication that was turned is looked at as a whole.
        viewers = self.slots if self._choice.has_asked else [slot for slot in self.slots if slot.layer is None]
        is_vp8_needed = any(_needs_vp8(slot) for slot in viewers)
        return self._choice.ask(now, self.codec, self.sendable, is_vp8_needed)

    # --- on the way in

    def prepare(self, rids: Sequence[str]) -> tuple[Layer, ...]:
        """The layers for a connection that offers these. New ones take over with their first packet."""
        if tuple(rids) == tuple(layer.rid for layer in self.layers):
            return self.layers
        made = tuple(Layer(self, rid, self._forwarder) for rid in rids)
        if self.track is None:
            self._take_over(made)
        return made

    def set_track(self, layers: tuple[Layer, ...], track: Track, now: float) -> None:
        """A layer has a new source. ``layers`` are those of its connection."""
        if layers is not self.layers:
            self._take_over(layers)
        if track.origin is not self._origin:
            self._origin = track.origin
            self.begin_demand(now)
        track.layer.set_track(track)

    def begin_demand(self, now: float) -> None:
        """Its client sends all layers until it hears which are wanted."""
        self.demand.begin(tuple(layer.rid for layer in self.layers), now, is_resting=self.link is not None)

    def end(self, now: float) -> bool:
        """The source was withdrawn. False when there was none."""
        ended = [layer.end() for layer in self.layers]
        if not any(ended):
            return False
        self.quiet_until = now + QUIET_S
        return True

    def handle_flow(self) -> None:
        """A layer has begun to flow, or stopped."""
        for slot in self.slots:
            slot.settle()

    def handle_height(self) -> None:
        """A keyframe has told how large a layer is."""
        for slot in self.slots:
            slot.choose()

    def stop_layers(self, now: float) -> None:
        """Whoever is on a layer that has stopped while another flows goes on with that one."""
        newest = self.last_packet_at
        stopped = [
            layer
            for layer in self.layers
            if layer.is_flowing
            and (newest - layer.last_packet_at > _patience(layer) or now - layer.last_packet_at > RESTING_S)
        ]
        for layer in stopped:
            layer.is_flowing = False
        if stopped:
            self.handle_flow()
            self.request_awaited(now)

    def request_keyframe(self, now: float) -> None:
        """Of all that is looked at."""
        for layer in self.layers:
            if layer.is_flowing and (layer.cohorts or layer.waiting):
                layer.request_keyframe(now)

    def request_awaited(self, now: float) -> None:
        """For those who wait, and requests that came too early."""
        for layer in self.layers:
            if layer.track is None:
                continue
            if layer.is_awaited:
                layer.request_keyframe(now)
            elif layer.keyframes.due(now):
                layer.track.send_pli(now)

    def wanted_layers(self, now: float, is_recorded: bool) -> tuple[str, ...] | None:
        """Rids that the publisher is to be told, because what is looked at has changed."""
        self.has_new_interest = False
        seen = {layer for slot in self.slots for layer in (slot.layer, slot.awaited) if layer is not None}
        targets = {slot.target for slot in self.slots if slot.target is not None}
        targets.update(layer for layer in self.layers if layer.outlets)
        if is_recorded:
            targets.add(self.layers[-1])
        for target in targets:
            seen |= self._up_to(target, now)
        flowing = {layer.rid for layer in self.layers if layer.is_flowing}
        if seen and (self.link is None or not flowing):
            # The smallest is what everybody falls back on. Beside it Chromium also sends a large layer in full size at
            # once; alone, it would begin that one small and let it grow for a quarter of a minute. Another worker's is
            # needed until a larger one is seen to come: its client may not be able to send that.
            seen.add(self.layers[0])
        if not self.is_flowing and self.link is None:
            seen.update(self.layers)  # it would never be seen again if it were left at rest
        return self.demand.ask(now, {layer.rid for layer in seen}, flowing)

    # --- on the way out

    def attach(self, slot: Slot, now: float) -> None:
        """Begins at the next keyframe, which is asked for at once."""
        slot.publication = self
        self.slots[slot] = None
        slot.reconsider(now)

    def detach(self, slot: Slot) -> None:
        slot.target = None
        slot.settle()
        slot.publication = None
        self.slots.pop(slot, None)

    def detach_all(self) -> None:
        for slot in list(self.slots):
            self.detach(slot)

    def nearest(self, target: Layer) -> Layer:
        """The target; while it does not flow what flows next below it, else above it; else itself."""
        if target.is_flowing or len(self.layers) == 1:
            return target
        index = self.layers.index(target)
        others = (*reversed(self.layers[:index]), *self.layers[index + 1 :])
        return next((layer for layer in others if layer.is_flowing), target)

    # --- private

    def _up_to(self, target: Layer, now: float) -> set[Layer]:
        """The target; while it cannot be sent, what is sent in its stead and soon what is better than that."""
        nearest = self.nearest(target)
        if nearest is not target and now - target.last_packet_at < SETTLED_S:
            return {nearest, target}
        low, high = sorted((self.layers.index(nearest), self.layers.index(target)))
        return set(self.layers[low : high + 1])

    def _take_over(self, layers: tuple[Layer, ...]) -> None:
        """Another set of layers, as when a client comes back with or without simulcast."""
        for slot in self.slots:
            slot.target = None
            slot.settle()
        self.layers = layers
        for slot in self.slots:
            slot.choose()


def _patience(layer: Layer) -> float:
    return max(STOPPED_S, STOPPED_FRAMES / layer.frames_per_s if layer.frames_per_s else 0)


def _needs_vp8(slot: Slot) -> bool:
    return "H264" not in slot.codecs and "VP8" in slot.codecs and slot.transport.is_connected
