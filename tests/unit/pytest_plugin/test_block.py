"""What counts as reaching something, and who is said to have tried it?

CPython runs audit hooks untraced, so that what the tests of a run show of them is not measured;
here the hook is called as CPython calls it.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

from toolrun.integrations.pytest.network import Block, NetworkBlocked, _Hook, _reached, blocked

if TYPE_CHECKING:
    from collections.abc import Iterator

V6: Final = ("::1", 80, 0, 0)


class Sock:
    """As much of a socket as a hook looks at."""

    def __init__(self, family: int = socket.AF_INET) -> None:
        self.family = family


@pytest.fixture
def hook() -> Iterator[_Hook]:
    hook = _Hook()
    hook.block = Block()
    yield hook
    hook.block = None


@pytest.mark.parametrize(
    ("event", "args", "says"),
    [
        ("socket.connect", (Sock(), ("10.0.0.1", 80)), "connect to 10.0.0.1:80"),
        ("socket.sendto", (Sock(socket.AF_INET6), V6), "connect to [::1]:80"),
        ("socket.sendmsg", (Sock(), b"odd"), "connect to b'odd'"),
        ("socket.getaddrinfo", ("example.org", 80, 0, 0, 0), "look up example.org"),
        ("socket.gethostbyname", (b"example.org",), "look up example.org"),
        ("socket.getnameinfo", (("example.org", 80),), "look up example.org"),
    ],
)
def test_an_attempt_is_refused_and_named(
    hook: _Hook, event: str, args: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(NetworkBlocked, match="without a network"):
        hook(event, args)
    assert hook.block is not None
    [attempt] = hook.block.attempts
    assert attempt.endswith(f": {says}")
    assert "test_block.py" in attempt
    assert "in test_an_attempt_is_refused_and_named" in attempt


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("open", ("/etc/hosts", "r", 0)),
        ("socket.bind", (Sock(), ("127.0.0.1", 0))),
        ("socket.connect", (Sock(socket.AF_UNIX), "/run/x")),
        ("socket.sendmsg", (Sock(), None)),  # one that is connected
        ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.getaddrinfo", ("fe80::1%eth0", 80, 0, 0, 0)),
        ("socket.getnameinfo", (("127.0.0.1", 80),)),
    ],
)
def test_what_asks_nobody_is_let_be(hook: _Hook, event: str, args: tuple[Any, ...]) -> None:
    hook(event, args)
    assert hook.block is not None
    assert hook.block.attempts == []


def test_outside_of_a_block_nothing_is_refused(hook: _Hook) -> None:
    hook.block = None
    hook("socket.connect", (Sock(), ("10.0.0.1", 80)))


def test_a_block_in_a_block_ends_alone() -> None:
    with blocked() as outer:
        with blocked() as inner, pytest.raises(NetworkBlocked):
            socket.gethostbyname("example.invalid")
        assert len(inner.attempts) == 1
        with pytest.raises(NetworkBlocked):
            socket.gethostbyname("example.invalid")
        assert len(outer.attempts) == 1


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "says"),
    [
        ("getaddrinfo", ("example.org", 80), {}, "example.org"),
        ("getaddrinfo", (), {"host": "example.org"}, "example.org"),
        ("getaddrinfo", ("10.0.0.1", 80), {}, ""),
        ("create_connection", (object, "example.org", 80), {}, "example.org:80"),
        ("create_connection", (object,), {"host": "10.0.0.1", "port": 80}, "10.0.0.1:80"),
        ("create_connection", (object,), {"sock": object()}, ""),
        ("create_connection", (object, None, None), {"sock": object()}, ""),
        ("create_datagram_endpoint", (object,), {"remote_addr": ("10.0.0.1", 1)}, "10.0.0.1:1"),
        ("create_datagram_endpoint", (object, None, ("10.0.0.1", 1)), {}, "10.0.0.1:1"),
        ("create_datagram_endpoint", (object,), {"local_addr": ("127.0.0.1", 0)}, ""),
    ],
)
def test_what_a_loop_of_c_would_reach(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], says: str
) -> None:
    assert _reached(name, args, kwargs) == says


def test_a_loop_of_c_is_asked_before_it_reaches_anything() -> None:
    loops = pytest.importorskip("uvloop").Loop
    loop: Any = object()  # one that is open would stay so for the life of this process
    with blocked() as block, ThreadPoolExecutor(1, thread_name_prefix="fetcher") as pool:
        with pytest.raises(NetworkBlocked, match=r"connect to 10\.0\.0\.1:80"):
            loops.create_connection(loop, object, "10.0.0.1", 80)
        looked_up = pool.submit(loops.getaddrinfo, loop, "example.invalid", 80)
        assert isinstance(looked_up.exception(), NetworkBlocked)
        assert block.attempts[1:] == ["thread fetcher_0: look up example.invalid"]
        loops.create_connection(loop, object, sock=object()).close()  # reaches nobody
    loops.getaddrinfo(loop, "example.invalid", 80).close()
    assert len(block.attempts) == 2


def test_where_libraries_alone_run_the_thread_is_named() -> None:
    with blocked() as block, ThreadPoolExecutor(1, thread_name_prefix="fetcher") as pool:
        error = pool.submit(socket.gethostbyname, "example.invalid").exception()

    assert isinstance(error, NetworkBlocked)
    assert block.attempts == ["thread fetcher_0: look up example.invalid"]
