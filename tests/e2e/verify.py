"""``python -m server verify`` on an installation's data folder."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.e2e.installation import ROOT, Installation


def run_verify(home: Installation, meeting_id: str) -> subprocess.CompletedProcess[str]:
    """Exit code 0 when everything of the meeting proves itself."""
    return subprocess.run(
        [sys.executable, "-m", "server", "verify", meeting_id],
        cwd=ROOT,
        env=dict(os.environ) | {"DATA_DIR": str(home.data_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
