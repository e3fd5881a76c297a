"""The door to PyAV (FFmpeg) of the live path: Opus in, AAC out, VP8 to H.264, the picture of a lesson without one.

Contexts are never shared between threads. The library's log bridge is off: it takes a lock per line.
"""

import av

av.logging.set_level(None)
