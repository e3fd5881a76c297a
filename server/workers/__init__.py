"""The server's side of the control channels to media workers and recorders."""
