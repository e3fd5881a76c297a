"""Rooms: who is there, who has the floor, what is shown. No Socket.IO, no SQL, no HTTP in here."""
