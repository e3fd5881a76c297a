"""Offers in, answers out. Pure: text and records, no sockets, no rooms."""
