"""The broadcast of a running lesson: a player's way through it, who may follow, what is never in it."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import av
import pytest

from recordings.control import RecordingState
from tests.integration.recordings.publishers import read_counter
from tests.integration.server_http.conftest import Answer, Browser, until
from tests.integration.whip.conftest import Hall, Stage, on_s3

pytestmark = pytest.mark.integration


def lengths(playlist: str) -> list[float]:
    return [float(line[8:].rstrip(",")) for line in playlist.splitlines() if line.startswith("#EXTINF:")]


class Player:
    """Follows a playlist as a player would."""

    def __init__(self, stage: Stage, browser: Browser) -> None:
        self.info = f"/api/meetings/{stage.hall.meeting_id}/broadcast"
        self.browser = browser
        self.url = ""
        self.text = ""

    async def live(self) -> None:
        async def is_live() -> bool:
            answer = await self.browser.get(self.info)
            assert answer.status == 200, answer.body
            self.url = answer.body["playlist_url"] or ""
            return bool(answer.body["state"] == "live")

        await until("the broadcast", is_live, 30)

    async def playlist(self) -> Answer:
        answer = await self.browser.get(self.url)
        self.text = answer.body.decode() if answer.status == 200 else ""
        return answer

    async def reaches(self, segments: int) -> None:
        async def long_enough() -> bool:
            await self.playlist()
            return len(lengths(self.text)) >= segments

        await until(f"{segments} segments", long_enough, 40)

    async def decoded(self) -> list[Any]:
        """Every picture of all segments."""
        frames: list[Any] = []
        folder = self.url.rpartition("/")[0]
        pieces: list[bytes] = []
        for line in [*self.text.splitlines(), "#EXT-X-MAP:URI="]:
            if line.startswith("#EXT-X-MAP:URI="):
                if pieces:
                    with av.open(io.BytesIO(b"".join(pieces)), "r") as container:
                        frames += container.decode(video=0)
                name = line.partition("=")[2].strip('"')
                pieces = [(await self.browser.get(f"{folder}/{name}")).body] if name else []
            elif line.endswith(".m4s"):
                answer = await self.browser.get(f"{folder}/{line}")
                assert answer.status == 200
                pieces.append(answer.body)
        return frames


async def test_a_lesson_is_followed_rewound_and_ends(stage: Stage) -> None:
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    await player.reaches(5)
    answer = await player.playlist()
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in player.text and "#EXT-X-START:TIME-OFFSET=-" in player.text
    assert max(lengths(player.text)[2:]) < 2.6, player.text  # with an audience
    frames = await player.decoded()
    counters = [read_counter(bytes(frame.planes[0])[: frame.width]) for frame in frames if frame.width == 640]
    assert counters[:30] == list(range(counters[0], counters[0] + 30))

    await stage.host.do("meeting.end")

    async def ended() -> bool:
        await player.playlist()
        return "#EXT-X-ENDLIST" in player.text

    await until("the end in the playlist", ended, 30)
    assert "#EXT-X-START" not in player.text
    info = await player.browser.get(player.info)
    assert info.body == {"state": "unavailable", "playlist_url": None, "reason": "ended"}


@on_s3
async def test_it_plays_from_s3(stage: Stage) -> None:
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    await player.reaches(3)
    assert len(await player.decoded()) > 50


async def test_objects_are_kept_by_the_one_who_got_them(stage: Stage) -> None:
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    await player.reaches(1)
    folder = player.url.rpartition("/")[0]
    for name, type_ in (("init0.mp4", "video/mp4"), ("000000.m4s", "video/iso.segment")):
        whole = await player.browser.get(f"{folder}/{name}")
        assert (whole.status, whole.headers["Content-Type"]) == (200, type_)
        assert whole.headers["Cache-Control"] == "private, max-age=86400, immutable"
        part = await player.browser.get(f"{folder}/{name}", headers={"Range": "bytes=4-7"})
        assert (part.status, part.body) == (206, whole.body[4:8])
        beyond = await player.browser.get(f"{folder}/{name}", headers={"Range": "bytes=99999999-"})
        assert beyond.status == 416
    for name in ("manifest.json", "catalogue.jsonl", "000000.m4s.tmp", "..%2f..%2fcheck", "999999.m4s", "init9.mp4"):
        answer = await player.browser.get(f"{folder}/{name}")
        assert (answer.status, answer.code) == (404, "not_found"), name


async def test_only_who_may_be_in_the_room(stage: Stage) -> None:
    hall = stage.hall
    player = Player(stage, await hall.browser("member"))
    await player.live()
    segment = player.url.replace("index.m3u8", "000000.m4s")
    still = f"/api/meetings/{hall.meeting_id}/still"
    for account, status, code in (
        (None, 401, "not_signed_in"),
        ("outsider", 404, "not_found"),
        ("inspector", 403, "forbidden"),
    ):
        browser = await hall.browser(account) if account else hall.stranger()
        for path in (player.info, player.url, segment, still):
            answer = await browser.get(path)
            assert (answer.status, answer.code) == (status, code), (account, path)
    other = player.url.replace(stage.recording_id, "0" * 32)
    assert (await player.browser.get(other)).status == 404


async def test_whom_the_host_removes_follows_no_longer(stage: Stage) -> None:
    hall = stage.hall
    member = await hall.enter("member")
    player = Player(stage, await hall.browser("member"))
    await player.live()
    await stage.host.do("participant.remove", participant_id=member.me)
    replay = f"/api/recordings/{stage.recording_id}"  # the same recording by its other door
    for path in (
        player.info,
        player.url,
        player.url.replace("index.m3u8", "000000.m4s"),
        replay,
        f"{replay}/hls/index.m3u8",
        f"{replay}/hls/000000.m4s",
    ):
        answer = await player.browser.get(path)
        assert (answer.status, answer.code) == (403, "removed"), path
    await stage.host.do("participant.readmit", member_id=hall.members["member"])
    assert (await player.playlist()).status == 200
    assert (await player.browser.get(f"{replay}/hls/index.m3u8")).status == 200


async def test_a_pause_is_a_hole(stage: Stage) -> None:
    """What is said and shown in it is in no segment, and no still."""
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    still = f"/api/meetings/{stage.hall.meeting_id}/still"
    assert (await player.browser.get(still)).status == 200
    await stage.host.do("recording.pause")
    await stage.hall.recording(RecordingState.PAUSED)
    first_hidden = stage.camera.counter + 3  # pictures that were on the socket before the pause began
    for _ in range(8):
        assert (await player.browser.get(still)).status == 204
        await asyncio.sleep(0.5)
    last_hidden = stage.camera.counter - 1
    await stage.host.do("recording.resume")
    await stage.hall.recording(RecordingState.RECORDING)
    await player.playlist()
    await player.reaches(len(lengths(player.text)) + 3)
    frames = [frame for frame in await player.decoded() if frame.height == 360]
    shown = {read_counter(bytes(frame.planes[0])[: frame.width]) for frame in frames}
    assert shown & set(range(first_hidden)) and max(shown - {0xFFFF}) > last_hidden
    assert not shown & set(range(first_hidden, last_hidden))


async def test_a_still_costs_nothing_while_it_is_the_same(stage: Stage) -> None:
    still = f"/api/meetings/{stage.hall.meeting_id}/still"
    browser = await stage.hall.browser("member")

    async def shown() -> bool:
        return (await browser.get(still)).status == 200

    await until("a still", shown, 15)
    first = await browser.get(still)
    assert first.headers["Content-Type"] == "image/jpeg" and first.headers["Cache-Control"] == "private, no-cache"
    with av.open(io.BytesIO(first.body), "r") as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (640, 360)
    again = await browser.get(still, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_without_a_recording_it_says_why(hall: Hall) -> None:
    await hall.begin(record=False)
    browser = await hall.browser("member")
    answer = await browser.get(f"/api/meetings/{hall.meeting_id}/broadcast")
    assert answer.body == {"state": "unavailable", "playlist_url": None, "reason": "not_recorded"}
    assert (await browser.get(f"/api/meetings/{hall.meeting_id}/still")).status == 204


async def test_before_the_first_segment_it_waits(hall: Hall) -> None:
    now_ms = hall.clock.now_ms()
    hall.meeting_id = await hall.meeting(start_ms=now_ms, end_ms=now_ms + 3_600_000)
    browser = await hall.browser("member")
    path = f"/api/meetings/{hall.meeting_id}/broadcast"
    assert (await browser.get(path)).body["reason"] == "not_live"
    host = await hall.enter("host")
    await host.do("meeting.start")
    assert (await browser.get(path)).body == {"state": "waiting", "playlist_url": None, "reason": None}

    async def given_up() -> bool:  # no recorder ever came
        return bool((await browser.get(path)).body["reason"] == "recorder_unavailable")

    await until("the want of a recorder to be told", given_up)


async def test_a_player_that_asks_all_the_time_is_slowed_down(stage: Stage) -> None:
    browser = await stage.hall.browser("member")
    path = f"/api/meetings/{stage.hall.meeting_id}/broadcast"
    statuses = [(await browser.get(path)).status for _ in range(200)]
    assert statuses[0] == 200 and 429 in statuses
    assert (await (await stage.hall.browser("secretary")).get(path)).status == 200  # nobody else is


async def test_a_playlist_of_hours_is_packed(stage: Stage) -> None:
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    packed = await player.browser.http.get(player.browser.url + player.url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = await player.browser.http.get(player.browser.url + player.url, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert re.match(r"#EXTM3U\n", await plain.text()) and (await packed.text()).startswith("#EXTM3U\n")
