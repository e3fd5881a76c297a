"""Bandwidth estimation, both ways: feedback to publishers, and what each viewer's path carries. Pure; time is given."""
