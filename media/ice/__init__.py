"""The little that an ICE-lite agent needs (RFC 8445 §2.5)."""
