"""The running program for who cannot take part over WebRTC: an HLS playlist, its segments, and stills."""
