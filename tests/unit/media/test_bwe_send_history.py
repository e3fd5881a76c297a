"""The room's numbers: one row, told apart by stream."""

from __future__ import annotations

from media.bwe.send_history import CAPACITY, MASK, SendHistory


def test_streams_count_for_themselves() -> None:
    history = SendHistory()
    one, other = history.open_stream(), history.open_stream()
    first = one.note([100, 200], 1000)
    assert other.note([300], 1100) == first + 2
    assert one.note([400], 1200) == first + 3
    rows = [(history.streams[index], history.places[index], history.sizes[index]) for index in range(first, first + 4)]
    assert rows == [(one.id, 0, 100), (one.id, 1, 200), (other.id, 0, 300), (one.id, 2, 400)]
    assert history.times_us[first + 3] == 1200


def test_numbers_wrap_and_old_ones_are_forgotten() -> None:
    history = SendHistory()
    assert not history.holds(0xFFFF), "nothing was ever numbered"
    stream = history.open_stream()
    assert not history.holds(5)
    stream.note([1] * 0xFFFE, 1)
    first = stream.note([2, 3, 4], 2)
    assert first == 0xFFFF
    assert history.next == 2
    assert [history.sizes[number & MASK] for number in (0xFFFF, 0, 1)] == [2, 3, 4]
    assert history.holds(1)
    assert history.holds((1 - CAPACITY + 1) & 0xFFFF)
    assert not history.holds((1 - CAPACITY) & 0xFFFF)
    assert not history.holds(2), "not given away yet"
