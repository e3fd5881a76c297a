"""Firefox takes part: it publishes VP8, makes Chromium send VP8 as well, and stands in the recording."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT
from tests.netsim.namespace import namespace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_firefox_and_chromium_hold_a_lesson_over_https(tmp_path: Path, screenshots: Path) -> None:
    with namespace() as inside:
        done = subprocess.run(
            [
                *inside.prefix,
                sys.executable,
                "-m",
                "tests.e2e.firefox_lesson",
                str(tmp_path),
                str(screenshots / "firefox.png"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["firefox"]["outbound"]["video"] == "video/VP8"
    assert seen["chromium"]["inbound-rtp video"] == "video/VP8"
    assert seen["firefox"]["codecs"]["video"] == "video/VP8", "asked for, since this Firefox has no H.264"
    assert seen["firefox"]["inbound"]["video"] >= 60
    assert seen["recorded_frames"] > 100
    assert seen["recorded_damaged"] == 0
    assert seen["recorded_gap_s"] < 5, seen["recorded_gap_s"]
    assert "https://" in seen["output"]
    assert seen["qr_printed"]
