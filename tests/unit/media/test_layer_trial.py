"""Whom a publisher's weak network moves between layers, and whom nothing moves."""

from __future__ import annotations

import pytest

from media.layer import Layer
from media.layer_trial import PROVEN_S, WEAK_S
from tests.unit.media.stage import H264, Stage
from tests.unit.media.test_layers import RIDS, Camera, F, H, Q, attach, camera

FRAMES_PER_S = 30


class Scene:
    """One camera and one viewer who wants all of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.camera: Camera = camera(stage)
        self.publication = self.camera.publication
        self.slot = attach(stage, self.publication, stage.viewer().slot(), 0)
        self.goes_on(1, Q, H, F)

    def goes_on(self, seconds: float, *active: int) -> list[int]:
        """These layers are sent; which ones the viewer was on, in order."""
        self.camera.active = set(active)
        seen: list[Layer | None] = [self.slot.layer]
        for _ in range(round(seconds * FRAMES_PER_S)):
            self.camera.picture()
            self.publication.request_awaited(self.stage.clock.now)  # as its room does
            if self.slot.layer is not seen[-1]:
                seen.append(self.slot.layer)
        return [self.publication.layers.index(layer) for layer in seen if layer is not None]


def test_a_layer_that_begins_is_used_when_it_has_flowed_for_seconds(stage: Stage) -> None:
    scene = Scene(stage)
    assert scene.goes_on(2, Q) == [F, Q]
    asked = len(stage.plis)
    assert scene.goes_on(PROVEN_S - 1, Q, H) == [Q]
    assert scene.goes_on(2, Q) == [Q]
    assert len(stage.plis) == asked, "nor is it asked for keyframes"
    assert scene.goes_on(PROVEN_S + 1, Q, H) == [Q, H]


def test_trials_that_fail_again_and_again_move_nobody(stage: Stage) -> None:
    scene = Scene(stage)
    scene.goes_on(2, Q)
    for _ in range(round(3 * WEAK_S / 15)):
        assert scene.goes_on(3, Q, F) == [Q]
        assert scene.goes_on(12, Q) == [Q]
    assert scene.goes_on(PROVEN_S + 1, Q, F) == [Q, F], "until one succeeds"


def test_a_sibling_that_falters_does_not_let_a_trial_through(stage: Stage) -> None:
    scene = Scene(stage)
    scene.goes_on(2, Q, H)
    assert scene.goes_on(1, Q, H, F) == [H]
    assert scene.goes_on(0.6, Q, F) == [H, Q]
    assert F not in scene.goes_on(1, Q, H, F)


@pytest.mark.parametrize("silent_s", [0.5, 1.2, 2.5, 10.0])
def test_what_stops_altogether_comes_back_as_it_was(stage: Stage, silent_s: float) -> None:
    """A tunnel, another cell: that says nothing of what the network carries."""
    scene = Scene(stage)
    assert scene.goes_on(silent_s) == [F]
    assert scene.goes_on(2, Q, H, F)[-1] == F
    assert scene.goes_on(5, Q, H, F) == [F]


def test_a_very_slow_camera_keeps_its_viewers(stage: Stage) -> None:
    scene = Scene(stage)
    found = []
    for _ in range(20):
        found += scene.goes_on(1 / FRAMES_PER_S, Q, H, F)
        stage.clock.now += 1.1
        scene.publication.stop_layers(stage.clock.now)
    assert set(found) == {F}


def test_another_camera_begins_without_a_past(stage: Stage) -> None:
    scene = Scene(stage)
    scene.goes_on(2, Q)
    scene.publication.begin_demand(stage.clock.now)
    assert scene.goes_on(0.5, Q, H, F) == [Q, F]


def test_a_smaller_layer_than_what_flows_has_nothing_to_prove(stage: Stage) -> None:
    scene = Scene(stage)
    scene.goes_on(2, Q)
    scene.goes_on(PROVEN_S + 1, Q, F)
    scene.slot.height_px = 360
    scene.publication.layers[H].height, scene.publication.layers[F].height = 360, 720
    scene.slot.reconsider(stage.clock.now)
    assert scene.goes_on(0.5, Q, H, F)[-1] == H


def test_what_the_publisher_was_told_to_stop_is_no_weakness(stage: Stage) -> None:
    scene = Scene(stage)
    demand = scene.publication.demand
    demand.begin(RIDS, stage.clock.now)
    assert demand.ask(stage.clock.now + 5, {"q"}, set(RIDS)) == ("q",)
    stage.clock.now += 5
    scene.goes_on(2, Q)
    assert demand.ask(stage.clock.now, {"q", "f"}, {"q"}) == ("q", "f")
    assert scene.goes_on(0.5, Q, F) == [Q, F]


def test_what_begins_is_used_at_once_where_nothing_smaller_flows(stage: Stage) -> None:
    scene = Scene(stage)
    for active, layer in ((F, F), (Q, Q), (None, Q), (H, H)):
        assert scene.goes_on(1.5, *([] if active is None else [active]))[-1] == layer


def test_packets_of_a_replaced_set_of_layers_harm_nobody(stage: Stage) -> None:
    scene = Scene(stage)
    old = scene.publication.layers[F]
    scene.goes_on(2, Q)
    others = scene.publication.prepare(("a", "b"))
    stage.attach_track(scene.publication, others, H264, 77)
    assert scene.publication.may_flow(old, stage.clock.now)
