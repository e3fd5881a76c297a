"""RTP time → room time."""

from __future__ import annotations

import random

from recordings.room_clock import HOLD_S, RoomClock
from recordings.timeline import SenderClock, TrackClock, ntp_us

NTP_1970 = 2_208_988_800
ROOM_US = 1_790_000_000_000_000


def ntp(utc_us: int) -> int:
    return ((utc_us + NTP_1970 * 1_000_000) << 32) // 1_000_000


def test_ntp_times() -> None:
    assert abs(ntp_us(ntp(ROOM_US)) - ROOM_US) <= 1


def test_before_a_report_arrival_stands_in_and_the_earliest_packet_rules() -> None:
    clock = TrackClock(90_000, SenderClock())
    assert clock.to_room_us(1000, ROOM_US + 50_000) == ROOM_US + 50_000
    assert clock.to_room_us(1000 + 9000, ROOM_US + 160_000) == ROOM_US + 150_000
    # This one was faster than the first: the first had been late.
    assert clock.to_room_us(1000 + 18000, ROOM_US + 210_000) == ROOM_US + 210_000


def test_tracks_of_one_sender_are_in_sync_whatever_their_delay() -> None:
    chance = random.Random(3)
    sender = SenderClock()
    sound, picture = TrackClock(48_000, sender), TrackClock(90_000, sender)
    error_us = -86_400_000_000  # the sender's clock is a day slow
    for clock, base in ((sound, 4_294_900_000), (picture, 123)):
        clock.report(ntp(ROOM_US + error_us), base % (1 << 32), ROOM_US + 40_000)
    for step in range(1, 200):
        said_us = ROOM_US + step * 20_000
        sound_us = sound.to_room_us(
            (4_294_900_000 + step * 960) % (1 << 32), said_us + 30_000 + chance.randrange(20_000)
        )
        seen_us = picture.to_room_us(123 + step * 1800, said_us + 90_000 + chance.randrange(60_000))
        assert abs(sound_us - seen_us) < 25_000 if step < 5 else abs(sound_us - seen_us) < 2_000
    assert abs(sound_us - said_us - 30_000) < 12_000


def test_the_offset_follows_drift_without_a_jump() -> None:
    sender = SenderClock()
    sender.observe(0, 50_000)
    last = sender.offset_us()
    for second in range(1, 600):
        drift_us = second * 50  # 50 ppm
        sender.observe(second * 1_000_000, second * 1_000_000 + 50_000 + drift_us)
        assert abs(sender.offset_us() - last) <= 1_100
        last = sender.offset_us()
    assert abs(last - (50_000 + 600 * 50)) < 7_000


def test_a_report_that_is_off_by_seconds_is_not_believed() -> None:
    clock = TrackClock(48_000, SenderClock())
    clock.report(ntp(ROOM_US), 0, ROOM_US)
    frozen = clock.to_room_us(48_000, ROOM_US + 30_000_000)  # RTP time stood still while muted
    assert frozen == ROOM_US + 30_000_000
    assert clock.to_room_us(48_960, ROOM_US + 30_020_000) == ROOM_US + 30_020_000


def test_a_restored_clock_goes_on() -> None:
    sender = SenderClock()
    clock = TrackClock(90_000, sender)
    clock.report(ntp(ROOM_US), 500, ROOM_US + 20_000)
    successor = SenderClock()
    successor.restore(sender.offset_us())
    again = TrackClock(90_000, successor)
    again.restore(clock.state)
    assert again.to_room_us(500 + 9000, ROOM_US + 150_000) == clock.to_room_us(500 + 9000, ROOM_US + 150_000)


class Times:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 5000.0 + self.now_s


def test_the_room_clock_holds_until_the_ring_has_been_read() -> None:
    times = Times()
    clock = RoomClock(times.monotonic, times.wall)
    assert clock.tick_us() is None
    clock.connected()
    clock.observe(7_000_000_000)
    times.now_s += 1
    clock.settled()
    assert clock.tick_us() == 7_001_000_000
    clock.observe(6_999_000_000)  # an old frame out of the ring
    assert clock.now_us() == 7_001_000_000
    clock.lost()
    times.now_s += HOLD_S - 0.1
    assert clock.tick_us() is None
    times.now_s += 0.2
    assert clock.tick_us() == 7_007_100_000


def test_the_room_clock_never_goes_back() -> None:
    times = Times()
    clock = RoomClock(times.monotonic, times.wall)
    first = clock.now_us()
    clock.connected()
    clock.observe(first - 10_000_000)
    assert clock.now_us() == first
