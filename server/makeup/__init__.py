"""Make-up viewing (补课): replay pages, watch sessions, credit, tasks."""
