"""Every message between client and server, defined once. export.py turns it into TypeScript; drift fails the tests."""
