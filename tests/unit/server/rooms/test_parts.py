"""The pure parts of a room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.control import SOURCES, Grants, TransportState
from server.protocol.commands import COMMANDS
from server.protocol.events import StageChanged
from server.protocol.models import Presence, RoomRole
from server.rooms.agenda import Agenda
from server.rooms.conduct import clean_text
from server.rooms.definition import AgendaItem, RollMember
from server.rooms.grants import COMMAND_RULES, may_command, may_publish, media_grants, room_grants
from server.rooms.hands import Hands
from server.rooms.presence import LEASE_MS, MEDIA_UNSTABLE_AFTER_MS, Liveness
from server.rooms.publications import Publications
from server.rooms.remarks import remark_id_of
from server.rooms.revisions import Revisions
from server.rooms.roll import Roll


def test_hands_keep_their_order_and_place() -> None:
    hands = Hands()
    for at_ms, who in enumerate(["a", "b", "a", "c"]):
        hands.raise_(who, at_ms)
    assert [(hand.participant_id, hand.raised_ms) for hand in hands.infos()] == [("a", 0), ("b", 1), ("c", 3)]
    assert hands.lower("b")
    assert not hands.lower("b")
    assert "b" not in hands
    hands.clear()
    assert hands.infos() == ()


def test_agenda_item_taken_up_again_goes_on() -> None:
    agenda = Agenda([AgendaItem("a", "A"), AgendaItem("b", "B")])
    for at_ms, item in ((1, "a"), (5, "b"), (7, "a"), (9, None)):
        agenda.move(item, at_ms)
    info = agenda.info()
    assert [(item.started_ms, item.ended_ms) for item in info.items] == [(1, 9), (5, 7)]
    assert info.current_item_id is None
    assert "c" not in agenda


def test_roll_counts_members_not_observers() -> None:
    roll = Roll(
        [
            RollMember("a", "A", RoomRole.MEMBER, has_vote=True, counted=True),
            RollMember("b", "B", RoomRole.MEMBER, has_vote=False, counted=True, leave_reason="sick"),
            RollMember("o", "O", RoomRole.OBSERVER, has_vote=False, counted=False),
        ]
    )
    assert not roll.expects("o")
    roll.sign_in("a", 5, "proxy", "o")
    roll.sign_in("a", 9, "self", None)
    info = roll.info()
    assert (info.expected, info.signed_in, info.expected_voting, info.signed_in_voting) == (2, 1, 1, 1)
    assert (info.entries[0].signed_in_ms, info.entries[0].signed_in_by) == (5, "O")
    assert info.entries[1].leave_reason == "sick"


def test_publications_know_of_packets_before_the_announcement() -> None:
    publications = Publications()
    assert publications.set_flowing("p:camera", True) is None
    assert publications.add("p", "camera", muted=False).flowing
    assert publications.set_muted("p:camera", False) is None
    changed = publications.set_muted("p:camera", True)
    assert changed is not None
    assert changed.muted
    assert [info.publication_id for info in publications.forget_flow()] == ["p:camera"]
    assert publications.of("p") == ["p:camera"]
    assert publications.remove("p:camera")
    assert not publications.remove("p:camera")


def test_remark_ids_follow_the_request() -> None:
    assert remark_id_of("p", "r1") == remark_id_of("p", "r1")
    assert len({remark_id_of("p", "r1"), remark_id_of("p", "r2"), remark_id_of("q", "r1")}) == 3


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (" 好 \n", "好"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("a\u202eb\ufeff", "ab"),
        ("一\n二", "一\n二"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("\x07", ""),
        ("x\uffff", "x"),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


# --- rights ---


def test_every_command_has_a_rule_and_nothing_else_has() -> None:
    assert COMMAND_RULES.keys() == {command.NAME for command in COMMANDS}
    assert not any(may_command(role, "meeting.destroy") for role in RoomRole)


def test_what_an_observer_may_send() -> None:
    allowed = {command for command in COMMAND_RULES if may_command(RoomRole.OBSERVER, command)}
    assert allowed == {
        "room.join",
        "room.leave",
        "transport.offer",
        "publication.add",
        "publication.mute",
        "publication.remove",
        "view.set",
        "quality.choose",
        "ice.servers",
    }
    grants = room_grants(RoomRole.OBSERVER)
    assert not any(may_publish(grants, source) for source in SOURCES)


def test_who_moderates_and_who_keeps_the_record() -> None:
    assert [role for role in RoomRole if may_command(role, "meeting.end")] == [RoomRole.HOST]
    assert [role for role in RoomRole if may_command(role, "sign_in.proxy")] == [RoomRole.HOST, RoomRole.RECORDER]
    assert may_publish(room_grants(RoomRole.LECTURER), "screen_audio")
    assert not may_publish(room_grants(RoomRole.MEMBER), "screen")
    for role in RoomRole:
        assert media_grants(room_grants(role)).screen == room_grants(role).share_screen


def test_what_the_host_withholds_is_missing_from_the_grants_and_nothing_else_is() -> None:
    left = room_grants(RoomRole.LECTURER, ("audio", "screen"))
    assert [source for source in SOURCES if may_publish(left, source)] == ["camera"]
    assert media_grants(left) == Grants(audio=False, video=True, screen=False)
    assert left.remark


# --- presence ---


def test_a_seat_lives_while_socket_or_media_do() -> None:
    life = Liveness(0)
    life.handle_connected(1_000)
    assert life.presence() is Presence.PRESENT
    life.handle_media(TransportState.CONNECTED, 2_000)
    life.handle_disconnected(60_000)
    assert life.presence() is Presence.UNSTABLE
    assert not life.is_lost(500_000)  # the media still flow
    life.handle_media(TransportState.UNSTABLE, 500_000)
    assert life.last_proof_ms(500_000) == 500_000 - MEDIA_UNSTABLE_AFTER_MS
    lost_ms = 500_000 - MEDIA_UNSTABLE_AFTER_MS + LEASE_MS
    assert not life.is_lost(lost_ms - 1)
    assert life.is_lost(lost_ms)


def test_silent_media_make_a_connected_seat_unstable_but_not_lost() -> None:
    life = Liveness(0)
    life.handle_connected(0)
    life.handle_media(TransportState.CONNECTED, 0)
    life.handle_media(TransportState.AWAY, 30_000)
    assert life.presence() is Presence.UNSTABLE
    assert not life.is_lost(10**9)
    life.handle_media(TransportState.CLOSED, 40_000)
    assert life.presence() is Presence.PRESENT


def test_worker_going_straight_to_away_proves_life_fifteen_seconds_ago() -> None:
    life = Liveness(0)
    life.handle_media(TransportState.CONNECTED, 10_000)
    life.handle_media(TransportState.AWAY, 60_000)
    assert life.last_proof_ms(60_000) == 45_000


def test_a_socket_that_answers_no_more_is_unstable_and_then_lost() -> None:
    life = Liveness(0)
    life.handle_connected(100_000)
    life.handle_silence(0, 200_000)
    assert life.last_proof_ms(200_000) == 200_000
    life.handle_silence(5_000, 206_000)
    assert life.presence() is Presence.UNSTABLE
    assert not life.is_lost(201_000 + LEASE_MS - 1)
    assert life.is_lost(201_000 + LEASE_MS)
    life.handle_silence(0, 207_000)
    assert life.presence() is Presence.PRESENT
    assert not life.is_lost(10**9)


def test_a_socket_that_stalls_while_media_flow_is_not_said() -> None:
    life = Liveness(0)
    life.handle_connected(100_000)
    life.handle_media(TransportState.CONNECTED, 100_000)
    life.handle_silence(9_000, 110_000)
    assert life.presence() is Presence.PRESENT
    life.handle_media(TransportState.UNSTABLE, 112_000)
    assert life.presence() is Presence.UNSTABLE
    assert life.last_proof_ms(112_000) == 112_000 - MEDIA_UNSTABLE_AFTER_MS


def test_nobody_is_lost_in_the_grace_after_a_restart() -> None:
    life = Liveness(0, grace_until_ms=90_000)
    assert not life.is_lost(89_999)
    assert life.is_lost(90_000)


# --- revisions ---


@given(st.integers(0, 30), st.integers(1, 10), st.integers(-3, 33))
def test_after_gives_exactly_what_was_missed_or_nothing(count: int, kept: int, asked: int) -> None:
    revisions = Revisions(100, kept)
    for number in range(count):
        revisions.add(StageChanged(revision=101 + number, at_ms=0, pinned_publication_id=None))
    missed = revisions.after(100 + asked)
    known = max(0, count - kept) <= asked <= count
    if known:
        assert missed is not None
        assert [event.revision for event in missed] == list(range(101 + asked, 101 + count))
    else:
        assert missed is None


def test_revisions_have_no_holes() -> None:
    revisions = Revisions(5)
    with pytest.raises(ValueError, match="revision 7 after 5"):
        revisions.add(StageChanged(revision=7, at_ms=0, pinned_publication_id=None))
