"""One command, all processes: starts server, media workers and recorder, restarts what dies, stops everything."""
