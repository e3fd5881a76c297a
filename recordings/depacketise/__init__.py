"""RTP payload formats of video: packets of one stream in order → whole pictures. Pure."""
