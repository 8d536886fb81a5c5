"""Which of several servers samples a step? One that holds the session's cache, if it is well.

A session goes to the same replica each time, so that its prefix is in that one's cache: the first
in an order that rendezvous hashing gives it (Thaler and Ravishankar, 1996), so that a replica more
or less moves no other sessions than its own. Health is looked at by steps, beside them, now and
then: no task outlives a step (see docs/decisions/0020-fleet.md).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import TYPE_CHECKING

import anyio
import structlog
from msgspec import structs

from toolrun.errors import ConfigError, ContextTooLong, ServerError, ServerUnreachable
from toolrun.models.door import START
from toolrun.models.fleet_breaker import blame
from toolrun.models.fleet_replica import Replica, ReplicaStatus
from toolrun.models.lengths import length_of
from toolrun.models.ways import Server, Via, open_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolrun.events import AssistantMessage
    from toolrun.models.model import Model, Observe, Request
    from toolrun.models.proof import Proof

LOOK_S = 5.0
"""Seconds between two looks at the replicas, where steps are sampled."""
GRACE_S = 0.05
"""Seconds that a step waits for a look that it began, once its own reply is there."""
QUEUE = 16
"""By how many waiting requests a replica's queue may be longer than the shortest one."""
_PROVED = 4096
_RANKED = "replicas"
_NONE = (None, list[Replica]())


class Fleet:
    """Models behind several servers, each of which can sample any step. See `models.model.Model`.

    Args:
        servers: where they are.
        via: how each of them is sampled.
        counts: is told of "FailedOver", "SpilledOver", "BreakerOpened" and "BreakerClosed".
        opened: makes the model of a server.
        now: a clock that never goes back, in seconds.

    Raises:
        ConfigError: there is none, there is one twice, or a URL, the key or a header is none.
    """

    sound = True
    """See `Model`."""

    def __init__(
        self,
        servers: Sequence[Server],
        via: Via = "auto",
        *,
        counts: Counter[str] | None = None,
        opened: Callable[[Server], Model] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Internal: `base_url` as a list makes one; `Runtime.fleet` gives it."""
        if not servers:
            raise ConfigError("base_url: a list must have at least one URL")
        self._template = servers[0]
        self._opened = opened or (lambda server: open_model(server, via))
        self._now = now
        self._counts: Counter[str] = Counter() if counts is None else counts
        self._members: tuple[Replica, ...] = ()
        self._leaving: tuple[Replica, ...] = ()
        self._look_at = now()
        self._sampled_by: dict[str, Replica] = {}
        for server in servers:
            self._join(server)

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """Sample one step; see `Model.sample`.

        Raises:
            ServerError: `server` says whose it is; where `elsewhere` is true, another server can
                be asked at once, by the same request with `avoid`.
        """
        replica = self._pick(request)
        if len(self._members) > 1 and self._now() >= self._look_at:
            return await self._beside_a_look(replica, request, observe)
        return await self._sample(replica, request, observe)

    async def context_length(self, name: str) -> int | None:
        """Tokens that a model takes wherever it is sampled: the fewest that a replica says.

        Args:
            name: of the model, as the server has it.
        """
        asked = [await length_of(each.model, name) for each in self._members]
        return min((length for length in asked if length is not None), default=None)

    async def prove(self, name: str, step: AssistantMessage, later: AssistantMessage) -> Proof:
        """Whether the reasoning of a step is in the prompt of a later one; see `ChatModel.prove`.

        The server is asked that sampled the later one; where that is not known any more, another:
        they serve the same model.
        """
        known = self._sampled_by.get(later.response_id or "")
        replica = known or next((each for each in self._members if each.breaker.admits), None)
        prove = getattr((replica or self._members[0]).model, "prove", None)
        if prove is None:
            raise ServerError("the way that the servers are sampled gives no proof")
        proof: Proof = await prove(name, step, later)
        return proof

    def status(self) -> tuple[ReplicaStatus, ...]:
        """How each replica is, those that are drained last."""
        return tuple(each.status() for each in (*self._members, *self._leaving))

    def add(self, url: str) -> None:
        """Let one more replica have its share of the sessions, from their next steps on.

        It is sent the same key and headers as the others.

        Args:
            url: its base URL.

        Raises:
            ConfigError: it is there already, or the URL is none.
        """
        self._join(structs.replace(self._template, base_url=url))

    async def drain(self, url: str) -> None:
        """Take a replica out: its steps finish, new ones go elsewhere; returns when none is left.

        Where it is cancelled, the replica still gets no new steps; draining it again waits on.

        Args:
            url: its base URL.

        Raises:
            ConfigError: there is no such replica, or no other.
        """
        every = (*self._members, *self._leaving)
        replica = next((each for each in every if each.url == url.rstrip("/")), None)
        if replica is None:
            urls = ", ".join(each.url for each in self._members)
            raise ConfigError(f"no replica {url!r} is in use; there are {urls}")
        if not replica.leaving:
            if len(self._members) == 1:
                raise ConfigError(f"{url} is the only replica; add another before it is drained")
            self._members = _without(self._members, replica)
            self._leaving = (*self._leaving, replica)
            replica.leaving = True
        await replica.drained()
        self._leaving = _without(self._leaving, replica)
        self._forget(replica)
        await replica.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for replica in (*self._members, *self._leaving):
            await replica.aclose()

    def _join(self, server: Server) -> None:
        replica = Replica(server, self._opened, self._now)
        if any(each.url == replica.url for each in self._members):
            raise ConfigError(f"base_url: {replica.url} stands there twice")
        self._members = (*self._members, replica)

    async def _sample(
        self, replica: Replica, request: Request, observe: Observe | None
    ) -> AssistantMessage:
        began = self._now()
        probe = replica.begin()
        told = None if observe is None else replica.naming(observe)
        try:
            message = await replica.model.sample(request, told)
        except ServerError as error:
            self._judge(replica, request, error, began)
            raise
        except ContextTooLong:  # it is well, and no other would take more
            self._answered(replica, began)
            raise
        finally:
            await replica.end(probe=probe)
        self._answered(replica, began)
        asked = message.prompt_token_ids is not None or request.extra.get("return_token_ids")
        if asked and message.response_id:
            if len(self._sampled_by) >= _PROVED:
                self._sampled_by.pop(next(iter(self._sampled_by)))
            self._sampled_by[message.response_id] = replica
        return message

    async def _beside_a_look(
        self, replica: Replica, request: Request, observe: Observe | None
    ) -> AssistantMessage:
        """Sample while the replicas are looked at; what is not seen by the end is let go."""
        self._look_at = self._now() + LOOK_S
        failed: Exception | None = None
        message: AssistantMessage | None = None
        looked, left = anyio.Event(), len(self._members)

        async def look(replica: Replica) -> None:
            nonlocal left
            try:
                await self._look(replica)
            finally:
                left -= 1
                if not left:
                    looked.set()

        async with anyio.create_task_group() as group:
            for each in self._members:
                group.start_soon(look, each)
            try:
                message = await self._sample(replica, request, observe)
            except Exception as error:  # noqa: BLE001 - raised below, outside of the group
                failed = error
            else:
                with anyio.move_on_after(GRACE_S):
                    await looked.wait()
            group.cancel_scope.cancel()
        if failed is not None:
            raise failed
        assert message is not None
        return message

    async def _look(self, replica: Replica) -> None:
        if await replica.look():
            self._opening(replica)
        self._look_in_time(replica)

    def _judge(self, replica: Replica, request: Request, error: ServerError, began: float) -> None:
        """Note what a failure says of the replica, and whether another is to be asked at once."""
        error.server, error.elsewhere = replica.url, False
        found = blame(error)
        if found is None:
            self._answered(replica, began)
            return
        if replica.failed(found, error, request.model, began):
            self._opening(replica)
        if found == "slow" and replica.breaker.state == "closed":
            return
        avoid = (*request.avoid, replica.url)
        if self._next(structs.replace(request, avoid=avoid)) is not None:
            error.elsewhere = True
            self._counts["FailedOver"] += 1
        elif len(self._members) > 1:
            self._name_all(error)

    def _answered(self, replica: Replica, began: float) -> None:
        if replica.succeeded(began):
            self._counts["BreakerClosed"] += 1
            structlog.get_logger("toolrun").info("replica is well again", url=replica.url)

    def _opening(self, replica: Replica) -> None:
        self._counts["BreakerOpened"] += 1
        self._look_in_time(replica)
        structlog.get_logger("toolrun").warning(
            "replica is left alone", url=replica.url, why=replica.why
        )

    def _look_in_time(self, replica: Replica) -> None:
        if replica.breaker.state == "open":
            self._look_at = min(self._look_at, replica.breaker.until)

    def _name_all(self, error: ServerError) -> None:
        """Have an error say why none of the replicas could sample the step."""
        whys = "; ".join(
            each.why if each.url in each.why else f"{each.url}: {each.why or 'not asked'}"
            for each in self._members
        )
        error.args = (f"none of {len(self._members)} servers can sample the step: {whys}",)
        if isinstance(error, ServerUnreachable):
            error.answered = any(each.answered for each in self._members)
            if not error.answered:
                more = f"Start them with\n    {START}\nor give the base URLs of some that run"
                error.args = (f"{error}. {more}",)

    def _pick(self, request: Request) -> Replica:
        """The replica that samples a step."""
        first = self._ranked(request)[0]
        if (
            first.breaker.state == "closed"
            and not (request.avoid or first.is_busy or first.lacks(request.model))
            and (first.depth or 0) <= QUEUE
        ):
            return first
        chosen = self._next(request) or self._next(structs.replace(request, avoid=())) or first
        if chosen is not first and not request.avoid and first.breaker.state == "closed":
            self._counts["SpilledOver"] += 1
        return chosen

    def _next(self, request: Request) -> Replica | None:
        """The first of those that are in the best state to sample a step, and not to be avoided.

        Where all are open, all are asked: nothing is lost by it.
        """
        ranked = self._ranked(request)
        has = [each for each in ranked if not each.lacks(request.model)] or ranked
        well = [each for each in has if each.breaker.admits]
        free = [each for each in well if not each.is_busy] or well or has
        left = [each for each in free if each.url not in request.avoid]
        if not left:
            return None
        depths = [depth for each in left if (depth := each.depth) is not None]
        first = left[0].depth
        if first is None or first <= min(depths) + QUEUE:
            return left[0]
        return next(
            each for each in left if (depth := each.depth) is not None and depth <= min(depths)
        )

    def _ranked(self, request: Request) -> list[Replica]:
        """The replicas in the order in which a session goes to them."""
        if not request.session:
            return sorted(self._members, key=lambda each: each.in_flight)
        known: tuple[tuple[Replica, ...] | None, list[Replica]]
        known = request.cache.get(_RANKED, _NONE)
        if known[0] is not self._members:
            ranked = sorted(self._members, key=lambda each: score(each.url, request.session))
            known = request.cache[_RANKED] = (self._members, ranked)
        return known[1]

    def _forget(self, replica: Replica) -> None:
        for name in [name for name, each in self._sampled_by.items() if each is replica]:
            del self._sampled_by[name]


def _without(replicas: tuple[Replica, ...], replica: Replica) -> tuple[Replica, ...]:
    return tuple(each for each in replicas if each is not replica)


def score(url: str, session: str) -> bytes:
    """The place of a replica in the order of a session: the same in every process."""
    return hashlib.blake2b(f"{url}\n{session}".encode("utf-8", "replace"), digest_size=8).digest()
