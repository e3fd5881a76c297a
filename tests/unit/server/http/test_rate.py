from __future__ import annotations

import pytest

from server.auth import rate
from server.auth.rate import RateLimit, subscriber


def test_a_burst_and_then_the_average() -> None:
    limit = RateLimit(per_s=2, burst=3)
    assert [limit.allow("a", 0) for _ in range(4)] == [True, True, True, False]
    assert [limit.allow("a", 500), limit.allow("a", 500)] == [True, False]
    assert limit.allow("b", 500)


def test_a_long_rest_gives_no_more_than_a_burst() -> None:
    limit = RateLimit(per_s=2, burst=3)
    limit.allow("a", 0)
    assert sum(limit.allow("a", 10**9) for _ in range(10)) == 3


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limit = RateLimit(per_s=1, burst=1)
    assert limit.allow("a", 10_000)
    assert not limit.allow("a", 0)


def test_memory_is_bounded() -> None:
    limit = RateLimit(per_s=1, burst=1)
    for number in range(rate.MAX_KEYS + 100):
        limit.allow(str(number), 0)
    assert len(limit._buckets) == rate.MAX_KEYS


@pytest.mark.parametrize(
    ("address", "whom"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_subscriber_is_a_network(address: str, whom: str) -> None:
    assert subscriber(address) == whom
