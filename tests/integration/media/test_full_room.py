"""A full room: fifty people, each of whom shows a camera and watches nine others; the fifty-first is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from media import control
from media.rtp.header import payload_offset
from media.sdp.offer import parse_offer
from tests.integration.media.control_server import ControlServer
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient

pytestmark = pytest.mark.integration
PEOPLE, VISIBLE, HEARD = 50, 9, 3
MICROPHONE_LINE, CAMERA_LINE, H264, OPUS = 0, 1, 108, 111
GRANTS = control.Grants(audio=True, video=True)


class Guest(RawClient):
    """A raw client with nine video slots; what it sends names it."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index
        self._sequence = 0
        slot = self.offer[self.offer.rindex("m=video") :]
        mids = range(11, 11 + VISIBLE - 4)  # the captured offer has four
        self.offer = self.offer.replace("BUNDLE 0", f"BUNDLE {' '.join(map(str, mids))} 0")
        self.offer += "".join(slot.replace("a=mid:10", f"a=mid:{mid}") for mid in mids)
        media = parse_offer(self.offer).media
        self._ssrcs = media[MICROPHONE_LINE].ssrcs[0], media[CAMERA_LINE].ssrcs[0]

    @property
    def watched(self) -> list[int]:
        return [(self.index + step) % PEOPLE for step in range(1, VISIBLE + 1)]

    def show(self) -> None:
        """A picture that is a keyframe, and 20 ms of sound."""
        self._sequence += 1
        microphone, camera = self._ssrcs
        name = bytes((self.index,))
        self.send(rtp(self._sequence, self._sequence * 9000, camera, b"\x67" + name, H264))
        self.send(rtp(self._sequence, self._sequence * 960, microphone, b"\xfc" + name, OPUS))

    def seen(self, payload_type: int) -> set[int]:
        """Whose packets have come."""
        return {packet[payload_offset(packet) + 1] for packet in self.rtp if packet[1] & 0x7F == payload_type}


@pytest.fixture
async def guests() -> AsyncIterator[list[Guest]]:
    made = [Guest(index) for index in range(PEOPLE)]
    yield made
    for guest in made:
        await guest.close()


def _offer(participant_id: str, client: RawClient) -> control.TransportOffer:
    return control.TransportOffer(room_id="full", participant_id=participant_id, sdp=client.offer, grants=GRANTS)


@pytest.mark.usefixtures("worker")
async def test_fifty_people_see_nine_each_and_the_next_is_refused(server: ControlServer, guests: list[Guest]) -> None:
    await server.call(control.RoomOpen(room_id="full", max_participants=PEOPLE))
    for guest in guests:
        answer = await server.call(_offer(f"p{guest.index}", guest))
        await guest.connect(answer["sdp"])
        wanted = tuple(f"p{index}:camera" for index in guest.watched)
        view = await server.call(
            control.ViewSet(
                room_id="full",
                participant_id=f"p{guest.index}",
                pictures=tuple(control.WantedPicture(publication_id=one) for one in wanted),
            )
        )
        assert tuple(slot["publication_id"] for slot in view["slots"] if slot["kind"] == "video") == wanted
    refused = await server.call_raw("transport.offer", _offer("p50", guests[0]).model_dump(mode="json"))
    assert refused["error"]["code"] == "room_full"

    async def everybody_sees_and_hears() -> None:
        while not all(guest.seen(H264) >= set(guest.watched) and len(guest.seen(OPUS)) >= HEARD for guest in guests):
            for guest in guests:
                guest.show()
            await asyncio.sleep(0.1)

    try:
        await asyncio.wait_for(everybody_sees_and_hears(), 10)
    except TimeoutError:
        blind = [guest.index for guest in guests if not guest.seen(H264) >= set(guest.watched)]
        deaf = [guest.index for guest in guests if len(guest.seen(OPUS)) < HEARD]
        pytest.fail(f"blind: {blind}, deaf: {deaf}")
    for guest in guests:
        assert guest.seen(H264) == set(guest.watched), "nothing that was not asked for"
        assert guest.index not in guest.seen(OPUS), "nobody hears himself"
    connected = {event["participant_id"] for name, event in server.events if event.get("state") == "connected"}
    assert len(connected) == PEOPLE
