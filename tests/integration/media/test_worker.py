"""The worker as a program: settings, its control channel, the tap over TCP."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import socket
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from media import control, tap
from tests.integration.media.conftest import StartWorker
from tests.integration.media.control_server import TOKEN, ControlServer, until

pytestmark = pytest.mark.integration


async def _run(**variables: str) -> tuple[int | None, str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("SERVER_URL", "WORKER_TOKEN")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "media"), env=environment | variables, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    return process.returncode, complaint.decode()


async def test_a_missing_or_bad_setting_is_named() -> None:
    code, complaint = await _run(SERVER_URL="http://127.0.0.1:1")
    assert (code, complaint) == (2, "media: WORKER_TOKEN is not set\n")
    code, complaint = await _run(SERVER_URL="http://127.0.0.1:1", WORKER_TOKEN="t", MEDIA_PORT="x")
    assert code == 2
    assert "MEDIA_PORT" in complaint


async def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = str(holder.getsockname()[1])
        code, complaint = await _run(SERVER_URL="http://127.0.0.1:1", WORKER_TOKEN="t", MEDIA_PORT=port)
    assert code == 1
    assert complaint.startswith("media: cannot listen: ")
    assert complaint.count("\n") == 1


async def test_a_tap_folder_too_deep_for_a_socket(
    server: ControlServer, start_worker: StartWorker, tmp_path: Path
) -> None:
    await start_worker(MEDIA_TAP_DIR=str(tmp_path / ("deep" * 30)))
    address = (await server.call(control.RoomOpen(room_id="r")))["tap"]
    _, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    writer.close()


async def test_it_waits_for_a_server_and_survives_refusals(server: ControlServer, start_worker: StartWorker) -> None:
    await server.stop()
    variables = {**os.environ, "SERVER_URL": server.url, "WORKER_TOKEN": "a wrong token", "LOG_LEVEL": "WARNING"}
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-m", "media", env=variables)
    starting = asyncio.ensure_future(start_worker())
    again = ControlServer()
    again.port = server.port
    await again.start()
    try:
        await until(lambda: again.hellos, "the right worker's hello")
        assert len(again.hellos) == 1
        assert stranger.returncode is None
    finally:
        stranger.terminate()
        await stranger.wait()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await again.stop()


async def test_statistics_come_by_themselves(server: ControlServer, worker: asyncio.subprocess.Process) -> None:
    await server.call(control.RoomOpen(room_id="r"))
    await until(lambda: server.counters.get("rooms") == 1, "statistics with the room", 8)


async def test_tap_over_tcp(server: ControlServer, start_worker: StartWorker) -> None:
    await start_worker(MEDIA_TAP_TCP="127.0.0.1:0")
    address = (await server.call(control.RoomOpen(room_id="r")))["tap"]
    kind, host, port = address.split(":")
    assert kind == "tcp"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(tap.TapHello(token=TOKEN, room_id="r").model_dump_json().encode() + b"\n")
    frame, _ = tap.decode_frame(await reader.read(4096))
    assert frame is not None
    assert b'"room"' in frame.body
    writer.write(b"nonsense\n")
    assert await reader.read() == b""
    writer.close()


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_a_self_signed_server_only_by_permission(tmp_path: Path) -> None:
    server = ControlServer(_self_signed(tmp_path))
    await server.start()
    workers = []
    try:
        for verify in ("1", "0"):
            variables = {"SERVER_URL": server.url, "WORKER_TOKEN": TOKEN, "MEDIA_TLS_VERIFY": verify}
            variables |= {"WORKER_ID": f"verify-{verify}", "LOG_LEVEL": "WARNING"}
            workers.append(
                await asyncio.create_subprocess_exec(sys.executable, "-m", "media", env=os.environ | variables)
            )
        await until(lambda: server.hellos, "the permitted worker's hello", 20)
        await until(lambda: server.seen("worker.stats"), "its statistics")
        assert {hello.worker_id for hello in server.hellos} == {"verify-0"}
    finally:
        for process in workers:
            process.terminate()
            await process.wait()
        await server.stop()
