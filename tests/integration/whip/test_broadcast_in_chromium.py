"""Chromium follows the broadcast, by hls.js and natively; ``-s`` prints how far behind the room it is."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from tests.integration.server_http.conftest import until
from tests.integration.whip.conftest import Stage
from tests.integration.whip.player_page import Watcher, furnish, watching
from tests.integration.whip.test_broadcast import Player

pytestmark = [pytest.mark.integration, pytest.mark.browser]

WATCHED = 150  # samples of a tenth of a second


async def has_watched(watcher: Watcher, samples: int) -> bool:
    return len((await watcher.facts())["lags"]) >= samples


@pytest.mark.parametrize("natively", [False, True], ids=["hls.js", "native"])
async def test_it_plays_near_the_present_and_jumps_back(stage: Stage, natively: bool) -> None:
    furnish(stage.hall.web_dist)
    player = Player(stage, await stage.hall.browser("member"))
    await player.live()
    await player.reaches(6)  # somebody who comes late
    async with watching(stage.hall.url, "member") as watcher:
        await watcher.play(player.url, natively=natively)
        await until("15 s of watching", lambda: has_watched(watcher, WATCHED), 60)
        facts: dict[str, Any] = await watcher.facts()
        steady = facts["lags"][50:]
        behind = {"median": statistics.median(steady), "least": min(steady), "most": max(steady)}
        print({key: round(value, 2) for key, value in behind.items()}, {**facts, "lags": len(facts["lags"])})
        assert facts["errors"] == [] and facts["width"] == 640 and facts["shown"] > 100
        assert facts["at"] > 5  # not from the beginning
        if natively:
            return  # Chromium's own player does not jump in what is live; Apple's and hls.js do
        await watcher.page.evaluate("() => { video.currentTime = 1; }")

        async def has_rewound() -> bool:
            at = float((await watcher.facts())["at"])
            return 1.5 < at < 6

        await until("the beginning to play", has_rewound, 15)
