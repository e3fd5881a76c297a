"""Who speaks, from the levels that clients send (RFC 6464). No sound is decoded."""
