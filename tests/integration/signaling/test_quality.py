"""The low-bandwidth ladder, layers and paused slots over real connections: who hears what, and what a restart keeps."""

from __future__ import annotations

from pathlib import Path

from media import control
from tests.integration.signaling.conftest import Arrive
from tests.integration.signaling.guest import Guest, MediaPeer, until
from tests.integration.signaling.house import House, furnish


async def test_everybody_sees_on_which_rung_somebody_is_and_a_restart_keeps_it(tmp_path: Path) -> None:
    await furnish(tmp_path)
    house = House(tmp_path)
    await house.start()
    worker = MediaPeer(house.url)
    await worker.start()
    host = await Guest(house.url).enter(house.ticket("host"))
    member = await Guest(house.url).enter(house.ticket("n1"))
    await member.do("transport.offer", sdp="v=0")
    await member.do("quality.choose", level="audio")
    assert worker.called("quality.set") == [{"room_id": "m", "participant_id": member.me, "level": "audio"}]
    changed = control.QualityChanged(
        room_id="m", participant_id=member.me, level=control.QualityLevel.AUDIO, chosen=True, budget_bps=0
    )
    for _ in range(3):
        await worker.say(changed)
    await until(lambda: bool(host.heard("participant.changed")), "the host sees the rung")
    assert host.heard("participant.changed")[-1]["participant"]["quality"] == "audio"
    log = await house.services.log.read("m")
    assert [event.type for event in log if event.type.startswith("quality")] == ["quality_chosen", "quality_changed"]
    await host.do("participant.allow", participant_id=member.me, audio=True, video=False, screen=True)
    for one in (host, member):
        await one.cut()
    await worker.close()
    port = house.port
    await house.stop()

    house = House(tmp_path, port=port)
    await house.start()
    assert await worker.start()
    back = Guest(house.url)
    assert await back.connect(resume_token=member.joined["resume_token"])
    joined = await back.join()
    me = next(p for p in joined["snapshot"]["participants"] if p["participant_id"] == back.me)
    assert (me["quality"], me["withheld"]) == ("audio", ["video"])
    assert joined["grants"]["publish_video"] is False
    await back.do("transport.offer", sdp="v=0")
    assert worker.called("quality.set")[-1]["level"] == "audio"
    assert worker.called("transport.offer")[-1]["grants"] == {"audio": True, "video": False, "screen": False}
    await back.close()
    await worker.close()
    await house.stop()


async def test_layers_are_asked_of_the_publisher_and_paused_slots_told_to_the_viewer(
    house: House, arrive: Arrive
) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    viewer, publisher = await arrive("n1"), await arrive("n2")
    camera = f"{publisher.me}:camera"
    await worker.say(control.PublicationLayersWanted(room_id="m", publication_id=camera, rids=("q",)))
    await worker.say(control.PublicationLayersWanted(room_id="m", publication_id=f"{publisher.me}:screen", rids=()))
    slots = (control.SlotInfo(mid="7", kind="video", publication_id=camera, paused=True),)
    await worker.say(control.SlotsChanged(room_id="m", participant_id=viewer.me, slots=slots))
    await until(lambda: bool(viewer.heard("slots.changed")), "the viewer hears of the pause")
    await until(lambda: len(publisher.heard("layers.requested")) == 2, "the publisher hears which layers")
    assert publisher.heard("layers.requested") == [
        {"source": "camera", "rids": ["q"]},
        {"source": "screen", "rids": []},
    ]
    assert viewer.heard("slots.changed")[0]["slots"][0]["paused"] is True
    assert not viewer.heard("layers.requested")
    assert not publisher.heard("slots.changed")
    await worker.close()


async def test_what_the_host_takes_is_enforced_at_the_worker_and_at_the_next_offer(
    house: House, arrive: Arrive
) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    host, member = await arrive("host"), await arrive("n1")
    await member.do("transport.offer", sdp="v=0")
    await member.do("publication.add", source="camera")
    await host.do("participant.allow", participant_id=member.me, audio=True, video=False, screen=False)
    taken = {"audio": True, "video": False, "screen": False}
    assert worker.called("grants.set") == [{"room_id": "m", "participant_id": member.me, "grants": taken}]
    await until(lambda: bool(host.heard("publication.removed")), "the camera is gone for everybody")
    (told,) = member.heard("grants.changed")
    assert (told["grants"]["publish_audio"], told["grants"]["publish_video"]) == (True, False)
    assert host.heard("participant.changed")[-1]["participant"]["withheld"] == ["video"]
    assert await member.refused("publication.add", source="camera") == "forbidden"
    nothing = {"participant_id": host.me, "audio": False, "video": False, "screen": False}
    assert await member.refused("participant.allow", **nothing) == "forbidden"
    await member.do("transport.offer", sdp="v=0")
    assert worker.called("transport.offer")[-1]["grants"] == taken
    again = await arrive("n1")
    assert again.joined["grants"]["publish_video"] is False
    await host.do("participant.allow", participant_id=member.me, audio=True, video=True, screen=True)
    await again.do("publication.add", source="camera")
    await worker.close()


async def test_a_server_without_a_relay_hands_out_none(house: House, arrive: Arrive) -> None:
    member = await arrive("o")
    assert await member.do("ice.servers") == {"servers": [], "ttl_s": 600}
