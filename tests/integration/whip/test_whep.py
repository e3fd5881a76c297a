"""WHEP: a player shows the stage of a running room, and follows it."""

from __future__ import annotations

import pytest

from tests.integration.server_http.conftest import until
from tests.integration.whip.clients import Session, post, request
from tests.integration.whip.conftest import Hall
from tests.integration.whip.test_whip import token_for, true

pytestmark = pytest.mark.integration

DARK, BRIGHT = 70, 190


async def test_a_player_follows_the_stage(meeting_hall: Hall) -> None:
    hall = meeting_hall
    host = await hall.begin(record=False)
    encoders = {}
    for brightness in (DARK, BRIGHT):
        token = await token_for(hall)
        encoders[brightness] = Session(token["url"], token["token"])
        assert (await encoders[brightness].publish(brightness)).status == 201
    token = await token_for(hall, "secretary", "whep", "礼堂大屏")
    player = Session(token["url"], token["token"])
    try:
        await host.do("stage.pin", publication_id=f"{encoders[DARK].session_id}:camera")
        answer = await player.play()
        assert answer.status == 201, await answer.text()
        eyes = player.eyes
        await until(
            "the pinned picture", lambda: true(eyes.frames["video"] > 10 and abs(eyes.brightness - DARK) < 12), 20
        )
        await until("its sound", lambda: true(eyes.frames["audio"] > 20), 20)
        await host.do("stage.pin", publication_id=f"{encoders[BRIGHT].session_id}:camera")
        await until("the other picture", lambda: true(abs(eyes.brightness - BRIGHT) < 12), 20)
        people = [person["participant"] for person in host.heard("participant.joined")]
        assert any((person["device"], person["name"]) == ("player", "礼堂大屏") for person in people)
        mine = {"Authorization": f"Bearer {token['token']}"}
        assert (await request("DELETE", hall.url + player.resource, headers=mine)).status == 200
        await until("the end of its connection", lambda: true(player.pc.connectionState == "closed"), 10)
    finally:
        for session in (player, *encoders.values()):
            await session.close()


async def test_a_player_sends_nothing(meeting_hall: Hall) -> None:
    hall = meeting_hall
    await hall.begin(record=False)
    token = await token_for(hall, kind="whep")
    sender = Session(token["url"], token["token"])
    assert (await sender.publish(100)).status == 406
    await sender.close()
    assert (await post(token["url"].replace("whep", "whip"), token["token"], "v=0")).status == 401
