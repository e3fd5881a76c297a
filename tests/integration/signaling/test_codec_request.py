"""A worker's wish for another codec reaches the one client that sends the publication."""

from __future__ import annotations

from media import control as media_control
from tests.integration.signaling.guest import Guest, MediaPeer, until
from tests.integration.signaling.house import House


async def test_only_the_publisher_is_asked_for_another_codec(house: House) -> None:
    worker = MediaPeer(house.url)
    await worker.start()
    publisher, other = (
        await Guest(house.url).enter(house.ticket("n1")),
        await Guest(house.url).enter(house.ticket("n2")),
    )
    await publisher.do("transport.offer", sdp="v=0")
    for publication_id in ("gone:camera", f"{publisher.me}:camera"):
        await worker.say(media_control.PublicationCodecWanted(room_id="m", publication_id=publication_id, codec="VP8"))
    await until(lambda: bool(publisher.heard("codec.requested")), "the publisher is asked")
    assert publisher.heard("codec.requested") == [{"source": "camera", "codec": "VP8"}]
    assert not other.heard("codec.requested")
    for who in (publisher, other):
        await who.close()
    await worker.close()
