"""``make run``'s program on folders and ports as people leave them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT, installation
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=dict(os.environ) | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("server.supervisor", PORT=str(port), DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.strip() == f"huitang: cannot listen on 127.0.0.1:{port}: Address already in use; set PORT"


def test_a_port_that_is_no_number_is_said_in_one_line(tmp_path: Path) -> None:
    done = run("server.supervisor", PORT="eighty", DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "PORT must be a number" in done.stdout


def test_the_server_refuses_an_empty_worker_token(tmp_path: Path) -> None:
    done = run("server", WORKER_TOKEN="", DATA_DIR=str(tmp_path), PORT=str(free_port()))
    assert done.returncode != 0
    assert "WORKER_TOKEN" in done.stdout + done.stderr


def test_an_empty_system_gets_its_first_administrator(tmp_path: Path) -> None:
    async def start_and_stop() -> str:
        async with installation(tmp_path / "data", DEMO="0") as home:
            assert not (home.data_dir / "demo-logins.json").exists()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "server", "create-admin", "--login", "chief", "--name", "管理员"),
                cwd=ROOT,
                env=dict(os.environ) | {"DATA_DIR": str(home.data_dir)},
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            assert process.returncode == 0
            return out.decode()

    assert "chief" in asyncio.run(start_and_stop())
