"""What happens to a connection that a box makes? Its request is judged, then passed on or refused.

A request of plain HTTP is written anew and has a connection of its own. A tunnel carries TLS to the
host that it was asked for, and nothing else: so no request goes by that nobody judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import structlog

from toolrun.sandbox.egress.addresses import Resolve, checked
from toolrun.sandbox.egress.addresses import resolve as _resolve
from toolrun.sandbox.egress.head import END, MAX_HEAD, Plain, Refused, Tunnel, request_of
from toolrun.sandbox.egress.hello import NO_SUCH_NAME, NoHello
from toolrun.sandbox.egress.hosts import Hosts
from toolrun.sandbox.egress.passing import both, hello_for, moving, send_body
from toolrun.sandbox.egress.stream import Ended, Stream, connect

if TYPE_CHECKING:
    import socket

    from toolrun.sandbox.egress.hosts import Target
    from toolrun.sandbox.profile import Method, Profile

_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_PAUSE: Final = 0.05


class Decision(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        host, port: where it was going; "" and 0 where that could not be read.
        method: "CONNECT" for a tunnel.
        allowed: whether it was passed on.
        reason: why not; "" where it was.
    """

    host: str
    port: int
    method: str
    allowed: bool
    reason: str = ""


Tell = Callable[[Decision], None]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a call may take of the network.

    Attributes:
        connections: at once; more of them wait.
        requests: in all.
        up_bytes, down_bytes: of all of them together, requests and answers.
        head_seconds: for a request's head, and for a TLS greeting.
        connect_seconds: for each address of a host.
        idle_seconds: in which no byte goes either way.
    """

    connections: int = 64
    requests: int = 10_000
    up_bytes: int = 67_108_864
    down_bytes: int = 1_073_741_824
    head_seconds: float = 10.0
    connect_seconds: float = 10.0
    idle_seconds: float = 60.0


class Proxy:
    """Judges the requests of the boxes of one profile.

    Args:
        profile: says which hosts and methods.
        resolve: looks up names; this machine's resolver by default.
        bounds: hold for each call.

    Raises:
        ConfigError: a host of the profile is none.
    """

    def __init__(
        self, profile: Profile, resolve: Resolve | None = None, bounds: Bounds | None = None
    ) -> None:
        self.name: str = profile.name
        self.hosts: Hosts = Hosts(profile.hosts, profile.private_hosts)
        self.methods: frozenset[Method] = frozenset(profile.methods)
        self.resolve: Resolve = resolve or _resolve
        self.bounds: Bounds = bounds or Bounds()

    async def serve(self, listener: socket.socket, tell: Tell) -> None:
        """Take the connections of one call, until cancelled; then all of them are closed."""
        call = _Call(self, tell)
        places = anyio.Semaphore(self.bounds.connections)

        async def one(client: socket.socket) -> None:
            try:
                with Stream(client) as stream:
                    await call.client(stream)
            finally:
                places.release()

        async with anyio.create_task_group() as group:
            while True:
                await places.acquire()
                group.start_soon(one, await _accepted(listener))


async def _accepted(listener: socket.socket) -> socket.socket:
    while True:
        try:
            return listener.accept()[0]
        except BlockingIOError:
            await anyio.wait_readable(listener)
        except OSError:  # it went away again, or there are no descriptors left just now
            await anyio.sleep(_PAUSE)


class _Spent(Exception):
    """The call has used up its bytes."""


class _Call:
    """The requests of one call."""

    def __init__(self, proxy: Proxy, tell: Tell) -> None:
        self._proxy = proxy
        self._bounds = proxy.bounds
        self._tell = tell
        self._requests = self._up = self._down = 0
        self._spent = ""

    def went_up(self, size: int) -> None:
        """Count bytes of the box."""
        self._up += size
        if self._up > self._bounds.up_bytes:
            raise _Spent(f"sent more than {self._bounds.up_bytes} bytes")

    def went_down(self, size: int) -> None:
        """Count bytes of the hosts."""
        self._down += size
        if self._down > self._bounds.down_bytes:
            raise _Spent(f"received more than {self._bounds.down_bytes} bytes")

    async def client(self, client: Stream) -> None:
        """Answer one connection; nothing that happens to it concerns the others."""
        self._requests += 1
        if self._requests > self._bounds.requests:
            self._spend(f"made {self._bounds.requests} requests")
        try:
            await self._answer(client)
        except _Spent as spent:
            self._spend(str(spent))
        except (OSError, Ended, EOFError):
            pass  # it ended on one of its sides
        except Exception as error:  # noqa: BLE001 - a fault of ours closes this connection alone
            structlog.get_logger("toolrun").error(
                "egress proxy: a connection failed", error=f"{type(error).__name__}: {error}"
            )

    async def _answer(self, client: Stream) -> None:
        try:
            request = await self._request(client)
            upstream = await self._connected(request)
        except Refused as refused:
            self._told(refused.target, refused.method, refused.reason)
            await self._refuse(client, refused)
            return
        with upstream:
            if isinstance(request, Tunnel):
                await self._tunnel(client, upstream, request)
            else:
                await self._plain(client, upstream, request)

    async def _request(self, client: Stream) -> Tunnel | Plain:
        try:
            with anyio.fail_after(self._bounds.head_seconds):
                head = await client.read_through(END, MAX_HEAD)
        except OverflowError:
            raise Refused(431, f"the request's head has more than {MAX_HEAD} bytes") from None
        if self._spent:
            raise Refused(429, self._spent)
        request = request_of(head)
        target, method = request.target, request.method
        profile = self._proxy.name
        if not self._proxy.hosts.allows(target):
            why = f"{target} is not among the hosts of sandbox profile {profile!r}"
            raise Refused(403, why, target, method)
        if isinstance(request, Plain) and method not in self._proxy.methods:
            why = f"{method} is not among the methods of sandbox profile {profile!r}"
            raise Refused(405, why, target, method)
        client.moved = self.went_up
        return request

    async def _connected(self, request: Tunnel | Plain) -> Stream:
        """A connection to the very address that was checked: no name is looked up twice."""
        target, method = request.target, request.method
        private = self._proxy.hosts.may_be_private(target)
        try:
            with anyio.fail_after(self._bounds.connect_seconds):
                addresses, why = await checked(target, self._proxy.resolve, private=private)
        except (OSError, UnicodeError):
            raise Refused(502, f"{target.host} has no address", target, method) from None
        if why:
            raise Refused(403, f"{target.host} may not be reached: {why}", target, method)
        self._tell(Decision(target.host, target.port, method, allowed=True))
        seconds = self._bounds.connect_seconds
        try:
            return await connect(addresses, target.port, seconds, self.went_down)
        except OSError as error:
            why = error.strerror or "it does not answer"
            raise Refused(502, f"{target} cannot be reached: {why}", target, method) from None

    async def _tunnel(self, client: Stream, upstream: Stream, request: Tunnel) -> None:
        await client.send(_ESTABLISHED)
        try:
            with anyio.fail_after(self._bounds.head_seconds):
                hello = await hello_for(request.target, client)
        except (NoHello, TimeoutError) as error:
            why = str(error) or "no TLS greeting came"
            self._told(request.target, request.method, f"a tunnel is for TLS to its host: {why}")
            await client.send(NO_SUCH_NAME)
            await client.linger()
            return
        client.put_back(hello)
        out, back = moving(client, upstream), moving(upstream, client)
        await both(out, back, self._bounds.idle_seconds, wait=True)

    async def _plain(self, client: Stream, upstream: Stream, request: Plain) -> None:
        async def send(alive: Callable[[], None]) -> None:
            await upstream.send(request.head)
            try:
                await send_body(client, upstream, request, alive)
            except ValueError as error:
                self._told(request.target, request.method, str(error))
                raise Ended(str(error)) from None

        back = moving(upstream, client)
        await both(send, back, self._bounds.idle_seconds, wait=False)
        await client.linger()

    async def _refuse(self, client: Stream, refused: Refused) -> None:
        body = f"toolrun: {refused.reason}. The profile lists: {self._proxy.hosts}.\n".encode()
        head = (
            f"HTTP/1.1 {refused.status} {refused.reason}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        await client.send(head.encode("ascii", "replace") + body)
        await client.linger()

    def _told(self, target: Target | None, method: str, reason: str) -> None:
        if self._spent:
            return  # said once, not for each of a flood
        host, port = (target.host, target.port) if target is not None else ("", 0)
        self._tell(Decision(host, port, method, allowed=False, reason=reason))

    def _spend(self, what: str) -> None:
        if not self._spent:
            self._spent = f"the call has {what}, and may reach nothing any more"
            self._tell(Decision("", 0, "", allowed=False, reason=self._spent))
