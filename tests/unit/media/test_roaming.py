"""A client whose address changes, with or without its knowing: the worker follows it, and nobody else."""

from __future__ import annotations

from media.ice.agent import MAX_CREDENTIALS
from media.ice.nomination import ASKS
from media.ice.roaming import ASKED_BURST, STRAYS_BURST
from media.rtp import rtcp
from media.sdp.offer import parse_offer
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import CAMERA, Studio, packet_of

KEY = b"\x67key"


class Scene:
    """Alice and Bob see each other."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.alice, self.bob = RawClient(), RawClient()
        for ssrc in {ssrc for media in parse_offer(self.bob.offer).media for ssrc in media.ssrcs}:  # one capture
            self.bob.offer = self.bob.offer.replace(str(ssrc), str(ssrc ^ 0x10000))

    async def begin(self) -> Scene:
        self.alice = await self.studio.enter("alice")
        self.answer = self.studio.offer("bob", self.bob).sdp
        await self.bob.connect(self.answer)
        self.studio.view("bob", "alice:camera")
        self.studio.view("alice", "bob:camera")
        self.alice.send(packet_of(self.alice, CAMERA, 5, KEY))
        self.bob.send(packet_of(self.bob, CAMERA, 5, KEY))
        await self.studio.sees(lambda: self.alice.rtp and self.bob.rtp, "both see each other")
        return self

    @property
    def counters(self) -> dict[str, int]:
        return self.studio.plane.counters

    async def move_bob(self) -> None:
        """His router gives him another port; he knows nothing of it."""
        await self.bob.open(self.answer)


async def test_media_leads_to_the_new_address(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    checks = scene.bob.checks
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: len(scene.alice.rtp) == 2, "what he sends is used at once")
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "and he has answered where he is")
    scene.alice.send(packet_of(scene.alice, CAMERA, 6))
    await studio.sees(lambda: len(scene.bob.rtp) == 2, "what is sent to him follows")
    assert scene.bob.checks == checks, "without a check of his own"
    scene.bob.send(packet_of(scene.bob, CAMERA, 7))
    await studio.sees(lambda: len(scene.alice.rtp) == 3, "it is his address now")
    assert len(scene.bob.asked) == 1


async def test_who_only_looks_on_is_found_by_his_reports(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.send(rtcp.write_receiver_report(77, []), is_rtcp=True)
    await studio.sees(lambda: scene.counters["rtcp_in"] > 0, "a report")
    await scene.move_bob()
    scene.bob.send(rtcp.write_receiver_report(77, []), is_rtcp=True)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he is found")


async def test_a_path_that_he_nominates_is_used_when_it_has_answered(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    await scene.move_bob()
    await scene.bob.check(scene.answer, use_candidate=True)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he was asked and has answered")
    scene.alice.send(packet_of(scene.alice, CAMERA, 6))
    await studio.sees(lambda: len(scene.bob.rtp) == 2, "what is sent to him follows")


async def test_a_member_cannot_turn_his_stream_on_a_stranger(studio: Studio) -> None:
    """He knows his password, and can write any source on a check that nominates a path."""
    scene = await Scene(studio).begin()
    bob = studio.room.participants["bob"].current
    assert bob is not None
    before = bob.transport.address
    scene.bob.answers_checks = False  # the stranger does not know the password
    await scene.move_bob()
    for _ in range(2 * ASKED_BURST):
        await scene.bob.check(scene.answer, use_candidate=True)
    assert bob.transport.address == before
    assert len(scene.bob.asked) == ASKED_BURST, "nor is he flooded with questions"
    assert not scene.counters["moved_when_asked"]


async def test_a_lost_answer_is_asked_for_again_when_he_checks(studio: Studio) -> None:
    """Firefox nominates a path once; its later checks do not say so again."""
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    await scene.bob.check(scene.answer, use_candidate=True)
    await studio.sees(lambda: len(scene.bob.asked) == 1, "asked")
    scene.bob.answers_checks = True
    await scene.bob.check(scene.answer, use_candidate=False)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he has answered")


async def test_a_lost_answer_is_asked_for_again_by_itself(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    await scene.bob.check(scene.answer, use_candidate=True)
    await studio.sees(lambda: len(scene.bob.asked) == 1, "asked")
    seen = []
    for _ in range(80):
        studio.clock.now += 0.1
        studio.room.participants["bob"].tick_paths(studio.clock.now)
        seen.append(scene.counters["stun_out"])
    assert seen[-1] == 1 + ASKS, "so often and no more"
    assert seen[0] == 2
    scene.bob.answers_checks = True
    await scene.bob.check(scene.answer, use_candidate=False)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he has answered")


async def test_a_connection_that_is_to_replace_his_is_asked_again_too(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    other = RawClient()
    answer = studio.offer("bob", other).sdp
    await other.open(answer)
    await other.check(answer, use_candidate=True)
    other.answers_checks = False
    await other.open(answer)
    await other.check(answer, use_candidate=True)
    await studio.sees(lambda: len(other.asked) == 1, "asked")
    studio.clock.now += 0.2
    studio.voices()
    await studio.sees(lambda: len(other.asked) == 2, "asked again")
    assert not scene.bob.asked
    await other.close()


async def test_the_path_that_was_nominated_last_is_kept(studio: Studio) -> None:
    """He goes to another network and back at once; then the answer comes from there."""
    scene = await Scene(studio).begin()
    bob = studio.room.participants["bob"].current
    assert bob is not None
    before = bob.transport.address
    there = RawClient()
    there.offer, there.answers_checks = scene.bob.offer, False
    await there.open(scene.answer)
    await there.check(scene.answer, use_candidate=True)
    await studio.sees(lambda: len(there.asked) == 1, "asked there")
    await scene.bob.check(scene.answer, use_candidate=True)
    there.send_raw(there.response(there.asked[0]))
    await there.check(scene.answer, use_candidate=False)
    assert bob.transport.address == before
    assert not scene.counters["moved_when_asked"]
    await there.close()


async def test_an_answer_ends_older_questions_alone(studio: Studio) -> None:
    """Two changes within a round trip: the answer from where he was must not drop the question where he is."""
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    second = RawClient()
    second.offer, second.answers_checks = scene.bob.offer, False
    await second.open(scene.answer)
    for number, client in enumerate((scene.bob, second, scene.bob)):
        await client.check(scene.answer, use_candidate=True)
        await studio.sees(lambda: len(scene.bob.asked) + len(second.asked) == number + 1, "asked")  # noqa: B023
    second.send_raw(second.response(second.asked[0]))
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "there first")
    for question in scene.bob.asked:
        scene.bob.send_raw(scene.bob.response(question))
    await scene.bob.check(scene.answer, use_candidate=False)
    assert scene.counters["moved_when_asked"] == 2, "and then here, by the question that was younger"
    await second.close()


async def test_nothing_is_sent_where_nobody_answers(studio: Studio) -> None:
    """Somebody on the way has taken a packet and sent it from elsewhere: no stream goes there."""
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    for sequence in range(6, 6 + 2 * ASKED_BURST):
        scene.bob.send(packet_of(scene.bob, CAMERA, sequence))
    await studio.sees(lambda: len(scene.alice.rtp) == 1 + 2 * ASKED_BURST, "it is his packets all the same")
    assert len(scene.bob.asked) == ASKED_BURST, "no more than so many"
    scene.alice.send(packet_of(scene.alice, CAMERA, 6))
    sent = scene.counters["rtp_in"]
    await studio.sees(lambda: scene.counters["rtp_in"] >= sent, "in")
    assert len(scene.bob.rtp) == 1
    assert scene.counters["moved_when_asked"] == 0


async def test_an_answer_from_elsewhere_or_without_the_password_counts_for_nothing(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: len(scene.bob.asked) == 1, "he is asked")
    good = scene.bob.response(scene.bob.asked[0])
    stranger = RawClient()
    await stranger.open(scene.answer)
    dropped = scene.counters["drop_stun_unauthentic"]
    stranger.send_raw(good)
    scene.bob.send_raw(good[:-20] + bytes((good[-20] ^ 1,)) + good[-19:])
    await studio.sees(lambda: scene.counters["drop_stun_unauthentic"] == dropped + 2, "both are dropped")
    scene.bob.send_raw(good[:8] + bytes(12) + good[20:])  # of a question that nobody asked
    assert scene.counters["moved_when_asked"] == 0
    scene.bob.send_raw(good)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "the true one still counts")
    scene.bob.send_raw(good)
    await stranger.close()


async def test_strangers_with_a_known_mark_are_soon_not_looked_at(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    stranger = RawClient()
    await stranger.open(scene.answer)
    real = packet_of(scene.bob, CAMERA, 9)
    refused = scene.counters["drop_srtp"]
    for number in range(STRAYS_BURST + 20):
        stranger.send_raw(real[:2] + number.to_bytes(2, "big") + real[4:] + bytes(40))
    await studio.sees(lambda: scene.counters["drop_unknown_source"] == STRAYS_BURST + 20, "all are dropped")
    assert scene.counters["drop_srtp"] - refused == STRAYS_BURST
    assert not stranger.asked
    await stranger.close()


async def test_a_packet_is_used_once_wherever_it_comes_from(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: len(scene.alice.rtp) == 2, "it came")
    copy = scene.bob.last_sent
    stranger = RawClient()
    await stranger.open(scene.answer)
    stranger.send_raw(copy)
    await studio.sees(lambda: scene.counters["drop_unknown_source"] == 1, "the copy is dropped")
    assert len(scene.alice.rtp) == 2
    assert not stranger.asked
    await stranger.close()


async def test_marks_and_questions_end_with_their_transport(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: len(scene.bob.asked) == 1, "he is asked")
    strays = studio.plane._demux.strays
    assert strays._questions
    studio.room.remove("bob")
    studio.room.remove("alice")
    assert not strays._by_ssrc
    assert not strays._questions


async def test_a_mark_stays_with_who_had_it_first(studio: Studio) -> None:
    """Else somebody could keep others from being found, by sending with their numbers."""
    scene = await Scene(studio).begin()
    mark = packet_of(scene.bob, CAMERA, 1)[8:12]
    scene.alice.send(rtp(1, 900, int.from_bytes(mark, "big"), b"mine", 108))
    await studio.sees(lambda: scene.counters["drop_unknown_ssrc"] + scene.counters["rtp_in"] > 2, "alice's is in")
    assert studio.room.participants["bob"].current is not None
    assert studio.plane._demux.strays._by_ssrc[mark] is studio.room.participants["bob"].current.transport


async def test_he_is_asked_with_the_credentials_of_the_path_that_he_uses(studio: Studio) -> None:
    """A restart of ICE that has led nowhere yet leaves him on the old path, where only the old ones are known."""
    scene = await Scene(studio).begin()
    before = scene.bob.offer
    scene.bob.offer = restarted(before)
    studio.offer("bob", scene.bob)
    scene.bob.offer = before
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he has answered")


async def test_the_credentials_of_his_path_outlast_the_restarts_that_follow(studio: Studio) -> None:
    """He may have checked with those of one restart while others are on their way."""
    scene = await Scene(studio).begin()
    offers = [restarted(scene.bob.offer, number) for number in range(MAX_CREDENTIALS)]
    answers = []
    for offer in offers[:-1]:
        scene.bob.offer = offer
        answers.append(studio.offer("bob", scene.bob).sdp)
    scene.bob.offer = offers[0]
    await scene.bob.check(answers[0], use_candidate=True)
    scene.bob.offer = offers[-1]
    studio.offer("bob", scene.bob)
    scene.bob.offer = offers[0]
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he has answered")


def restarted(offer: str, number: int = 0) -> str:
    """The same, with other ICE credentials."""
    first = parse_offer(offer)
    return offer.replace(first.ice_ufrag, f"anew{number}").replace(first.ice_pwd, f"{number:024}")


async def test_a_path_that_is_checked_before_the_answer_has_come_is_used(studio: Studio) -> None:
    """Chromium begins with its new ufrag and our old one; the path that works by then keeps this pair."""
    scene = await Scene(studio).begin()
    before = scene.answer
    scene.bob.offer = restarted(scene.bob.offer)
    await scene.move_bob()
    await scene.bob.check(before, use_candidate=False)  # our end does not know of the restart yet
    answer = studio.offer("bob", scene.bob).sdp
    await scene.bob.check(before, use_candidate=True)
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 1, "he was asked by the pair that he uses")
    beside = RawClient()
    beside.offer = scene.bob.offer
    await beside.open(answer)
    await beside.check(answer, use_candidate=False)
    await scene.bob.check(before, use_candidate=False)  # a pair beside it does not make this one void
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: scene.counters["moved_when_asked"] == 2, "and by the same where he is next")
    await scene.bob.check(answer, use_candidate=True)
    assert len(studio.plane._demux.by_ufrag) == 2, "the path in use has the new ones: the former are void"
    await beside.close()


async def test_the_address_of_somebody_who_is_there_is_not_taken(studio: Studio) -> None:
    scene = await Scene(studio).begin()
    scene.bob.answers_checks = False
    await scene.move_bob()
    scene.bob.send(packet_of(scene.bob, CAMERA, 6))
    await studio.sees(lambda: len(scene.bob.asked) == 1, "he is asked")
    alice = studio.room.participants["alice"].current
    assert alice is not None
    owners = studio.plane._demux.by_address
    address = scene.bob.address
    owners[address] = alice.transport
    scene.bob.send_raw(scene.bob.response(scene.bob.asked[0]))
    await studio.sees(lambda: scene.counters["drop_stun_taken"] == 1, "it is alice's by now")
    assert owners[address] is alice.transport
    assert scene.counters["moved_when_asked"] == 0
