"""How is a session led over one WebSocket?

The client says `{"type": "hello", "key": ..., "after": ...}` first (browsers can send no headers
here), then `ask`, `decide` and `cancel`; each is answered by `done` or `error`. Beside that come
the events, `{"type": "event", "id": ..., "event": ...}`: the ids are those of the SSE streams.
"""

import contextlib
from typing import Annotated, Any, Literal

import anyio
import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent_service.approvals import Decided
from agent_service.asking import Asked, begin
from agent_service.failures import Failure, failure_of
from agent_service.follow import Follower, Over
from agent_service.live import Live  # noqa: TC001 - as in all of these files
from agent_service.places import read_place
from agent_service.service import Service, service_of
from agent_service.sse import ALIVE_SECONDS, WRITE_SECONDS
from toolrun import StoreError

HELLO_SECONDS = 10.0
BAD_KEY, UNKNOWN, BAD_MESSAGE, RESTART = 4401, 4404, 4400, 1012
router = APIRouter()
log = structlog.get_logger("agent_service")


class Hello(BaseModel):
    """Who asks, and which event it had last."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    key: str
    after: str = ""


class Ask(Asked):
    """See `Asked`."""

    type: Literal["ask"]


class Decide(Decided):
    """See `Decided`."""

    type: Literal["decide"]
    call_id: str


class Cancel(BaseModel):
    """Stop the turn."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["cancel"]


_command: TypeAdapter[Ask | Decide | Cancel] = TypeAdapter(
    Annotated[Ask | Decide | Cancel, Field(discriminator="type")]
)


@router.websocket("/v1/sessions/{session_id}/ws")
async def lead(socket: WebSocket, session_id: str) -> None:
    """Lead a session: what happens in it goes out, what the client wants comes in."""
    service = service_of(socket)
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect, OSError, RuntimeError):
        try:
            hello = await _hello(socket)
            tenant = service.tenants.of(hello.key)
            if tenant is None:
                await socket.close(BAD_KEY, "bad_key")
                return
            place = read_place(hello.after)
            follower = Follower(service.store, service.work, session_id, tenant, place)
            await follower.check()
        except Failure as failure:
            code = UNKNOWN if failure.code == "unknown_session" else BAD_MESSAGE
            await socket.close(code, failure.code)
            return
        with service.metrics.streams.labels("socket").track_inprogress():
            await _Line(socket, service, session_id, tenant).run(follower)


async def _hello(socket: WebSocket) -> Hello:
    """The first message.

    Raises:
        Failure: it is none, or does not come.
    """
    try:
        with anyio.fail_after(HELLO_SECONDS):
            return Hello.model_validate_json(await socket.receive_text())
    except (TimeoutError, ValidationError, KeyError) as error:
        raise Failure(400, "no_hello", "Say hello first.") from error


class _Line:
    """One WebSocket that has said who it is."""

    def __init__(self, socket: WebSocket, service: Service, session_id: str, tenant: str) -> None:
        self._socket = socket
        self._service = service
        self._id = session_id
        self._tenant = tenant
        self._asked: Live | None = None

    async def run(self, follower: Follower) -> None:
        """Tell and hear until either has an end."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._hear, group.cancel_scope)
                await self._tell(follower)
                group.cancel_scope.cancel()
        except* (WebSocketDisconnect, OSError, RuntimeError) as gone:  # a group's are in a group
            log.info("a client is gone", session=self._id, why=repr(gone.exceptions[0]))
        finally:
            goes = self._service.settings.on_disconnect == "go_on" or self._service.work.draining
            if self._asked is not None and not self._asked.ended and not goes:
                self._asked.session.cancel()

    async def _tell(self, follower: Follower) -> None:
        while True:
            try:
                batch = await follower.more(ALIVE_SECONDS)
            except (Over, StoreError) as error:
                log.info("a socket ends", session=self._id, why=repr(error))
                await self._socket.close(RESTART, "connect again")
                return
            for each in batch:
                text = b'{"type":"event","id":"%b","event":%b}'
                said = text % (str(each.place).encode(), each.data or b"null")
                with anyio.fail_after(WRITE_SECONDS):
                    await self._socket.send_text(said.decode())

    async def _hear(self, scope: anyio.CancelScope) -> None:
        with contextlib.suppress(WebSocketDisconnect, KeyError):  # a KeyError: bytes, not a text
            while True:
                text = await self._socket.receive_text()
                await self._socket.send_json(await self._answer(text))
        scope.cancel()

    async def _answer(self, text: str) -> dict[str, Any]:
        """Do what a message wants, and say how that went."""
        of = ""
        try:
            command = _command.validate_json(text)
            of = command.type
            return {"type": "done", "of": of, **await self._do(command)}
        except ValidationError:
            failure = Failure(400, "bad_message", "That is no message of this service.")
        except Exception as error:  # noqa: BLE001 - the line goes on; the log has it
            failure = failure_of(error)
            log.info("a message failed", session=self._id, of=of, error=repr(error))
        return {"type": "error", "of": of, **failure.body()}

    async def _do(self, command: Ask | Decide | Cancel) -> dict[str, Any]:
        work = self._service.work
        match command:
            case Ask():
                after = await begin(self._service, self._id, self._tenant, command.text)
                self._asked = work.lives.get(self._id)
                return {"after": str(after)}
            case Decide():
                decision = command.decision_of()
                live = await work.decide(self._id, self._tenant, command.call_id, decision)
                return {"goes_on": live is not None}
            case Cancel():
                return {"cancelled": await work.cancel(self._id, self._tenant)}
