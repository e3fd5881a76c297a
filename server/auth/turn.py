"""TURN credentials that are good for ten minutes: coturn's REST scheme (draft-uberti-behave-turn-rest-00).

The relay knows the same secret and checks the name's expiry and its HMAC by itself; nothing is stored on either side.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from server.clock import Clock
from server.protocol.models import IceServer

TTL_S = 600


class TurnServers:
    """``urls`` empty: this installation has none."""

    def __init__(self, urls: tuple[str, ...], secret: str, clock: Clock) -> None:
        self._urls = urls
        self._secret = secret.encode()
        self._clock = clock

    def for_participant(self, participant_id: str) -> tuple[IceServer, ...]:
        """The relay's log then names the participant, never the person."""
        if not self._urls:
            return ()
        username = f"{self._clock.now_ms() // 1000 + TTL_S}:{participant_id}"
        # SHA-1 is the scheme's; as an HMAC over a name that is good for minutes it is sound.
        digest = hmac.new(self._secret, username.encode(), hashlib.sha1).digest()
        return (IceServer(urls=self._urls, username=username, credential=base64.b64encode(digest).decode()),)
