"""From what was counted in a run to its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import machine
from tests.bench.books import Books, Reading
from tests.bench.participant import JoinTimes, Participant
from tests.bench.plan import Plan
from tests.bench.report import NOISY_SHARE, Measurement, percentile, slope_per_hour


class FaultError(Exception):
    """The generator itself went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run leaves."""

    plan: Plan
    participants: Sequence[Participant]
    before: Reading
    after: Reading
    counted: Books
    joined: Sequence[JoinTimes]
    failed: int
    rss_alone_kib: int
    rss_kib: int
    first_ticks: Sequence[int]  # of each publisher, the first in the window
    memory: Sequence[tuple[float, float]]  # seconds into the window, MiB
    churn: dict[str, float]


def evaluate(outcome: Outcome) -> Measurement:
    """Raises FaultError if nothing was published."""
    plan, before, after = outcome.plan, outcome.before, outcome.after
    window_s = after.at_s - before.at_s
    published = sum(after.published.values()) - sum(before.published.values())
    expected, forwarded, worst = outcome.counted.totals()
    if not expected:
        raise FaultError("nothing was published in the window")
    server_cpu_s = after.server.total_s - before.server.total_s
    own_cpu_s = after.own_cpu_s - before.own_cpu_s
    ours_s = server_cpu_s + own_cpu_s + after.parent_cpu_s - before.parent_cpu_s
    other_share = max(0.0, after.machine.busy_s - before.machine.busy_s - ours_s) / window_s
    subscribers = [participant.subscriber for participant in outcome.participants]
    server_ports = {int(participant.peer.socket.getpeername()[1]) for participant in outcome.participants}
    return Measurement(
        scenario=plan.scenario.name,
        subscribers=plan.scenario.subscribers,
        window_s=round(window_s, 3),
        published=published,
        expected=expected,
        forwarded=forwarded,
        forwarded_per_s=round(forwarded / window_s, 1),
        delivered_fraction=forwarded / expected,
        delivered_fraction_worst=worst,
        duplicates=sum(subscriber.duplicates for subscriber in subscribers),
        renumbered=sum(subscriber.renumbered for subscriber in subscribers),
        refused=sum(subscriber.refused for subscriber in subscribers),
        server_cpu_s=round(server_cpu_s, 3),
        server_system_cpu_s=round(after.server.system_s - before.server.system_s, 3),
        server_cpu_share=round(server_cpu_s / window_s, 4),
        server_cpu_s_per_million=round(server_cpu_s / max(1, forwarded) * 1e6, 3),
        **_latencies(outcome),
        **_join_figures(outcome),
        rss_mib=round(outcome.rss_kib / 1024, 2),
        kib_per_subscriber=round((outcome.rss_kib - outcome.rss_alone_kib) / plan.scenario.subscribers, 1),
        lost_on_purpose=sum(subscriber.dropped for subscriber in subscribers),
        nacks=sum(subscriber.nacks_sent for subscriber in subscribers),
        repaired_by_rtx=sum(subscriber.repaired for subscriber in subscribers),
        padding=sum(subscriber.padding for subscriber in subscribers),
        feedback_per_s=round((after.feedback - before.feedback) / window_s, 1),
        generator_socket_drops=machine.dropped_datagrams({item.peer.port for item in outcome.participants}),
        server_socket_drops=machine.dropped_datagrams(server_ports),
        generator_cpu_share=round(own_cpu_s / window_s, 4),
        other_cpu_share=round(other_share, 4),
        steal_share=round((after.machine.steal_s - before.machine.steal_s) / window_s, 4),
        noisy=other_share > NOISY_SHARE,
        srtp_profile=outcome.participants[0].peer.profile,
        publisher=_publisher_figures(outcome, published, window_s),
        memory={**outcome.churn, **_memory_figures(outcome.memory, plan.window_s)},
    )


def _latencies(outcome: Outcome) -> dict[str, Any]:
    samples = sorted(us for item in outcome.participants for us in item.subscriber.latencies_us)
    return {
        "latency_p50_ms": round(percentile(samples, 0.5) / 1000, 3),
        "latency_p99_ms": round(percentile(samples, 0.99) / 1000, 3),
        "latency_max_ms": round(percentile(samples, 1.0) / 1000, 3),
        "latency_samples": len(samples),
    }


def _join_figures(outcome: Outcome) -> dict[str, Any]:
    packets = sorted((item.packet_ns - item.offered_ns) / 1e6 for item in outcome.joined if item.packet_ns)
    pictures = sorted((item.picture_ns - item.offered_ns) / 1e6 for item in outcome.joined if item.picture_ns)
    return {
        "joins": len(outcome.joined),
        "joins_failed": max(outcome.failed, len(outcome.joined) - len(pictures)),
        "join_p50_ms": round(percentile(packets, 0.5), 1),
        "join_p95_ms": round(percentile(packets, 0.95), 1),
        "join_max_ms": round(percentile(packets, 1.0), 1),
        "picture_p95_ms": round(percentile(pictures, 0.95), 1),
    }


def _memory_figures(samples: Sequence[tuple[float, float]], window_s: float) -> dict[str, float]:
    """How the worker grows in a window of minutes; its first half fills pools and tables."""
    later = [sample for sample in samples if sample[0] >= window_s / 2]
    if window_s < 60 or len(later) < 3:
        return {}
    return {
        "mib_at_start": round(samples[0][1], 2),
        "mib_at_end": round(later[-1][1], 2),
        "mib_per_hour": round(slope_per_hour(later), 2),
    }


def _publisher_figures(outcome: Outcome, published: int, window_s: float) -> dict[str, float]:
    publishers = [item.publisher for item in outcome.participants if item.publisher is not None]
    lateness_us = sorted(
        us for first, item in zip(outcome.first_ticks, publishers, strict=True) for us in item.lateness_us[first:]
    )
    names = publishers[0].received.keys()
    return {
        "packets_per_s": round(published / window_s, 1),
        "late_p50_ms": round(percentile(lateness_us, 0.5) / 1000, 3),
        "late_p99_ms": round(percentile(lateness_us, 0.99) / 1000, 3),
        "late_max_ms": round(percentile(lateness_us, 1.0) / 1000, 3),
        "keyframes": sum(publisher.source.keyframes for publisher in publishers),
        **{f"{name}_received": sum(publisher.received[name] for publisher in publishers) for name in names},
    }
