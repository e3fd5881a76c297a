"""Which layers fit: sound was taken off before; the stage, then the gallery, then improvements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.bwe.allocation import Picture, allocate, nominal_bps, total_bps

CAMERA = (100, 400, 1500)


def gallery(count: int, ideal: int = 0) -> list[Picture]:
    return [Picture(CAMERA, ideal) for _ in range(count)]


def test_the_stage_takes_the_best_that_fits() -> None:
    stage = [Picture(CAMERA, 2)]
    assert [allocate(stage, budget) for budget in (99, 100, 399, 400, 1499, 1500, 9999)] == [
        [None], [0], [0], [1], [1], [2], [2],
    ]  # fmt: skip


def test_nobody_gets_more_than_his_tile_shows() -> None:
    assert allocate([Picture(CAMERA, 1), *gallery(1)], 1e9) == [1, 0]


def test_the_gallery_gets_what_the_stage_leaves_in_order_of_importance() -> None:
    assert allocate([Picture(CAMERA, 2), *gallery(4)], 1750) == [2, 0, 0, None, None]


def test_a_picture_that_is_too_big_does_not_keep_smaller_ones_out() -> None:
    assert allocate([Picture((800,), 0), Picture((900,), 0), *gallery(1)], 1000) == [0, None, 0]


def test_what_is_left_improves_the_gallery_in_turn() -> None:
    assert allocate([Picture((100,), 0), *gallery(2, ideal=2)], 100 + 800) == [0, 1, 1]
    assert allocate([Picture((100,), 0), *gallery(2, ideal=2)], 100 + 1900) == [0, 2, 1]


def test_slack_is_for_the_stages_smallest_layer_alone() -> None:
    assert allocate([Picture(CAMERA, 2)], 80, 1.4) == [0]
    assert allocate([Picture(CAMERA, 2)], 60, 1.4) == [None]
    assert allocate([Picture(CAMERA, 0), *gallery(1)], 180, 1.4) == [0, None]


@given(
    st.lists(st.tuples(st.lists(st.integers(1, 2000), min_size=1, max_size=3), st.integers(0, 2))), st.integers(0, 9000)
)
def test_never_more_than_there_is(costs: list[tuple[list[int], int]], budget: int) -> None:
    pictures = [Picture(tuple(sorted(layers)), min(ideal, len(layers) - 1)) for layers, ideal in costs]
    chosen = allocate(pictures, budget)
    assert total_bps(pictures, chosen) <= budget
    assert all(layer is None or layer <= picture.ideal for picture, layer in zip(pictures, chosen, strict=True))


def test_a_layer_of_which_nothing_has_come_is_guessed_by_its_height() -> None:
    assert [nominal_bps(height) for height in (90, 180, 360, 720, 1080)] == [
        80_000,
        150_000,
        500_000,
        1_700_000,
        3_000_000,
    ]
