"""One room on several workers: each gets from the others the packets that its own viewers need, once."""
