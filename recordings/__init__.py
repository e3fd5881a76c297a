"""The recorder: takes plain RTP from a media worker, keeps a journal, cuts the program stream, stores it.

It knows rooms, tracks and object keys. It knows no members and no database.

Way of a packet: tap_client → intake → journal → pipeline (thread) → program → segmenter → spool → uploader → store.
H.264 is passed through. VP8 cannot be put into MP4 and is transcoded, only while it is on the program. All voices are
mixed to mono AAC. The media timeline has no holes: pauses and losses are silence, and are declared as gaps.
"""
