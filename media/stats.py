"""Counters of the worker: plain integers since the start of the process, sent as ``worker.stats``.

``rtp_in``, ``rtp_out``, ``rtcp_in``, ``stun_in``, ``dtls_in``; ``sends`` (messages handed to the kernel); ``nack_in``,
``resent`` and ``resend_missing`` toward viewers, ``nack_out`` and ``recovered`` toward publishers; ``pli_in``,
``pli_out``; ``feedback_in`` (transport-wide), ``probes`` and ``padding_out`` toward viewers; ``codec_wanted``
(publishers asked for another codec);
``drop_tcp_video`` and ``drop_tcp_full`` toward slow TCP clients; ``drop_<why>`` for datagrams, packets and connections
that were not used; ``fault_<where>`` for exceptions that were caught; ``loop_stalls`` (longer than 250 ms).

Gauges: ``loop_lag_p99_us`` and ``loop_lag_max_us`` of the last ten seconds (``media/watchdog.py``).
"""

from __future__ import annotations

from collections import Counter

Counters = Counter[str]
