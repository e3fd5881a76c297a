"""The rungs: down at once, up with care, by hand at any time."""

from __future__ import annotations

from media.bwe.allocation import Picture
from media.bwe.ladder import FIRST_HOLD_S, HOLD_S, OVER_S, Ladder, Wish
from media.control import QualityLevel

CAMERA = (100_000, 400_000, 1_500_000)
STAGE = Wish("stage", Picture(CAMERA, 2))
GALLERY = [Wish(f"g{number}", Picture((100_000,), 0)) for number in range(2)]


class Viewer:
    """A ladder and a clock, updated ten times a second."""

    def __init__(self, *wishes: Wish) -> None:
        self.ladder = Ladder()
        self.wishes = wishes
        self.now = 0.0

    def see(
        self, budget_bps: float | None, seconds: float = 0.1, strained: bool = True, known: bool = True
    ) -> list[int | None]:
        chosen: list[int | None] = []
        for _ in range(round(seconds * 10)):
            chosen = self.ladder.update(self.wishes, budget_bps, self.now, is_known=known, is_strained=strained)
            self.now += 0.1
        return chosen


def test_without_a_limit_everything_is_sent() -> None:
    viewer = Viewer(STAGE, *GALLERY)
    assert viewer.see(None) == [2, 0, 0]
    assert viewer.ladder.level(None) is QualityLevel.FULL


def test_before_it_is_known_the_smallest_layers_go_out_whatever_they_take() -> None:
    assert Viewer(Wish("a", Picture((900_000,), 0))).see(300_000, known=False) == [0]
    assert Viewer(STAGE, *GALLERY).see(450_000, known=False) == [1, 0, 0]


def test_at_the_beginning_up_is_quick() -> None:
    viewer = Viewer(STAGE)
    assert viewer.see(300_000) == [0]
    assert viewer.see(2_000_000, FIRST_HOLD_S + 0.2) == [2]


def test_down_at_once_when_it_is_far_too_much() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    assert viewer.see(450_000) == [1]


def test_a_little_too_much_is_borne_for_a_moment() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    assert viewer.see(1_300_000, OVER_S - 0.2) == [2]
    assert viewer.see(1_600_000) == [2]
    assert viewer.see(1_300_000, OVER_S + 0.2) == [1]


def test_without_congestion_nothing_is_taken_away() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    assert viewer.see(500_000, 10, strained=False) == [2]


def test_up_again_only_with_headroom_for_five_seconds() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    viewer.see(450_000)
    assert viewer.see(1_600_000, HOLD_S + 2) == [1], "less than a fifth to spare"
    assert viewer.see(2_000_000, HOLD_S - 0.2) == [1]
    assert viewer.see(700_000) == [1], "it begins anew"
    assert viewer.see(2_000_000, HOLD_S - 0.2) == [1]
    assert viewer.see(2_000_000, 0.6) == [2]


def test_it_does_not_swing_at_the_edge() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    viewer.see(450_000)
    seen = [viewer.see(budget)[0] for budget in [1_450_000, 1_900_000] * 100]
    assert set(seen) == {1}


def test_another_view_is_allocated_at_once() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    viewer.see(600_000)
    viewer.wishes = (STAGE, *GALLERY)
    assert viewer.see(620_000) == [1, 0, 0]


def test_a_wider_view_takes_nothing_from_what_gets_through() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    viewer.wishes = (STAGE, *GALLERY)
    assert viewer.see(1_000_000, strained=False) == [2, 0, 0], "the estimate is old; the smallest layers are tried"


def test_a_wider_view_on_a_path_that_was_too_narrow_is_careful() -> None:
    viewer = Viewer(STAGE)
    viewer.see(2_000_000)
    assert viewer.see(450_000, 2) == [1]
    viewer.wishes = (STAGE, *GALLERY)
    assert viewer.see(510_000, strained=False) == [1, 0, None]


def test_rungs() -> None:
    viewer = Viewer(STAGE, *GALLERY)
    for budget, expected in [
        (2_000_000, QualityLevel.FULL),
        (320_000, QualityLevel.FULL),
        (150_000, QualityLevel.STAGE),
        (60_000, QualityLevel.STILLS),
        (45_000, QualityLevel.AUDIO),
        (60_000, QualityLevel.AUDIO),
        (85_000, QualityLevel.STILLS),
    ]:
        viewer.see(budget, 8)
        assert viewer.ladder.level(budget) is expected, budget


def test_without_pictures_nothing_is_missing() -> None:
    viewer = Viewer()
    viewer.see(40_000)
    assert viewer.ladder.level(40_000) is QualityLevel.FULL


def test_by_hand() -> None:
    viewer = Viewer(STAGE, *GALLERY)
    for cap, chosen in [
        (QualityLevel.STAGE, [2, None, None]),
        (QualityLevel.STILLS, [None] * 3),
        (QualityLevel.AUDIO, [None] * 3),
        (QualityLevel.TEXT, [None] * 3),
        (None, [2, 0, 0]),
    ]:
        viewer.ladder.cap = cap
        assert viewer.see(None) == chosen
        assert viewer.ladder.level(None) is (cap or QualityLevel.FULL)


def test_what_was_chosen_is_a_limit_and_no_promise() -> None:
    viewer = Viewer(STAGE, *GALLERY)
    viewer.ladder.cap = QualityLevel.STAGE
    viewer.see(45_000, 2)
    assert viewer.ladder.level(45_000) is QualityLevel.AUDIO
