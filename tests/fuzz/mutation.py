"""Makes wrong inputs from right ones. Everything follows from a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

MAX_SIZE = 1500
INTERESTING = (0, 1, 2, 3, 4, 14, 15, 16, 31, 63, 64, 127, 128, 143, 144, 191, 192, 200, 206, 223, 224, 254, 255)
INTERESTING_WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1FFF, 0x7FFF, 0x8000, 0xBEDE, 0xFFFE, 0xFFFF)
ANOTHER_STEP = 0.4  # more changes than a few are refused by the first check
MAX_LINE_STEPS = 4
MAX_SECTIONS = 3
_NUMBER = re.compile(rb"\d+")

Step = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutate(source: random.Random, seed: bytes, corpus: Sequence[bytes], max_size: int = MAX_SIZE) -> bytes:
    """One to a few changes of a seed."""
    data = bytearray(seed)
    source.choice(_STEPS)(source, data, corpus)
    while source.random() < ANOTHER_STEP:
        source.choice(_STEPS)(source, data, corpus)
    return bytes(data[:max_size])


def mutate_lines(source: random.Random, seed: bytes, corpus: Sequence[bytes], max_size: int) -> bytes:
    """The same for text that is made of lines: most changes leave lines whole."""
    if source.random() < 0.2:
        return mutate(source, seed, corpus, max_size)
    lines = _some_sections(source, seed).split(b"\r\n")
    for _ in range(source.randint(1, MAX_LINE_STEPS)):
        at = source.randrange(len(lines))
        match source.randrange(7):
            case 0:
                del lines[at : at + source.randint(1, 3)]
            case 1:
                lines.insert(source.randrange(len(lines) + 1), lines[at])
            case 2:
                lines.insert(at, source.choice(source.choice(corpus).split(b"\r\n")))
            case 3:
                other = source.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 4:
                line = bytearray(lines[at])
                source.choice(_STEPS)(source, line, corpus[:1])
                lines[at] = bytes(line).replace(b"\n", b"")[:2000]
            case 5:
                number = str(source.choice((0, 1, 14, 15, 127, 128, 65535, 65536, 1 << 32, 10**30))).encode()
                lines[at] = _NUMBER.sub(number, lines[at], count=1)
            case _:
                lines[at] = lines[at][: source.randint(0, len(lines[at]))]
        lines = lines or [b""]
    return b"\r\n".join(lines)[:max_size]


def _some_sections(source: random.Random, seed: bytes) -> bytes:
    """Most texts need no more than a few of their sections to be wrong; the whole costs thirty times as much."""
    head, *sections = seed.split(b"m=")
    if len(sections) > MAX_SECTIONS and source.random() < 0.9:
        sections = source.sample(sections, source.randint(1, MAX_SECTIONS))
    return b"m=".join([head, *sections])


def _at(source: random.Random, data: bytearray) -> int:
    """Headers are where parsers decide: half of the changes go to the first bytes."""
    limit = len(data) if source.random() < 0.5 else min(len(data), 40)
    return source.randrange(limit) if limit else 0


def _flip(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    if data:
        data[_at(source, data)] ^= 1 << source.randrange(8)


def _set(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    if data:
        data[_at(source, data)] = source.choice(INTERESTING)


def _set_word(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    if len(data) >= 2:
        at = min(_at(source, data), len(data) - 2)
        data[at : at + 2] = source.choice(INTERESTING_WORDS).to_bytes(2, "big")


def _cut(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    del data[_at(source, data) :]


def _remove(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    at = _at(source, data)
    del data[at : at + source.randint(1, 8)]


def _insert(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    at = _at(source, data)
    data[at:at] = source.randbytes(source.randint(1, 8))


def _repeat(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    at = _at(source, data)
    part = data[at : at + source.randint(1, 64)]
    data[at:at] = part * source.randint(1, 8)


def _splice(source: random.Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = source.choice(corpus)
    if other:
        start = source.randrange(len(other))
        at = _at(source, data)
        data[at:] = other[start:]


def _replace(source: random.Random, data: bytearray, _corpus: Sequence[bytes]) -> None:
    data[:] = source.randbytes(source.randint(0, 64))


_STEPS: tuple[Step, ...] = (_flip, _flip, _set, _set, _set_word, _cut, _remove, _insert, _repeat, _splice, _replace)
