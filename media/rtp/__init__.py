"""RTP and RTCP as bytes: pure functions and small state machines without I/O or time of their own."""
