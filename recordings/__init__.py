"""The recorder: takes plain RTP from a media worker, keeps a journal, cuts the program stream, stores it.

It knows rooms, tracks and object keys. It knows no members and no database.
"""
