"""Encoders (WHIP, RFC 9725) and players (WHEP, draft-ietf-wish-whep) that come into a room by HTTP with a token."""
