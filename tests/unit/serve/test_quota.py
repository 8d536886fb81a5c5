"""When is a key told to wait, and for how long?"""

from __future__ import annotations

import pytest

from toolrun import ConfigError
from toolrun.serve.failures import Failure
from toolrun.serve.quota import Meters, Quota


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def refusal(meters: Meters, name: str = "a") -> Failure:
    with pytest.raises(Failure) as caught:
        meters.of(name).begin()
    assert caught.value.status == 429
    return caught.value


def test_requests_in_flight_end() -> None:
    meters = Meters(Quota(in_flight=2))
    meters.of("a").begin()
    meters.of("a").begin()
    refusal(meters)
    meters.of("b").begin()
    meters.of("a").end(0)
    meters.of("a").begin()


def test_requests_of_a_minute_come_back_evenly() -> None:
    clock = Clock()
    meters = Meters(Quota(requests=6), clock)
    for _ in range(6):
        meters.of("a").begin()
    assert refusal(meters).retry_after == pytest.approx(10)
    clock.now = 9.9
    assert refusal(meters).headers() == {"retry-after": "1"}
    clock.now = 10.1
    meters.of("a").begin()
    refusal(meters)
    clock.now = 10_000
    for _ in range(6):
        meters.of("a").begin()
    refusal(meters)


def test_tokens_are_owed() -> None:
    clock = Clock()
    meters = Meters(Quota(tokens=600), clock)
    meters.of("a").begin()
    meters.of("a").end(1200)
    assert refusal(meters).retry_after == pytest.approx(60.1)
    clock.now = 60.2
    meters.of("a").begin()


def test_a_request_that_is_refused_takes_nothing() -> None:
    clock = Clock()
    meters = Meters(Quota(in_flight=1, requests=2), clock)
    meters.of("a").begin()
    for _ in range(5):
        refusal(meters)
    meters.of("a").end(0)
    meters.of("a").begin()


def test_limits_that_nobody_keeps_are_refused() -> None:
    with pytest.raises(ConfigError):
        Quota(in_flight=0)
    with pytest.raises(ConfigError):
        Quota(tokens=-1)
