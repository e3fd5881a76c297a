"""The mixer: positions are exact, joints are seamless, nothing clips."""

from __future__ import annotations

from array import array

from recordings.mixer import BLOCK, PEAK, RATE, Mixer, Voice, mix_block


def tone(value: int, count: int) -> array[int]:
    return array("h", [value]) * count


def flat(blocks: list[array[int]]) -> array[int]:
    joined = array("h")
    for block in blocks:
        joined.extend(block)
    return joined


def test_silence_where_nobody_speaks() -> None:
    mixer = Mixer()
    blocks = mixer.mix(3 * BLOCK + 5)
    assert len(blocks) == 3 and set(flat(blocks)) == {0}
    assert mixer.position == 3 * BLOCK
    assert mixer.mix(3 * BLOCK + 6) == []


def test_a_voice_lies_where_it_was_spoken() -> None:
    mixer = Mixer()
    mixer.voice("a").write(1500, tone(7, 960))
    sound = flat(mixer.mix(4 * BLOCK))
    assert sound[1499] == 0 and sound[1500] == 7 and sound[2459] == 7 and sound[2460] == 0


def test_pieces_with_jittering_stamps_are_joined_without_a_click() -> None:
    mixer = Mixer()
    voice = mixer.voice("a")
    for index, jitter in enumerate((0, 30, -40, 500, -900)):
        voice.write(480 + index * 960 + jitter, tone(5, 960))
    sound = flat(mixer.mix(6 * BLOCK))
    assert set(sound[480 : 480 + 5 * 960]) == {5}


def test_a_real_gap_stays_a_gap_and_late_pieces_are_not_heard_twice() -> None:
    mixer = Mixer()
    voice = mixer.voice("a")
    voice.write(0, tone(5, 960))
    voice.write(RATE, tone(6, 960), after_gap=True)
    sound = flat(mixer.mix(2 * RATE))
    assert sound[959] == 5 and sound[960] == 0 and sound[RATE - 1] == 0 and sound[RATE] == 6
    voice.write(100, tone(9, 960))
    assert set(flat(mixer.mix(3 * RATE))) == {0}


def test_an_overlap_is_cut() -> None:
    voice = Voice()
    voice.write(0, tone(1, 9600))
    voice.write(9600 - 4800, tone(2, 9600))
    piece = voice.read(0, 9600 + 4800)
    assert piece is not None and piece.count(1) == 9600 and piece.count(2) == 4800


def test_voices_add_up_and_a_loud_block_is_turned_down() -> None:
    assert mix_block([tone(100, BLOCK), tone(-30, BLOCK), tone(1, BLOCK)]) == tone(71, BLOCK)
    loud = mix_block([tone(30_000, BLOCK), tone(20_000, BLOCK)])
    assert max(loud) == PEAK
    assert mix_block([array("h", [30_000, 100]), array("h", [30_000, -50])])[1] == 50 * PEAK // 60_000


def test_mixing_goes_on_from_a_position() -> None:
    mixer = Mixer(10 * BLOCK)
    mixer.voice("a").write(9 * BLOCK, tone(3, 2 * BLOCK))
    assert flat(mixer.mix(11 * BLOCK)) == tone(3, BLOCK)
