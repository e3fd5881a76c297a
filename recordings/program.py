"""The program stream: tap frames in, segments out. Driven by the times of the frames and of ``advance`` only,
so that the same journal gives the same program again. Runs in one thread; knows no socket, file or store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from media.tap import EVENT, RTP, SR, TapFrame
from recordings.avc import ParameterSets, parameter_sets, split_annex_b, to_sample, usable
from recordings.codecs.aac import AacEncoder
from recordings.codecs.jpeg import Keyframe
from recordings.codecs.placeholder import placeholder, placeholder_samples
from recordings.codecs.vp8 import Vp8Transcoder
from recordings.depacketise.picture import CodedPicture
from recordings.director import CAMERA_SILENT_US, SCREEN_SILENT_US, Director
from recordings.inputs import FOREVER_US, Inputs, PictureInput
from recordings.mixer import BLOCK, RATE, Mixer
from recordings.segmenter import ClosedSegment, Position, Segmenter

LAG_US = 1_000_000  # of the program behind the room: resends take up to 0.5 s, slow senders some more
LEAD_US = 1_000_000  # a first picture that comes within this time is shown from the beginning
STARVED_US = 4_000_000
PLACEHOLDER_EVERY_US = 1_000_000
KEYFRAME_EVERY_US = 4_000_000
SOON_US = 2_050_000  # with an audience: as soon as a segment may end
ASK_AGAIN_US = 700_000
# Own words in the journal, beside the events of the tap.
PAUSED, PINNED = "recorder.paused", "recorder.pinned"


class ProgramSink(Protocol):
    """Who takes what the program makes, in the program's thread."""

    def segment_closed(self, segment: ClosedSegment) -> None: ...

    def keyframe_wanted(self, track: int) -> None: ...


class Program:
    """One recording's program. ``origin_us`` is the room time of its second 0."""

    def __init__(
        self,
        origin_us: int,
        sink: ProgramSink,
        position: Position = Position(),  # noqa: B008  (immutable)
        inits: Mapping[str, str] | None = None,
    ) -> None:
        self.inputs = Inputs()
        self.watched: tuple[str, ...] = ()  # publications whose pictures it needs, or soon may
        self.hurried = False  # behind real time: what costs much and shows little is left out
        self.watched_until_us = 0  # room time; set by other threads
        self.shown: Keyframe | None = None  # the newest keyframe that came from the room; read by other threads
        self.counters: dict[str, int] = {"switches": 0, "placeholders": 0, "transcoded": 0, "keyframe_requests": 0}
        self._origin_us = origin_us
        self._sink = sink
        self._director = Director()
        self._mixer = Mixer(position.samples)
        self._encoder = AacEncoder(position.samples)
        self._sounded = position.samples  # end of the sound that is encoded
        self._segmenter = Segmenter(position, self._encoder.config, inits or {}, sink.segment_closed)
        self._placeholder = placeholder_samples()
        self._current: PictureInput | None = None
        self._transcoder: tuple[int, int, Vp8Transcoder] | None = None
        self._sets: ParameterSets | None = None
        self._asked_us: dict[int, int] = {}
        self._now_us = 0
        self._finishing = False

    # --- in -----------------------------------------------------------------------------------------------------------

    def feed(self, frame: TapFrame) -> None:
        if frame.type == RTP:
            self.inputs.rtp(frame.body, frame.arrival_us)
        elif frame.type == SR:
            self.inputs.sender_report(frame.body, frame.arrival_us)
        elif frame.type == EVENT:
            try:
                self._event(json.loads(frame.body), frame.arrival_us)
            except (ValueError, KeyError, TypeError):
                self.inputs.refused += 1

    def advance(self, now_us: int) -> None:
        """Makes the program up to a lag behind ``now_us``."""
        self._now_us = max(self._now_us, now_us)
        self._make(self._now_us, self._now_us - LAG_US)
        self._ask_keyframes()

    def finish(self, now_us: int) -> None:
        """Everything that is there goes into the program, which ends exactly at ``now_us``."""
        self._drain(now_us)
        for frame in self._encoder.flush():
            self._segmenter.sound(frame)
        self._finishing = True
        self._show(now_us)
        if self._segmenter.empty:
            self._show_placeholder(self._segmenter.position.ticks)
        self._segmenter.close(self._ticks(now_us))

    def snapshot(self) -> dict[str, Any]:
        """The state that is not in segments, for ``restore`` after a crash."""
        return {"inputs": self.inputs.snapshot(), "director": self._director.snapshot()}

    def restore(self, snapshot: dict[str, Any], now_us: int) -> None:
        self.inputs.restore(snapshot["inputs"])
        self._director.restore(snapshot["director"], now_us)

    def _event(self, event: dict[str, Any], now_us: int) -> None:
        name = event.get("event")
        if name == "room":
            self._forget(self.inputs.set_tracks(event["tracks"]))
        elif name == "track_added":
            self.inputs.add(event["track"], now_us)
        elif name == "track_removed":
            self._remove_track(int(event["number"]))
        elif name == "speakers":
            self._director.hear(event["participant_ids"], now_us)
        elif name == PINNED:
            self._director.stage = event["publication_id"]
        elif name == PAUSED:
            self._drain(now_us)
            self._forget(self.inputs.set_tracks([]))
            self.shown = None

    def _remove_track(self, number: int) -> None:
        voice = self.inputs.voices.get(number)
        if voice is not None:
            voice.speak(self._mixer, self._origin_us, FOREVER_US)
            self._mixer.retire(number)
        self.inputs.remove(number)
        if self._current is None or self._current.number != number:
            return
        # The program is behind the room: what the track still holds is shown, then its successor (another codec).
        self._current.collect(FOREVER_US)
        self._current.ended = True

    def _forget(self, numbers: set[int]) -> None:
        if self._current is not None and self._current.number in numbers:
            self._current = None

    def _drain(self, now_us: int) -> None:
        """No packet is waited for any longer."""
        self._now_us = max(self._now_us, now_us)
        self._make(FOREVER_US, self._now_us)

    # --- out ----------------------------------------------------------------------------------------------------------

    def _make(self, collect_until_us: int, horizon_us: int) -> None:
        self.inputs.collect(self._mixer, self._origin_us, collect_until_us)
        for block in self._mixer.mix((horizon_us - self._origin_us) * RATE // 1_000_000):
            for frame in self._encoder.encode(block):
                self._segmenter.sound(frame)
                self._sounded = frame.position + BLOCK
        # A segment may end only where its sound is complete.
        self._show(min(horizon_us, self._origin_us + self._sounded * 1_000_000 // RATE))

    def _show(self, horizon_us: int) -> None:
        wanted = self._wanted()
        if self._segmenter.empty and not self._begin(wanted, horizon_us):
            return
        switch_us = self._switch_time(wanted, horizon_us)
        if switch_us is not None and self._is_succession(wanted):
            self._play_current(FOREVER_US)
        else:
            self._play_current(switch_us if switch_us is not None else horizon_us + 1)
        if wanted is not None and switch_us is not None:
            self._switch(wanted)
            self._play_current(horizon_us + 1)
        self._fill(wanted, horizon_us)

    def _wanted(self) -> PictureInput | None:
        sources = self.inputs.sources()
        number = self._director.choose(sources, self._now_us)
        self.watched = self._director.watch(sources)
        wanted = None if number is None else self.inputs.pictures.get(number)
        for track in self.inputs.pictures.values():
            if track is wanted:
                track.watch()
            elif track is not self._current and wanted is not None and track.watched:
                track.unwatch()
        return wanted

    def _begin(self, wanted: PictureInput | None, horizon_us: int) -> bool:
        """The first picture of the program (or after a crash): a keyframe that comes soon, else the placeholder."""
        start_us = self._start_us()
        if wanted is not None:
            self._skip_before(wanted, start_us - 50_000)
            if wanted.pictures and wanted.pictures[0][0] <= start_us + LEAD_US:
                self._switch(wanted)
                self._play_current(wanted.pictures[0][0] + 1)
                if not self._segmenter.empty:
                    return True
        if horizon_us < start_us + LEAD_US // 2 and not self._finishing:
            return False
        self._show_placeholder(self._segmenter.position.ticks)
        return True

    def _skip_before(self, track: PictureInput, start_us: int) -> None:
        """Pictures before ``start_us`` are in stored segments; a transcoder needs them to decode the next ones."""
        while track.pictures and (track.pictures[0][0] < start_us or not self._can_begin(track)):
            room_us, picture = track.pictures.popleft()
            if self._transcoder_of(track) is not None or (picture.keyframe and track.info["codec"] == "VP8"):
                self._render(track, room_us, picture, False)
            self._remember_sets(track, picture)

    def _can_begin(self, track: PictureInput) -> bool:
        return track.pictures[0][1].keyframe or self._transcoder_of(track) is not None

    def _switch_time(self, wanted: PictureInput | None, horizon_us: int) -> int | None:
        """Room time of the keyframe at which the wanted track takes over, None while there is none."""
        if wanted is None or wanted is self._current:
            return None
        while wanted.pictures and not wanted.pictures[0][1].keyframe:
            self._remember_sets(wanted, wanted.pictures.popleft()[1])
        if not wanted.pictures or wanted.pictures[0][0] > horizon_us:
            return None
        return wanted.pictures[0][0]

    def _is_succession(self, wanted: PictureInput | None) -> bool:
        """The same camera in another layer or codec: whatever the clocks say, all of the former was before it."""
        current = self._current
        if current is None or wanted is None or not current.ended:
            return False
        return bool(current.info["publication_id"] == wanted.info["publication_id"])

    def _switch(self, wanted: PictureInput) -> None:
        if self._current is not None and self._current is not wanted:
            self._current.unwatch()
        self._current = wanted
        self.counters["switches"] += 1

    def _play_current(self, before_us: int) -> None:
        track = self._current
        while track is not None and track.pictures and track.pictures[0][0] < before_us:
            room_us, picture = track.pictures.popleft()
            rendered = self._render(track, room_us, picture, self._segmenter.empty)
            if rendered is not None:
                sample, sets = rendered
                self.shown = Keyframe(sets, sample) if sets is not None else self.shown
                self._segmenter.picture(self._ticks(room_us), sample, sets)
        if track is not None and track.ended and not track.pictures:
            self._current = None

    def _fill(self, wanted: PictureInput | None, horizon_us: int) -> None:
        """Where no picture comes the placeholder does, so that segments keep closing."""
        silent_us = horizon_us - self._time_us(self._segmenter.last_ticks)
        if self._current is not None:
            patience_us = SCREEN_SILENT_US if self._current.screen else STARVED_US
            patience_us = PLACEHOLDER_EVERY_US if wanted is None else patience_us
            if silent_us <= patience_us:
                return
            self._current.unwatch()
            self._current = None
            self._show_placeholder(self._segmenter.last_ticks + patience_us * 9 // 100)
            silent_us -= patience_us
        while self._current is None and silent_us > PLACEHOLDER_EVERY_US:
            self._show_placeholder(self._segmenter.last_ticks + PLACEHOLDER_EVERY_US * 9 // 100)
            silent_us = horizon_us - self._time_us(self._segmenter.last_ticks)

    def _show_placeholder(self, ticks: int) -> None:
        self.counters["placeholders"] += 1
        self.shown = None
        self._segmenter.picture(ticks, next(self._placeholder), placeholder().sets)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _render(
        self, track: PictureInput, room_us: int, picture: CodedPicture, force: bool
    ) -> tuple[bytes, ParameterSets | None] | None:
        """A sample and, for keyframes, the parameter sets; None when there is nothing to show."""
        data, keyframe = picture.data, picture.keyframe
        if track.info["codec"] == "VP8":
            transcoder = self._transcoder_of(track)
            if transcoder is None:
                transcoder = Vp8Transcoder()
                self._transcoder = (track.number, track.streams, transcoder)
            transcoded = transcoder.transcode(data, self._ticks(room_us), keyframe or force, self.hurried)
            if transcoded is None:
                return None
            data, keyframe = transcoded
            self.counters["transcoded"] += 1
        units = split_annex_b(data)
        self._learn(units)
        sample = to_sample(units)
        if not sample or (keyframe and not (self._sets and usable(self._sets))):
            return None
        return sample, self._sets if keyframe else None

    def _remember_sets(self, track: PictureInput, picture: CodedPicture) -> None:
        if track.info["codec"] != "VP8":
            self._learn(split_annex_b(picture.data))

    def _learn(self, units: list[bytes]) -> None:
        found = parameter_sets(units)
        if found.sps:
            self._sets = found if found.pps else ParameterSets(found.sps, self._sets.pps if self._sets else ())
        elif found.pps and self._sets is not None:
            self._sets = ParameterSets(self._sets.sps, found.pps)

    def _transcoder_of(self, track: PictureInput) -> Vp8Transcoder | None:
        if self._transcoder is not None and self._transcoder[:2] == (track.number, track.streams):
            return self._transcoder[2]
        return None

    def _ask_keyframes(self) -> None:
        for track in self.inputs.pictures.values():
            if not track.watched or self._now_us - track.last_packet_us > CAMERA_SILENT_US:
                continue
            passed = track.info["codec"] != "VP8" and self._keyframe_due(track)
            if (track.wants_keyframe or passed) and self._now_us - self._asked_us.get(track.number, 0) >= ASK_AGAIN_US:
                self._asked_us[track.number] = self._now_us
                self.counters["keyframe_requests"] += 1
                self._sink.keyframe_wanted(track.number)

    def _keyframe_due(self, track: PictureInput) -> bool:
        """Keyframes cost the sender: every four seconds, but for an audience whenever the open segment may end."""
        last_us = track.last_keyframe_us
        if track is not self._current or self._now_us >= self.watched_until_us:
            return self._now_us - last_us >= KEYFRAME_EVERY_US
        begun_us = self._start_us()
        ends_us = last_us if last_us - begun_us >= SOON_US else begun_us  # the segment that the newest one will begin
        return self._now_us - ends_us >= SOON_US

    # --- times --------------------------------------------------------------------------------------------------------

    def _ticks(self, room_us: int) -> int:
        return max(room_us - self._origin_us, 0) * 9 // 100

    def _time_us(self, ticks: int) -> int:
        return self._origin_us + ticks * 100 // 9

    def _start_us(self) -> int:
        return self._time_us(self._segmenter.position.ticks)
