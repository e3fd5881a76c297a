"""The server's own randomness for presence prompts and nonces."""

from __future__ import annotations

import secrets


class SecretDice:
    """Nobody can foresee when the next prompt comes."""

    def prompt_id(self) -> str:
        return secrets.token_urlsafe(12)

    def nonce(self) -> str:
        return secrets.token_urlsafe(24)

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + secrets.randbelow(max(high - low, 0) + 1)
