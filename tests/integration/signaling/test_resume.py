"""Cut connections, second devices, and a server that is killed: nobody loses anything, nothing happens twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import socketio

from media import control as media_control
from server.meeting_log.chain import verify
from tests.integration.signaling.conftest import Arrive
from tests.integration.signaling.guest import Guest, MediaPeer, fetch_ticket, until
from tests.integration.signaling.house import House, furnish


async def come_back(guest: Guest) -> Guest:
    """The same page after a reconnect."""
    last = max([guest.joined["revision"], *guest.revisions()])
    again = Guest(guest.url)
    assert await again.connect(resume_token=guest.joined["resume_token"]), again.refusal
    await again.join(last_revision=last)
    return again


async def test_cut_and_back_nothing_missed_nothing_twice(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    await host.do("meeting.start")
    await until(lambda: bool(member.heard("meeting.changed")), "the start arrives")
    await member.cut()
    await until(
        lambda: any(e["participant"]["presence"] == "unstable" for e in host.heard("participant.changed")),
        "the host sees the member unstable",
    )
    posted = [(await host.do("remark.post", text=f"第{i}句"))["remark"]["remark_id"] for i in range(30)]
    back = await come_back(member)
    assert back.me == member.me
    missed = back.joined["missed"]
    assert back.joined["snapshot"] is None
    assert [e["remark"]["remark_id"] for e in missed if e["type"] == "remark.added"] == posted
    await host.do("remark.post", text="最后")
    await until(lambda: bool(back.heard("remark.added")), "live events go on")
    revisions = member.revisions() + [event["revision"] for event in missed] + back.revisions()
    assert revisions == list(range(revisions[0], revisions[0] + len(revisions)))
    await back.close()


async def test_a_remark_that_is_sent_again_after_a_reconnect_is_one_remark(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    await host.do("meeting.start")
    first = await member.ask("remark.post", request_id="same", text="一次")
    again = await member.ask("remark.post", request_id="same", text="一次")
    await member.cut()
    back = await come_back(member)
    third = await back.ask("remark.post", request_id="same", text="一次")
    assert first == again == third
    log = await house.services.log.read("m")
    assert [event.type for event in log].count("remark") == 1
    await back.close()


async def test_second_device_takes_over(house: House, arrive: Arrive) -> None:
    host, desk = await arrive("host"), await arrive("n1")
    await desk.do("hand.raise")
    phone = await arrive("n1")
    assert phone.me == desk.me
    assert len(phone.joined["snapshot"]["hands"]) == 1
    await until(lambda: bool(desk.heard("room.closed")), "the first device is told")
    assert desk.heard("room.closed")[0]["code"] == "replaced"
    assert await desk.refused("hand.lower") == "replaced"
    assert not host.heard("participant.left")
    stale = Guest(house.url)
    assert not await stale.connect(resume_token=desk.joined["resume_token"])
    assert stale.refusal is not None
    assert stale.refusal["data"]["code"] == "replaced"
    await until(lambda: not desk.sio.connected, "the first device is disconnected")
    await phone.do("hand.lower")


async def test_removed_stays_out(house: House, arrive: Arrive) -> None:
    host, member = await arrive("host"), await arrive("n1")
    await host.do("participant.remove", participant_id=member.me)
    await until(lambda: bool(member.heard("room.closed")), "the member is told")
    assert await member.refused("hand.raise") == "removed"
    for auth in ({"ticket": house.ticket("n1")}, {"resume_token": member.joined["resume_token"]}):
        guest = Guest(house.url)
        assert not await guest.connect(**auth)
        assert guest.refusal is not None
        assert guest.refusal["data"]["code"] == "removed"


async def test_bent_resume_tokens(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    token = member.joined["resume_token"]
    other = (await arrive("n2")).joined["resume_token"]
    mixed = other.split(".")[0] + "." + token.split(".")[1]
    for bent in ("", "x", token + "x", token[:-2], mixed, token.split(".")[0] + ".", "ü.ü"):
        guest = Guest(house.url)
        assert not await guest.connect(resume_token=bent), bent
        assert guest.refusal is not None
        assert guest.refusal["data"]["code"] == "resume_expired"


# --- a server that is killed ---


class Process:
    """A house in a process of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        ready = self.folder / "port"
        ready.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.signaling.house", str(self.folder), str(self.port)
        )
        process = self._process
        await until(lambda: ready.exists() or process.returncode is not None, "the house opens", 30)
        await until(lambda: bool(ready.read_text()), "the port is told")
        self.port = int(ready.read_text())

    def stop_the_clock(self) -> None:
        """As when a virtual machine is moved: nothing runs, and nobody is told."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    await furnish(tmp_path)
    started = Process(tmp_path)
    await started.start()
    yield started
    await started.kill()


async def _talk(guest: Guest, acknowledged: list[str], sent: list[tuple[str, str]]) -> None:
    """Remarks without a pause until the server is gone."""
    number = 0
    with contextlib.suppress(socketio.exceptions.SocketIOError, AssertionError):
        while True:
            number += 1
            request_id = f"{guest.me[:8]}-{number}"
            sent.append((request_id, f"话{number}"))
            call = guest.ask("remark.post", request_id=request_id, text=f"话{number}")
            answer = await asyncio.wait_for(call, 3)
            assert answer["ok"]
            acknowledged.append(answer["data"]["remark"]["remark_id"])
            await asyncio.sleep(0.06)


async def test_killed_server_loses_no_acknowledged_remark(process: Process) -> None:
    host = await Guest(process.url).enter(await fetch_ticket(process.url, "host"))
    talkers = [await Guest(process.url).enter(await fetch_ticket(process.url, who)) for who in ("n1", "n2", "rec")]
    worker = MediaPeer(process.url)
    await worker.start()
    await host.do("meeting.start")
    await talkers[0].do("transport.offer", sdp="v=0")
    await talkers[0].do("hand.raise")
    await talkers[1].do("sign_in.self")
    acknowledged: list[list[str]] = [[] for _ in talkers]
    sent: list[list[tuple[str, str]]] = [[] for _ in talkers]
    talks = [asyncio.create_task(_talk(*each)) for each in zip(talkers, acknowledged, sent, strict=True)]
    await until(lambda: min(map(len, acknowledged)) >= 10, "everybody has talked")
    await process.kill()
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    for guest in (host, *talkers):
        await guest.close()
    await worker.close()

    await process.start()
    worker.rooms["m"] = media_control.RoomMedia(
        room_id="m",
        tap="unix:/w1",
        participants=(
            media_control.ParticipantMedia(
                participant_id=talkers[0].me,
                state=media_control.TransportState.CONNECTED,
                sources=("camera",),
            ),
        ),
    )
    await worker.start()
    back = [await come_back(guest) for guest in (host, *talkers)]
    snapshot = back[0].joined["snapshot"]
    assert snapshot["meeting"]["state"] == "live"
    assert [hand["participant_id"] for hand in snapshot["hands"]] == [talkers[0].me]
    assert snapshot["roll"]["signed_in"] == 1
    assert {p["participant_id"] for p in snapshot["participants"]} == {guest.me for guest in (host, *talkers)}
    for guest, before, requests in zip(back[1:], acknowledged, sent, strict=True):
        for request_id, text in requests:  # the page does not know which ones arrived, so it sends all again
            remark = (await guest.do("remark.post", request_id=request_id, text=text))["remark"]
            if remark["remark_id"] in before:
                before.remove(remark["remark_id"])
        assert before == []
    assert not any(guest.heard("media.moved") for guest in back)
    assert worker.called("room.close") == []
    for guest in back:
        await guest.close()
    await worker.close()
    await process.kill()

    with contextlib.closing(sqlite3.connect(process.folder / "huitang.db")) as database:
        texts = database.execute("SELECT payload FROM log_event WHERE type = 'remark'").fetchall()
    house = House(process.folder)
    await house.start()
    events = await house.services.log.read("m")
    await house.stop()
    assert verify(events) is None
    remarks = [event.payload for event in events if event.type == "remark"]
    assert len(remarks) == len(set(remarks)) == sum(map(len, sent)) >= len(texts)


async def test_a_server_that_stood_still_loses_nobody(process: Process) -> None:
    """Longer than a seat's lease: whoever is back within seconds of its end never left."""
    guests = [await Guest(process.url).enter(await fetch_ticket(process.url, who)) for who in ("host", "n1")]
    await until(lambda: bool(guests[0].heard("participant.joined")), "both see each other")
    process.stop_the_clock()
    await until(lambda: not any(guest.sio.connected for guest in guests), "the pages give their sockets up", 20)
    stopped_s = asyncio.get_running_loop().time()
    await until(lambda: asyncio.get_running_loop().time() - stopped_s > 10, "the lease is over", 20)
    coming = [asyncio.create_task(come_back(guest)) for guest in guests]
    process.go_on()
    back = [await task for task in coming]
    for guest in back:
        assert guest.me in {one.me for one in guests}
        names = [event["type"] for event in guest.joined["missed"]] + [name for name, _ in guest.events]
        assert "participant.left" not in names
        assert "participant.joined" not in names
    await back[0].do("meeting.start")
    for guest in back:
        await guest.close()


async def test_a_socket_that_ends_while_its_join_waits_leaves_no_ghost(house: House, arrive: Arrive) -> None:
    await arrive("host")
    room = house.services.rooms.get("m")
    assert room is not None
    member = Guest(house.url)
    assert await member.connect(ticket=house.ticket("n1"))
    async with room.lock:
        await member.sio.emit("room.join", {"request_id": "j"})
        await until(lambda: bool(room.lock._waiters), "the join waits for the room")
        await member.cut()
        await until(lambda: len(house.gateway._sessions) == 1, "the server notices")
    await until(lambda: room.seat_of("n1") is not None, "the join is through")
    seat = room.seat_of("n1")
    assert seat is not None
    await until(lambda: seat.connection is None and not seat.liveness.connected, "nobody holds the seat")


async def test_a_session_without_a_socket_is_swept_away(house: House, arrive: Arrive) -> None:
    member = await arrive("n1")
    (sid,) = house.gateway._sessions
    session = house.gateway._sessions[sid]
    await member.close()
    await until(lambda: not house.gateway._sessions, "the socket's end is noticed")
    house.gateway._sessions[sid] = session  # as when the socket ended while it was being admitted
    await house.gateway.sweep()
    assert not house.gateway._sessions
