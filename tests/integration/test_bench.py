"""The bench itself, small: a real worker, five real subscribers, everything delivered. No figure of time is judged."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROMISED = {
    "subscribers",
    "forwarded_per_s",
    "delivered_fraction",
    "server_cpu_s_per_million",
    "latency_p50_ms",
    "latency_p99_ms",
    "rss_mib",
    "kib_per_subscriber",
    "publisher",
    "generator_cpu_share",
    "noisy",
    "machine",
}


async def _bench(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", *arguments),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, progress = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(), progress.decode()


@pytest.mark.integration
async def test_five_subscribers_get_every_packet() -> None:
    status, output, progress = await _bench("--subscribers", "5", "--seconds", "2", "--warmup", "0.5")
    assert status == 0, progress
    report = json.loads(output.splitlines()[-1])
    assert report.keys() >= PROMISED
    assert report["subscribers"] == 5
    assert report["delivered_fraction"] == 1.0, report
    assert report["forwarded"] == 5 * report["published"] > 0
    assert (report["refused"], report["renumbered"]) == (0, 0)
    assert report["srtp_profile"].startswith("SRTP_AEAD_AES_")


@pytest.mark.integration
async def test_a_worker_that_does_not_start_is_a_failure_and_not_a_figure() -> None:
    status, output, progress = await _bench("--subscribers", "1", "--worker-command", f"{sys.executable} -c pass")
    assert status == 1
    assert output == ""
    assert "before it said hello" in progress
