"""Counters of the worker: plain integers since the start of the process, sent as ``worker.stats``.

``rtp_in``, ``rtp_out``, ``rtcp_in``, ``stun_in``; ``sends`` (messages handed to the kernel); ``nack_in``, ``resent``
and ``resend_missing`` toward viewers, ``nack_out`` and ``recovered`` toward publishers; ``pli_in``, ``pli_out``;
``codec_wanted`` (publishers asked for another codec);
``drop_<why>`` for datagrams and packets that were not used; ``fault_<where>`` for exceptions that were caught.
"""

from __future__ import annotations

from collections import Counter

Counters = Counter[str]
