"""The HTTP API and the web app's files. One module per noun, each with a ROUTES table; routing.py enforces access."""
