"""What is an attack, and when is it held? Data, and the few ways to judge what one saw."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Control: TypeAlias = Literal["outside", "outside, as root", "in a terminal", ""]
"""How the same attack is shown to work: without a box; "" where that is not safe."""


@dataclass(frozen=True)
class Attacked:
    """What came of an attack.

    Attributes:
        saw: what it returned; None if it did not live to tell.
        status: of the outcome; "ok" for one that shared its box and for a control.
        seconds: of its box.
    """

    saw: Any
    status: str = "ok"
    error: str | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    def words(self) -> str:
        """For the page: how the box was ended, else the errors that the attack met."""
        if self.status not in {"ok", "exception"}:
            return f"ended: `{self.status}`"
        errors = {_ERROR.sub("", each) for each in leaves(self.saw)} & _ERRORS
        return f"refused: {', '.join(sorted(errors))}" if errors else "nothing gained"


Held: TypeAlias = Callable[[Attacked], bool]


_ERRORS: Final = frozenset(
    {
        *("EPERM", "EACCES", "EROFS", "ENOENT", "ESRCH", "ENOSYS", "ENOSPC", "EAGAIN", "EXDEV"),
        *("ECONNREFUSED", "ENETUNREACH", "EAFNOSUPPORT", "ENOTTY", "ENXIO", "EIO", "EFBIG"),
        *("EINVAL", "ENODEV", "ENOMEM", "EMFILE", "EBUSY", "EBADF", "gaierror", "ENOTDIR"),
    }
)
_ERROR: Final = re.compile("^!")


def leaves(value: Any) -> Iterator[str]:
    """The texts in what an attack saw."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value


def gained(attacked: Attacked) -> bool:
    """It did what it tried, or saw the secret, or nothing stopped it."""
    saw = attacked.saw
    if isinstance(saw, dict) and "why" in saw:
        return bool(saw["why"] == "")
    return attacked.status == "ok" and any(
        each == "done" or "topsecret" in each for each in leaves(saw)
    )


def refused(*errors: str) -> Held:
    """All that it tried met one of these errors."""

    def judge(attacked: Attacked) -> bool:
        met = {each.removeprefix("!") for each in leaves(attacked.saw)}
        return attacked.status == "ok" and bool(met) and met <= set(errors)

    return judge


def unseen(secret: str = "topsecret") -> Held:
    """It told of something, and the secret was not in it."""

    def judge(attacked: Attacked) -> bool:
        told = json.dumps(attacked.saw) + attacked.stdout + attacked.stderr
        return attacked.status == "ok" and attacked.saw is not None and secret not in told

    return judge


def sees(value: Any) -> Held:
    """It saw exactly this."""
    return lambda attacked: attacked.status == "ok" and bool(attacked.saw == value)


def ended(status: str, error: str = "", within: float = 60.0) -> Held:
    """The box was ended so, with these words in the error, in so many seconds."""

    def judge(attacked: Attacked) -> bool:
        return (
            attacked.status == status
            and error in (attacked.error or "")
            and attacked.seconds < within
        )

    return judge


def bounded(what: str, at_most: int, why: str = "EAGAIN") -> Held:
    """It was stopped by an error before it had more than so many."""

    def judge(attacked: Attacked) -> bool:
        saw = attacked.saw
        return attacked.status == "ok" and saw["why"] == why and 0 < saw[what] <= at_most

    return judge


def either(*ways: Held) -> Held:
    """One of several outcomes will do."""
    return lambda attacked: any(held(attacked) for held in ways)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One attack.

    Attributes:
        name: what it tries; a row of the page.
        family: the family's name.
        payload: module and function in `payloads`.
        held: whether what came of it is as it must be; a control must come out as not held.
        arguments: "{port}" and the like are what `Scene` has by that name.
        control: how it is shown to work without the box.
        without: a part of the box (see `weakened.py`) without which it is shown to work.
        outside: arguments that differ in the control.
        works: what a control must come to.
        alone: whether it needs a box for itself, because it ends or fills it.
        timeout: seconds.
        change: what the profile has otherwise.
        sleeps: whether it only waits for its time to be over: several such run at once.
        load: whether it takes seconds (`make test-all`).
    """

    name: str
    family: str
    payload: str
    held: Held
    arguments: Mapping[str, Any] = field(default_factory=dict)
    control: Control = ""
    without: str = ""
    outside: Mapping[str, Any] = field(default_factory=dict)
    works: Held = gained
    profile: str = "pure"
    alone: bool = False
    timeout: float = 20.0
    change: Mapping[str, Any] = field(default_factory=dict)
    sleeps: bool = False
    load: bool = False

    @property
    def id(self) -> str:
        """Family and name, fit for a path."""
        return re.sub(r"\W+", "-", f"{self.family}-{self.name}").strip("-").lower()


def of(
    family: str, module: str = "", held: Held | None = None, **common: Any
) -> Callable[..., Attack]:
    """What makes the attacks of a family: name, payload, and what differs."""

    def make(name: str, payload: str, held: Held | None = held, **more: Any) -> Attack:
        assert held is not None
        path = f"{module}.{payload}" if module else payload
        return Attack(name=name, family=family, payload=path, held=held, **{**common, **more})

    return make
