"""How much may one key ask for, and when may it ask again?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from toolrun.errors import ConfigError
from toolrun.serve.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE = 60.0


class Quota(Struct, frozen=True):
    """What one key may take.

    Attributes:
        in_flight: requests at once.
        requests: a minute; None for any number.
        tokens: a minute, of prompts and completions together; None for any number.
    """

    in_flight: int = 64
    requests: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody could keep.

        Raises:
            ConfigError: a field is not positive.
        """
        for name in ("in_flight", "requests", "tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"a key's limit of {name.replace('_', ' ')} must be 1 or more")


class Meters:
    """What each key has taken of its quota.

    Args:
        quota: of each.
        clock: gives seconds, monotonic.
    """

    def __init__(self, quota: Quota, clock: Callable[[], float] = time.monotonic) -> None:
        self._quota = quota
        self._clock = clock
        self._of: dict[str, Meter] = {}

    def of(self, name: str) -> Meter:
        """The meter of a key, by its name."""
        if name not in self._of:
            self._of[name] = Meter(self._quota, self._clock)
        return self._of[name]


class Meter:
    """What one key has taken."""

    def __init__(self, quota: Quota, clock: Callable[[], float]) -> None:
        self._quota = quota
        self._in_flight = 0
        self._requests = quota.requests and _Bucket(quota.requests, clock)
        self._tokens = quota.tokens and _Bucket(quota.tokens, clock)

    def begin(self) -> None:
        """Count a request; `end` has to follow.

        Raises:
            Failure: the key may not make it now.
        """
        most = self._quota.in_flight
        if self._in_flight >= most:
            raise _too_many(f"This key has {most} requests in flight, which is all it may.", 1.0)
        if self._tokens and (wait := self._tokens.wait(1)):
            rate = self._quota.tokens
            raise _too_many(f"This key has taken its {rate} tokens of this minute.", wait)
        if self._requests and (wait := self._requests.wait(1)):
            rate = self._quota.requests
            raise _too_many(f"This key has made its {rate} requests of this minute.", wait)
        if self._requests:
            self._requests.take(1)
        self._in_flight += 1

    def end(self, tokens: int) -> None:
        """Count the end of a request, and the tokens that it took."""
        self._in_flight -= 1
        if self._tokens:
            self._tokens.take(tokens)


class _Bucket:
    """Fills evenly with what a minute allows; may owe, since tokens are counted afterwards."""

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._level = float(rate)
        self._seen = clock()

    def wait(self, amount: float) -> float:
        """Seconds until there is so much in it; 0 where there is."""
        now = self._clock()
        filled = self._level + (now - self._seen) * self._rate / _MINUTE
        self._level, self._seen = min(float(self._rate), filled), now
        return max(0.0, (amount - self._level) * _MINUTE / self._rate)

    def take(self, amount: float) -> None:
        self._level -= amount


def _too_many(message: str, wait: float) -> Failure:
    return Failure(429, message, code="rate_limit_exceeded", retry_after=wait)
