"""What operators see of the server: counters and log lines. Ids only, never names of people."""
