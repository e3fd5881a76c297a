"""One room's media: participants, their publications, who is heard, and the tap. Knows no membership and no policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.audio.hearing import Hearing
from media.bwe.send_history import SendHistory
from media.control import Grants, RoomMedia, TransportState
from media.errors import MediaError
from media.interest import Interest
from media.links.room_links import RoomLinks
from media.participant import Participant
from media.publication import Publication
from media.room_events import RoomEvents
from media.slot import Slot
from media.tap_feed import TapFeed
from media.tap_ring import TapRing
from media.track import Track

if TYPE_CHECKING:
    from media.environment import Environment


class Room:
    """Created and closed by the plane."""

    def __init__(self, room_id: str, max_participants: int, environment: Environment, events: RoomEvents) -> None:
        self.id = room_id
        self.max_participants = max_participants
        self.participants: dict[str, Participant] = {}
        self.publications: dict[str, Publication] = {}
        self.send_history = SendHistory()
        self.tap = TapRing(room_id, environment.clock)
        self.events = events
        self._environment = environment
        self._flowing: dict[str, Publication] = {}  # work grows with who sends, not with who is in the room
        self.links = RoomLinks(room_id, self, environment)
        self.is_primary = True
        self._feed = TapFeed(self.tap, environment.clock)
        self._interest = Interest(self.tap, self.events)
        self._hearing = Hearing()

    # --- calls

    def seat(self, participant_id: str, grants: Grants) -> Participant:
        """The participant's seat, a new one if need be."""
        participant = self.participants.get(participant_id)
        if participant is None:
            if len(self.participants) >= self.max_participants:
                raise MediaError.room_full(self.max_participants)
            participant = Participant(participant_id, self, self._environment, grants)
            self.participants[participant_id] = participant
        else:
            participant.set_grants(grants)
        return participant

    def participant(self, participant_id: str) -> Participant:
        found = self.participants.get(participant_id)
        if found is None:
            raise MediaError.unknown_participant(participant_id)
        return found

    def remove(self, participant_id: str) -> None:
        """Frees a seat; everyone who watched it keeps the slot for when it comes back."""
        participant = self.participants.pop(participant_id, None)
        if participant is None:
            return
        for publication in participant.publications.values():
            self._forget(publication)
            self._let_succeed(publication)
        participant.close()
        self._hearing.forget(participant_id)
        self._point_ears(self._now())

    def end(self, publication_id: str) -> None:
        """Its publisher has withdrawn it: the recorder hears so at once. Of another worker's the link tells."""
        publication = self.publications.get(publication_id)
        if publication is not None and publication.link is None and publication.end(self._now()):
            self._interest.end(publication, self._now())
            self._feed.end(publication)
            self._set_flowing(publication, False)

    def request_keyframe(self, publication_id: str) -> None:
        publication = self.publications.get(publication_id)
        if publication is not None:
            publication.request_keyframe(self._now())

    def request_track_keyframe(self, number: int) -> None:
        """The recorder's wish."""
        self._feed.request_keyframe(self.publications.values(), number, self._now())

    def repeat_speakers(self) -> None:
        """For a server that has just taken our hello, which does not name them."""
        if self.is_primary:
            self.events.tell_speakers(self._hearing.speakers)
        for participant in self.participants.values():
            participant.tell_standing()

    def media(self, tap: str, link: str) -> RoomMedia:
        return RoomMedia(
            room_id=self.id,
            tap=tap,
            link=link,
            primary=self.is_primary,
            participants=tuple(item.media() for item in self.participants.values()),
        )

    def close(self) -> None:
        for participant_id in list(self.participants):
            self.remove(participant_id)
        self.links.close()
        self.tap.close()

    # --- from participants

    def handle_publication(self, publication: Publication) -> None:
        """A source was negotiated, here or on another worker: slots that were waiting for it by name are attached.

        What another worker has of a client who is here is a ghost: it waits until the client is not here any more.
        """
        before = self.publications.get(publication.id)
        if before is not None and before is not publication:
            if publication.link is not None and self._is_here(before):
                return
            self._forget(before)
        self.publications[publication.id] = publication
        for participant in self.participants.values():
            for slot in participant.slots:
                if slot.wanted_id == publication.id and slot.publication is None:
                    publication.attach(slot, self._now())

    def attach(self, slot: Slot) -> None:
        publication = self.publications.get(slot.wanted_id) if slot.wanted_id is not None else None
        if publication is not None:
            publication.attach(slot, self._now())

    def handle_state(self, participant: Participant) -> None:
        if participant.state is TransportState.AWAY:
            for publication in participant.publications.values():
                self._let_succeed(publication)
        self.events.tell_state(participant.id, participant.state)

    def let_hear(self, participant: Participant) -> None:
        """Who has just connected hears at once; the next tick would be up to 100 ms late."""
        participant.hear(self._hearing.audible(self._flowing.values(), self._now()))

    def handle_silent(self, publication: Publication) -> None:
        """A grant was taken: what the source still sends is dropped from the next packet on."""
        self._set_flowing(publication, False)

    # --- from uplinks and links

    def handle_gone(self, publication: Publication) -> None:
        """Another worker has it no more."""
        if self.publications.get(publication.id) is publication:
            self._forget(publication)
            self._let_succeed(publication)

    def handle_track(self, track: Track) -> None:
        if self.publications.get(track.publication.id) is not track.publication:
            return
        self._interest.add(track.publication)
        self.links.handle_track(track)
        if track.publication.link is not None:
            self._set_flowing(track.publication, True)

    def handle_packet(self, track: Track, packet: bytes) -> None:
        publication = track.publication
        if not publication.is_flowing:
            if self.publications.get(publication.id) is not publication:
                return  # its client has moved to another worker, or here
            self._set_flowing(publication, True)
        self._feed.handle_packet(track, packet)

    def handle_level(self, track: Track, level: int, now: float) -> None:
        if track.publication.source == "microphone" and track.publication.is_flowing:
            self._hearing.hear(track.publication.participant_id, level, now)
            self.links.handle_level(track, level)

    def handle_sender_report(self, track: Track) -> None:
        """``track.report`` is new."""
        self._feed.handle_sender_report(track)
        self.links.handle_report(track)
        if track.report is not None:
            self._environment.forwarder.forward_report(track.layer, track.write_report)

    # --- time

    def tick(self, now: float) -> None:
        """Every 50 ms: feedback to publishers, and requests that are due."""
        for participant_id in {publication.participant_id for publication in self._flowing.values()}:
            participant = self.participants.get(participant_id)  # None: on another worker
            connection = participant.current if participant is not None else None
            if connection is not None:
                connection.uplink.send_feedback()
                connection.uplink.ask_again(now)
        for publication in self._flowing.values():
            if publication.kind == "video":
                publication.stop_layers(now)
                publication.request_awaited(now)
                self._feed.ask_for_change(publication, now)
        self._interest.tick(now, False)

    def tick_voices(self, now: float) -> None:
        """Every 100 ms: who speaks, whom everyone hears, where each viewer is and what his path carries."""
        if self._hearing.tick(now):
            self.repeat_speakers()
            self.tap.append_event({"event": "speakers", "participant_ids": list(self._hearing.speakers)})
        self._point_ears(now)
        for participant in self.participants.values():
            participant.tick_paths(now)
            participant.tick_budget(now)

    def tick_second(self, now: float) -> None:
        """Every second: receiver reports, liveness, sources that fell silent, codecs that somebody cannot take."""
        for publication in list(self._flowing.values()):
            for layer in publication.layers:
                layer.measure(now)
            if self._is_silent(publication, now):
                self._set_flowing(publication, False)
            elif publication.kind == "video":
                self._tick_codec(publication, now)
        self._interest.tick(now, True)
        for participant in list(self.participants.values()):
            if participant.current is not None:
                participant.current.uplink.send_reports(now)
            if not participant.tick(now):
                self.remove(participant.id)

    # --- private

    def _now(self) -> float:
        return self._environment.clock.monotonic()

    def _forget(self, publication: Publication) -> None:
        """Who watched it keeps the slot for when it comes back."""
        if self.publications.get(publication.id) is publication:
            del self.publications[publication.id]
        publication.detach_all()
        self._set_flowing(publication, False)
        self._interest.remove(publication)
        self._feed.end(publication)

    def _is_here(self, publication: Publication) -> bool:
        """Whether its client is surely on this worker."""
        participant = self.participants.get(publication.participant_id) if publication.link is None else None
        connection = participant.current if participant is not None else None
        return connection is not None and not connection.is_gone and connection.transport.is_alive(self._now())

    def _let_succeed(self, gone: Publication) -> None:
        """Another of the same name takes its place: of a client who is here, else another worker's."""
        participant = self.participants.get(gone.participant_id)
        ours = participant.publications.get(gone.source) if participant is not None else None
        next_one = ours if ours is not None and self._is_here(ours) else self.links.find(gone.id) or ours
        if next_one is None or self.publications.get(gone.id) is next_one:
            return
        self.handle_publication(next_one)
        for layer in next_one.layers:
            if layer.track is not None:
                self.handle_track(layer.track)

    def _is_silent(self, publication: Publication, now: float) -> bool:
        """Nothing comes of what is asked for, or of a client that has gone. Of others' publications the link tells."""
        if publication.link is not None or not publication.is_overdue(now):
            return False
        is_expected = publication.kind == "audio" or not publication.demand.is_resting
        return is_expected or self.participants[publication.participant_id].state is not TransportState.CONNECTED

    def _tick_codec(self, publication: Publication, now: float) -> None:
        codec = publication.wanted_codec(now)
        if codec is not None:
            self._environment.counters["codec_wanted"] += 1
            self.events.ask_codec(publication, codec)

    def _point_ears(self, now: float) -> None:
        """Everybody's audio slots follow the order, where it has changed."""
        if self._hearing.point(self._flowing.values(), now):
            for participant in self.participants.values():
                participant.hear(self._hearing.heard)

    def _set_flowing(self, publication: Publication, flowing: bool) -> None:
        if publication.is_flowing == flowing:
            return
        publication.is_flowing = flowing
        for layer in publication.layers:
            layer.is_flowing = layer.is_flowing and flowing
        if flowing:
            self._flowing[publication.id] = publication
        else:
            self._flowing.pop(publication.id, None)
            if publication.source == "microphone":
                self._hearing.forget(publication.participant_id)
        if publication.kind == "audio":
            self._point_ears(self._now())  # the next tick would be up to 100 ms late
        self.links.handle_flow(publication)
        if publication.link is None:  # else its own worker tells
            self.events.tell_flow(publication)

    @property
    def connected(self) -> int:
        return sum(item.state is TransportState.CONNECTED for item in self.participants.values())
