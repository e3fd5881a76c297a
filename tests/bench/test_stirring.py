"""Who looks elsewhere before the window of a stirred lesson, and when."""

from __future__ import annotations

import itertools

from tests.bench.scenario import lesson, stirred
from tests.bench.stirring import SHARED_KEYFRAME_S, absences


def test_a_stirred_lesson_is_one_whose_viewers_need_nothing_of_the_second_camera() -> None:
    hall = stirred(150)
    assert (hall.people, hall.subscribers, hall.video_slots) == (152, 150, 4)
    assert [hall.publishes(person) for person in range(3)] == [True, True, False]
    assert [hall.has_microphone(person) for person in range(2)] == [True, False]
    assert hall.bitrate_of(0) == lesson(150).bitrate_of(0) > 10 * hall.bitrate_of(1)
    assert (hall.pictures(0), hall.pictures(1), hall.pictures(2)) == ([], [], [0])
    assert hall.expected(151) == lesson(150).expected(150)
    assert hall.is_stirred
    assert not lesson(150).is_stirred


def test_who_leaves_with_the_same_key_frame_comes_back_with_another() -> None:
    plans = absences(200)
    assert all(plan.back_s - plan.away_s >= 1 for plan in plans)
    steps_s = {round(later.away_s - earlier.away_s, 9) for earlier, later in itertools.pairwise(plans)}
    assert len(steps_s) == 1  # evenly
    for one, other in itertools.combinations(plans, 2):
        if abs(one.away_s - other.away_s) < SHARED_KEYFRAME_S - 1e-9:
            assert abs(one.back_s - other.back_s) >= SHARED_KEYFRAME_S - 1e-9


def test_a_hall_of_any_size_is_stirred_within_a_minute() -> None:
    assert absences(1000)[:150] == absences(150)
    assert max(plan.back_s for plan in absences(1)) < max(plan.back_s for plan in absences(1000)) < 60
