"""The SFU: one process per core that forwards media between the participants of rooms.

It knows transports, publications, slots and packets. It knows no members, no meetings, no database.
"""
