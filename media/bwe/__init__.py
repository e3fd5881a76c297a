"""What senders need to find their bit rate."""
