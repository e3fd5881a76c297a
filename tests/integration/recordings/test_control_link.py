"""The recorder's connection to the server: TLS, tokens, bad calls, events that must not be lost."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from media.control import WorkerAuth
from recordings.control import (
    ControlModel,
    RecorderHello,
    RecordingChanged,
    RecordingPause,
    RecordingState,
    RecordingStop,
)
from recordings.control_link import Call, CallRefusedError, ControlLink
from tests.integration.recordings.server_stand_in import ServerStandIn, wait_for

pytestmark = pytest.mark.integration
TOKEN = "the-token"


@asynccontextmanager
async def linked(
    server: ServerStandIn,
    token: str = TOKEN,
    verify: bool = True,
    calls: dict[type[ControlModel], Call] | None = None,
) -> AsyncIterator[ControlLink]:
    link = ControlLink(
        server.url,
        WorkerAuth(token=token, worker_id="r"),
        verify,
        lambda: RecorderHello(recorder_id="r", version="1"),
        calls or {},
        lambda: None,
    )
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[ServerStandIn], Awaitable[None]]]:
    started: list[ServerStandIn] = []

    async def start(server: ServerStandIn) -> None:
        await server.start()
        started.append(server)

    yield start
    for server in started:
        await server.stop()


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
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
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context


async def test_a_self_signed_server_is_accepted_only_when_told(
    tmp_path: Path, serve: Callable[[ServerStandIn], Awaitable[None]]
) -> None:
    server = ServerStandIn(TOKEN, self_signed(tmp_path))
    await serve(server)
    async with linked(server, verify=False):
        await wait_for(lambda: server.hellos, "no hello")
    server.hellos.clear()
    async with linked(server, verify=True) as link:
        await asyncio.sleep(1)
        assert link.counters["connects"] == 0 and not server.hellos


async def test_a_wrong_token_is_not_let_in(serve: Callable[[ServerStandIn], Awaitable[None]]) -> None:
    server = ServerStandIn(TOKEN)
    await serve(server)
    async with linked(server, token="wrong") as link:
        await asyncio.sleep(1)
        assert link.counters["connects"] == 0 and not server.hellos


async def test_calls_are_checked_and_their_refusals_named(serve: Callable[[ServerStandIn], Awaitable[None]]) -> None:
    server = ServerStandIn(TOKEN)
    await serve(server)

    async def refuse(call: RecordingStop) -> None:
        raise CallRefusedError("unknown_recording", call.recording_id)

    async def break_down(call: RecordingPause) -> None:
        raise RuntimeError("must not reach the server")

    async with linked(server, calls={RecordingStop: refuse, RecordingPause: break_down}) as link:
        answer = await server.call(RecordingStop(recording_id="x"))
        assert answer == {"ok": False, "error": {"code": "unknown_recording", "message": "x"}}
        answer = await server.call(RecordingPause(recording_id="x"))
        assert answer["error"]["code"] == "internal_error" and "reach" not in answer["error"]["message"]
        assert (await server.raw_call("recording.stop", {"recording": 1}))["error"]["code"] == "bad_request"
        assert (await server.raw_call("recording.stop", None))["error"]["code"] == "bad_request"
        assert link.counters["refused"] == 4


async def test_events_wait_for_the_server_and_keep_their_order(
    serve: Callable[[ServerStandIn], Awaitable[None]],
) -> None:
    server = ServerStandIn(TOKEN)
    await serve(server)
    port = server.port
    done: list[int] = []
    async with linked(server) as link:
        for number in range(3):
            link.send(_changed(number), lambda number=number: done.append(number))  # type: ignore[misc]
        await wait_for(lambda: done == [0, 1, 2], "not acknowledged")
        await server.stop()
        for number in range(3, 6):
            link.send(_changed(number), lambda number=number: done.append(number))  # type: ignore[misc]
        await asyncio.sleep(0.5)
        assert done == [0, 1, 2]
        successor = ServerStandIn(TOKEN)
        await successor.start(port)
        try:
            await wait_for(lambda: done == [0, 1, 2, 3, 4, 5], "not acknowledged by the successor")
            assert [change.duration_ms for change in successor.changes] == [3, 4, 5]
        finally:
            await successor.stop()


def _changed(number: int) -> RecordingChanged:
    return RecordingChanged(recording_id="r", state=RecordingState.RECORDING, duration_ms=number)
