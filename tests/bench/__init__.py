"""The load generator of the forwarding plane: ``python -m tests.bench`` (what it does and does not measure: README.md).

It speaks to a media worker from outside only: the control channel, and ICE, DTLS-SRTP, RTP and RTCP on the wire. Of the
program it imports the contract ``media.control`` and nothing else, so that no mistake can be on both sides.
"""
