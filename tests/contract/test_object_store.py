"""One contract for all object stores: the local one, and S3 against a real SeaweedFS."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from recordings.errors import (
    BadKeyError,
    ObjectExistsError,
    ObjectMissingError,
    RangeError,
    StoreAwayError,
    StoreFullError,
)
from recordings.stores.base import ObjectStore
from recordings.stores.local import LocalStore
from recordings.stores.open import open_store
from tests.servers.seaweedfs import free_ports, seaweedfs


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    with seaweedfs() as url:
        yield url


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    url = f"file://{tmp_path}/store" if request.param == "local" else str(request.getfixturevalue("s3_url"))
    opened = await open_store(url)
    async for info in opened.list(""):
        await opened.delete(info.key)
    yield opened
    await opened.close()


async def test_what_is_put_comes_back_whole(store: ObjectStore) -> None:
    body = os.urandom(300_000)
    info = await store.put("rec/a/000000.m4s", body, "video/iso.segment")
    assert info == ("rec/a/000000.m4s", 300_000, hashlib.sha256(body).hexdigest(), "video/iso.segment")
    assert await store.get("rec/a/000000.m4s") == body
    assert await store.stat("rec/a/000000.m4s") == info


async def test_an_object_may_be_empty_and_be_replaced(store: ObjectStore) -> None:
    await store.put("a/empty", b"", "text/plain")
    assert await store.get("a/empty") == b""
    await store.put("a/empty", b"now it is not", "text/html")
    assert await store.get("a/empty") == b"now it is not"
    assert (await store.stat("a/empty")).content_type == "text/html"


async def test_ranges(store: ObjectStore) -> None:
    await store.put("a/digits", b"0123456789", "text/plain")
    assert await store.get("a/digits", 3) == b"3456789"
    assert await store.get("a/digits", 3, 6) == b"345"
    assert await store.get("a/digits", 8, 100) == b"89"
    assert await store.get("a/digits", 4, 4) == b""
    with pytest.raises(RangeError):
        await store.get("a/digits", 10)


async def test_a_missing_object_is_named_missing(store: ObjectStore) -> None:
    for call in (store.get("no/such"), store.stat("no/such"), store.verify("no/such", "0" * 64)):
        with pytest.raises(ObjectMissingError):
            await call
    await store.delete("no/such")


async def test_if_absent_lets_exactly_one_of_many_win(store: ObjectStore) -> None:
    results = await asyncio.gather(
        *(store.put("race/one", f"writer {n}".encode(), "text/plain", if_absent=True) for n in range(6)),
        return_exceptions=True,
    )
    winners = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert all(isinstance(result, ObjectExistsError) for n, result in enumerate(results) if n not in winners)
    assert await store.get("race/one") == f"writer {winners[0]}".encode()
    info = await store.stat("race/one")
    assert info.sha256 == hashlib.sha256(f"writer {winners[0]}".encode()).hexdigest()


async def test_delete_and_list_in_key_order(store: ObjectStore) -> None:
    for key in ("rec/b/2", "rec/a/10", "rec/a/9", "recess/1", "other"):
        await store.put(key, key.encode(), "text/plain")
    assert [info.key async for info in store.list("rec/")] == ["rec/a/10", "rec/a/9", "rec/b/2"]
    assert [(info.key, info.size) async for info in store.list("rec/a/1")] == [("rec/a/10", 8)]
    await store.delete("rec/a/10")
    assert [info.key async for info in store.list("")] == ["other", "rec/a/9", "rec/b/2", "recess/1"]
    assert [info.key async for info in store.list("nothing/")] == []


async def test_verify_reads_the_object_back(store: ObjectStore) -> None:
    await store.put("a/body", b"body", "text/plain")
    assert await store.verify("a/body", hashlib.sha256(b"body").hexdigest())
    assert not await store.verify("a/body", hashlib.sha256(b"bodY").hexdigest())


@pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b", ".", "a/../b", "a/./b", "会", "a b", "a\0", "x" * 600])
async def test_bad_keys_touch_nothing(store: ObjectStore, key: str) -> None:
    for call in (store.put(key, b"", "text/plain"), store.get(key), store.stat(key), store.delete(key)):
        with pytest.raises(BadKeyError):
            await call


async def test_check_passes_and_leaves_nothing(store: ObjectStore) -> None:
    await store.check()
    assert [info.key async for info in store.list("")] == []


async def test_a_store_that_does_not_answer_is_away() -> None:
    with pytest.raises(StoreAwayError):
        await open_store(f"s3://key:secret@127.0.0.1:{free_ports(1)[0]}/bucket?secure=0")


@pytest.mark.integration
async def test_a_wrong_secret_is_refused(s3_url: str) -> None:
    head, _, tail = s3_url.partition("@")
    with pytest.raises(StoreAwayError, match=r"SignatureDoesNotMatch|AccessDenied"):
        await open_store(f"{head}0@{tail}")


@pytest.mark.parametrize(
    "url", ["", "/folder", "file:relative", "s3://h/b", "s3://k:s@h/", "s3://k:s@h/b?x=1", "http://h"]
)
async def test_bad_urls_are_refused_without_showing_the_secret(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        await open_store(url)
    assert "k:s" not in str(caught.value)


async def test_a_changed_byte_on_disk_is_seen(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    info = await store.put("a/body", b"body", "text/plain")
    (tmp_path / "objects/a/body").write_bytes(b"bodY")
    assert not await store.verify("a/body", info.sha256)
    assert (await store.stat("a/body")).sha256 != info.sha256
    await store.close()


async def test_a_full_disk_is_full_and_leaves_no_half_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    await store.put("a/good", b"good", "text/plain")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # the kernel refuses as it does on a full disk
        with pytest.raises(StoreFullError):
            await store.put("a/bad", bytes(200_000), "text/plain")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [info.key async for info in store.list("")] == ["a/good"]
    assert not list((tmp_path / "tmp").iterdir())
    await store.close()


async def test_a_key_below_another_key_is_a_bad_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    await store.put("a/b", b"1", "text/plain")
    with pytest.raises(BadKeyError):
        await store.put("a/b/c", b"2", "text/plain")
    with pytest.raises(BadKeyError):
        await store.put("a", b"2", "text/plain")
    await store.close()
