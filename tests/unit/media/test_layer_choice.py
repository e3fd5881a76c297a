"""Which layer fills a picture."""

from __future__ import annotations

import pytest

from media.layer_choice import choose, heights_of


@pytest.mark.parametrize(
    ("known", "assumed"),
    [
        ([0, 0, 0], [180, 360, 720]),
        ([0], [720]),
        ([0, 0], [360, 720]),
        ([180, 0, 0], [180, 360, 720]),
        ([0, 480, 0], [240, 480, 960]),
        ([180, 360, 540], [180, 360, 540]),
        ([270, 0, 1080], [270, 540, 1080]),
    ],
)
def test_heights_that_are_not_known_yet_follow_from_the_others(known: list[int], assumed: list[int]) -> None:
    assert heights_of(known) == assumed


@pytest.mark.parametrize(
    ("wanted_px", "index"), [(90, 0), (180, 0), (200, 0), (203, 1), (360, 1), (420, 2), (720, 2), (2000, 2), (0, 2)]
)
def test_the_smallest_that_fills_the_picture(wanted_px: int, index: int) -> None:
    assert choose([180, 360, 720], wanted_px) == index
    assert choose([0, 0, 0], wanted_px) == index


def test_a_single_layer_serves_every_size() -> None:
    assert {choose([0], wanted) for wanted in (0, 90, 4000)} == {0}
