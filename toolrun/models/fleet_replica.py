"""What is known of one replica: its model, its health, its load?"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct, structs

from toolrun.errors import ConfigError, ServerError, ServerStatus, ServerUnreachable
from toolrun.events import StepFinished
from toolrun.models.door import Door, Timeouts
from toolrun.models.fleet_breaker import Blame, Breaker, State, blame

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.events import Event
    from toolrun.models.model import Model, Observe
    from toolrun.models.ways import Server

LOOK_TIMEOUT = 2.0
"""Seconds that a replica has to answer where only its health is asked for."""
BUSY_S = 1.0
"""Seconds that a busy replica is spared where it does not say for how long."""
LACKS_S = 60.0
"""Seconds that a replica is taken to have no model of a name."""
STALE_S = 15.0
"""Seconds after which a queue that was looked at says nothing any more."""

_GAUGE = re.compile(rb"^vllm:num_requests_(waiting|running)(?:\{[^\n]*\})? (\S+)$", re.MULTILINE)
_FAILING = 500


class ReplicaStatus(Struct, frozen=True):
    """One replica, for a page of health or metrics.

    Attributes:
        url: its base URL.
        running: requests of anybody that run there (`vllm:num_requests_running`).
        state: of its breaker, or "draining".
        in_flight: steps of this process that run there.
        waiting: requests of anybody that wait there (`vllm:num_requests_waiting`), running: that
            run (`vllm:num_requests_running`); None where the server does not say.
        steps: of this process that it has answered.
        failures: in a row.
        busy: whether it has just said that it has too much to do.
        again_in: seconds until an open one is looked at again.
        why: its last failure.
    """

    url: str
    state: State | str
    in_flight: int
    waiting: int | None
    running: int | None
    steps: int
    failures: int
    busy: bool
    again_in: float
    why: str


class Replica:
    """One server of a fleet.

    Args:
        server: where it is.
        opened: makes the model that samples there.
        now: a clock that never goes back, in seconds.

    Attributes:
        url: its base URL.
        in_flight: steps that run there.
        leaving: whether it takes no more steps.
        answered: whether it has ever answered.
        why: its last failure.
    """

    def __init__(
        self, server: Server, opened: Callable[[Server], Model], now: Callable[[], float]
    ) -> None:
        self.url: str = server.base_url.rstrip("/")
        self.model: Model = opened(server)
        self.breaker: Breaker = Breaker(now)
        self.in_flight: int = 0
        self.steps: int = 0
        self.leaving = False
        self.answered: bool = False
        self.why: str = ""
        self._server = server
        self._opened = opened
        self._now = now
        self._looking = Door(
            server.base_url,
            api_key=server.api_key,
            headers=server.headers,
            timeouts=Timeouts(connect=LOOK_TIMEOUT, first_token=LOOK_TIMEOUT),
        )
        self._busy_until = 0.0
        self._lacks: dict[str, float] = {}
        self._counts_requests: bool | None = None
        self._waiting: int | None = None
        self._running: int | None = None
        self._then = 0
        self._looked = 0.0
        self._was_gone = False
        self._left: list[Model] = []
        self._users = 0
        self._idle: anyio.Event | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it has just said that it has too much to do."""
        return bool(self._busy_until) and self._now() < self._busy_until

    @property
    def depth(self) -> int | None:
        """Requests that wait there: as it said, and what this process has sent and got since."""
        if self._waiting is None or self._now() - self._looked > STALE_S:
            return None
        return max(0, self._waiting + self.in_flight - self._then)

    def lacks(self, model: str) -> bool:
        """Whether it has just said that it has no such model."""
        return bool(self._lacks) and self._lacks.get(model, 0.0) > self._now()

    def begin(self) -> bool:
        """A step begins; whether it is the one that tells whether the replica is well again."""
        self.in_flight += 1
        self._users += 1
        return self.breaker.begin()

    async def end(self, *, probe: bool) -> None:
        """A step ended, whatever came of it."""
        self.in_flight -= 1
        if probe:
            self.breaker.give_up()
        await self._let_go()

    def succeeded(self, began: float) -> bool:
        """A step brought an answer, a wrong one too; whether that closed the breaker."""
        self.steps += 1
        self.answered = True
        return self.breaker.succeed(began)

    def failed(self, found: Blame, error: ServerError, model: str, began: float) -> bool:
        """A step failed, and the replica is to blame; whether that opened the breaker."""
        self.answered = self.answered or not isinstance(error, ServerUnreachable)
        self.why = said(error)
        match found:
            case "lacking":
                if len(self._lacks) > 64:  # noqa: PLR2004 - names that somebody makes up
                    self._lacks.clear()
                self._lacks[model] = self._now() + LACKS_S
                return False
            case "busy":
                self._busy_until = self._now() + (error.retry_after or BUSY_S)
                # A proxy whose server is gone says 503, too, and goes on saying it.
                gone = isinstance(error, ServerStatus) and error.status >= _FAILING
                return gone and self.breaker.fail(began, at_once=False)
            case "down":
                opened = self.breaker.fail(began, at_once=True)
                self._was_gone = self._was_gone or isinstance(error, ServerUnreachable)
                return opened
            case _:
                return self.breaker.fail(began, at_once=False)

    async def look(self) -> bool:
        """Ask how it is, and how much it has to do; whether that opened its breaker."""
        breaker = self.breaker
        was_open = breaker.state == "open"
        if self.leaving or (was_open and not breaker.is_due):
            return False
        began = self._now()
        self._users += 1
        try:
            error = await self._ask()
        finally:
            await self._let_go()
        if error is not None:
            self.why = said(error)
            self._was_gone = self._was_gone or isinstance(error, ServerUnreachable)
        if was_open and breaker.state == "open":
            self._looked_at_open(error)
            return False
        down = isinstance(error, ServerUnreachable | ServerStatus)
        return error is not None and breaker.fail(began, at_once=down)

    def status(self) -> ReplicaStatus:
        """How it is."""
        breaker = self.breaker
        return ReplicaStatus(
            self.url,
            "draining" if self.leaving else breaker.state,
            self.in_flight,
            self._waiting,
            self._running,
            self.steps,
            breaker.failures,
            self.is_busy,
            max(0.0, breaker.until - self._now()) if breaker.state == "open" else 0.0,
            self.why,
        )

    def naming(self, observe: Observe) -> Observe:
        """An observer whose `StepFinished` says where the step was sampled."""

        def told(event: Event) -> None:
            if type(event) is StepFinished:
                event = structs.replace(event, server=self.url)
            observe(event)

        return told

    async def drained(self) -> None:
        """Return when nothing runs there any more."""
        if self._users:
            self._idle = self._idle or anyio.Event()
            await self._idle.wait()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._left:
            await self._left.pop().aclose()
        await self.model.aclose()
        await self._looking.aclose()

    async def _let_go(self) -> None:
        """A step or a look is over: what waited for the last of them goes on."""
        self._users -= 1
        if self._users or not (self._left or self._idle):
            return
        if self._idle is not None:
            self._idle.set()
        with anyio.CancelScope(shield=True):
            while self._left:
                await self._left.pop().aclose()

    def _looked_at_open(self, error: ServerError | None) -> None:
        if error is not None:
            self.breaker.stay_open()
            return
        self.breaker.answers()
        if self._was_gone:
            self._renew()

    async def _ask(self) -> ServerError | None:
        """What is wrong with it, if anything; its load is noted on the way.

        Of a vLLM `/health` says whether its engine lives. Elsewhere that path may be missing, or
        cost (LiteLLM's samples from each model): there the list of models is asked for.
        """
        door = self._looking
        try:
            if self._counts_requests is not False:
                await self._count()
            path = f"{door.root}/health" if self._counts_requests else "/models"
            await door.get(path)
        except ServerStatus as error:
            return error if error.status >= _FAILING else None
        except ServerError as error:
            found = blame(error)
            return error if found in ("down", "failing") else None
        except ConfigError:  # of who gives the key: the next step says so
            return None
        return None

    async def _count(self) -> None:
        page = b""
        with contextlib.suppress(ServerStatus):
            page = await self._looking.get(f"{self._looking.root}/metrics")
        gauges = {"waiting": 0, "running": 0}
        found = _GAUGE.findall(page)
        for name, value in found:
            # A server may have several engines; NaN and the like are no number of requests.
            with contextlib.suppress(ValueError, OverflowError):
                gauges[name.decode()] += int(float(value))
        self._counts_requests = bool(found)
        if found:
            self._waiting, self._running = gauges["waiting"], gauges["running"]
            self._then, self._looked = self.in_flight, self._now()

    def _renew(self) -> None:
        """Open its model anew: what comes up again may be another version, with another dialect."""
        self._left.append(self.model)
        self.model = self._opened(self._server)
        self._counts_requests = None
        self._waiting = self._running = None
        self._was_gone = False


def said(error: ServerError) -> str:
    """What an error says, in one line, without the advice for who has only one server."""
    return str(error).partition("\n")[0].removesuffix(". Start one with")
