"""How does the mock vLLM answer each request?"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.rig import mock_bytes, mock_faults, mock_http, mock_versions
from tests.rig.mock_http import EVENT_STREAM, STREAM_END, Break, whole
from tests.rig.mock_steps import SCRIPTS, ChatRequest, Fault, Script, Step, choose, spoil, tokens

if TYPE_CHECKING:
    from tests.rig.mock_http import Connection, Request

MODEL: Final = "openai/gpt-oss-20b"
VERSION: Final = "0.32.0"
_KEPT = 10_000
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_PERMISSION: Final = {
    "id": "modelperm-0123456789abcdef",
    "object": "model_permission",
    "created": 1767225600,
    "allow_create_engine": False,
    "allow_sampling": True,
    "allow_logprobs": True,
    "allow_search_indices": False,
    "allow_view": True,
    "allow_fine_tuning": False,
    "organization": "*",
    "group": None,
    "is_blocking": False,
}

_chat = msgspec.json.Decoder(ChatRequest)
_script = msgspec.json.Decoder(tuple[Step, ...] | Script)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the server is.

    Attributes:
        version: of vLLM; None: a server that isn't one.
        keep: how many requests it remembers.
        tool_parser: whether it was started with one; without, calls vanish.
        seed: where it is given, ids and times follow from the request's bytes.
        fault_rate: how likely a request meets a fault, from 0 to 1; see `mock_faults.drawn`.
        faults: which ones.
        counts: whether `prompt_tokens` count the reasoning that its version takes; else it is 100.
        drops: whether it takes none, whatever its version.
        retry_after: the header of that name, beside an HTTP fault.
        waiting: how many requests `/metrics` says are waiting.
        health: the status of `/health`.
        length: tokens that its context holds, as `/v1/models` says.
    """

    model: str = MODEL
    version: str | None = VERSION
    api_key: str | None = None
    keep: int = _KEPT
    tool_parser: bool = True
    seed: int | None = None
    fault_rate: float = 0.0
    faults: tuple[Fault, ...] = mock_faults.PASSING
    retry_after: str | None = None
    counts: bool = False
    drops: bool = False
    waiting: int = 0
    health: int = 200
    length: int = 131072


class Received(msgspec.Struct, frozen=True):
    """A request that came, for tests to look at; `body` is the text as it was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class MockVllm:
    """The state of the mock: scripts, settings, and what it received."""

    def __init__(self, settings: Settings) -> None:
        self._initial = settings
        self.reset()

    def reset(self) -> None:
        """Forget all but what the server was started with."""
        self.settings = self._initial
        self.scripts = dict(SCRIPTS)
        self.received: deque[Received] = deque(maxlen=self.settings.keep)
        self.met: Counter[bytes] = Counter()
        self.came: Counter[bytes] = Counter()
        self._encoded: dict[tuple[bytes, bool], mock_bytes.Template] = {}
        self.running = 0

    def answer(self, request: Request, connection: Connection) -> mock_http.Plan:
        """The plan for a request."""
        path = request.path.partition("?")[0]
        if path.startswith("/mock/"):
            return self._control(path, request)
        if self.settings.keep:
            body = request.body.decode("utf-8", "replace")
            self.received.append(Received(request.method, path, request.headers, body))
        if not self._may(path, request):
            return whole(401, b'{"error":"Unauthorized"}')
        if path == "/v1/chat/completions" and request.method == "POST":
            return self._chat(request, connection)
        return self._page(path) if request.method == "GET" else _not_found()

    def _may(self, path: str, request: Request) -> bool:
        key = self.settings.api_key
        guarded = key is not None and path.startswith("/v1")
        return not guarded or request.headers.get("authorization") == f"Bearer {key}"

    def _page(self, path: str) -> mock_http.Plan:
        match path:
            case "/v1/models":
                return whole(200, self._models())
            case "/version" if self.settings.version is not None:
                return whole(200, mock_bytes.encode({"version": self.settings.version}))
            case "/health" | "/ping":
                return whole(self.settings.health, b"")
            case "/metrics" if self.settings.version is not None:
                return whole(200, self._metrics(), "text/plain; version=1.0.0; charset=utf-8")
            case "/v1/chat/completions":
                return whole(405, b'{"detail":"Method Not Allowed"}')
        return _not_found()

    def _control(self, path: str, request: Request) -> mock_http.Plan:
        match path:
            case "/mock/script":
                try:
                    script = _script.decode(request.body)
                except msgspec.MsgspecError as error:
                    return whole(400, mock_bytes.encode({"detail": str(error)}))
                script = script if isinstance(script, Script) else Script(script)
                self.scripts[script.name] = script.steps
                return whole(200, mock_bytes.encode({"script": script.name}))
            case "/mock/settings":
                changes = msgspec.json.decode(request.body, type=dict[str, Any])
                known = msgspec.structs.asdict(self.settings)
                self.settings = msgspec.convert(known | changes, Settings)
                return whole(200, mock_bytes.encode(self.settings))
            case "/mock/requests":
                return whole(200, mock_bytes.encode(list(self.received)))
            case "/mock/reset":
                self.reset()
                return whole(200, b"{}")
        return _not_found()

    def _models(self) -> bytes:
        card: dict[str, Any] = {"id": self.settings.model, "object": "model", "created": 1767225600}
        card |= {
            "owned_by": "vllm" if self.settings.version else "nobody",
            "root": self.settings.model,
            "parent": None,
        }
        card |= {"max_model_len": self.settings.length, "permission": [_PERMISSION]}
        return mock_bytes.encode({"object": "list", "data": [card]})

    def _metrics(self) -> bytes:
        labels = f'{{engine="0",model_name="{self.settings.model}"}}'
        return (
            f"vllm:num_requests_waiting{labels} {float(self.settings.waiting)}\n"
            "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
            "# TYPE vllm:num_requests_running gauge\n"
            f"vllm:num_requests_running{labels} {float(self.running)}\n"
        ).encode()

    def _chat(self, request: Request, connection: Connection) -> mock_http.Plan:
        chat = self._read(request)
        if not isinstance(chat, ChatRequest):
            return chat
        step = choose(chat, self.scripts)
        if step is None:
            return _bad("There is no such script.", "vllm_xargs")
        self.running += 1
        connection.at_end(self._one_less)
        step = self._chance(self._meet(step, request.body), request.body)
        return self._plan(step, chat, request.body)

    def _read(self, request: Request) -> ChatRequest | mock_http.Plan:
        """The request, or the answer that says what is wrong with it."""
        if "unread" in request.headers:
            return whole(411, b'{"detail":"Length Required"}')
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _bad("Unsupported Media Type: Only 'application/json' is allowed", None)
        try:
            chat = _chat.decode(request.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _invalid(str(error), "body")
        if chat.reasoning_effort is not None and chat.reasoning_effort not in _EFFORTS:
            return _invalid(f"Input should be one of {_EFFORTS}", "body.reasoning_effort")
        if chat.model is not None and chat.model != self.settings.model:
            served = f"Valid aliases: {self.settings.model}."
            message = f"The model `{chat.model}` does not exist. {served}"
            return whole(404, mock_bytes.failure(message, "NotFoundError", "model", 404))
        return chat

    def _one_less(self) -> None:
        self.running = max(0, self.running - 1)

    def _meet(self, step: Step, body: bytes) -> Step:
        """The step without its fault, if requests of this body have met it often enough."""
        if step.fault is None or step.fault_times is None:
            return step
        digest = hashlib.blake2b(body, digest_size=16).digest()
        self.met[digest] += 1
        met = self.met[digest] <= step.fault_times
        return step if met else msgspec.structs.replace(step, fault=None)

    def _chance(self, step: Step, body: bytes) -> Step:
        """The step with the fault that this request meets by chance, and by the server's nature."""
        changes: dict[str, Any] = {}
        now = self.settings
        if step.fault is None and now.fault_rate:
            digest = hashlib.blake2b(body, digest_size=16).digest()
            self.came[digest] += 1
            drawn = (now.seed or 0, body, self.came[digest], now.fault_rate, now.faults)
            changes = {"fault": mock_faults.drawn(*drawn), "retry_after": now.retry_after}
        fault = changes.get("fault", step.fault)
        if fault == "malformed_header":
            changes["fault"] = mock_faults.header_fault(now.version)
        if fault is None and not (now.tool_parser and mock_versions.calls(now.version)):
            changes["fault"] = "no_tool_parser"
        return msgspec.structs.replace(step, **changes) if changes else step

    def _plan(self, step: Step, chat: ChatRequest, body: bytes) -> mock_http.Plan:
        parts = self._fill(step, chat, body)
        broken = mock_faults.broken(step, parts, stream=bool(chat.stream))
        wait: list[bytes | float | Break] = [step.delay_s] if step.delay_s else []
        if broken is not None:
            return wait + broken
        if not chat.stream:
            return wait + whole(200, parts[0])
        return [*wait, EVENT_STREAM, *_paced(step, parts), STREAM_END]

    def _counted(self, step: Step, body: bytes) -> Step:
        """The step with the tokens of the prompt that its version makes of a request."""
        messages = msgspec.json.decode(body)["messages"]
        taken = mock_versions.taken(self.settings.version, messages)
        thought = "" if self.settings.drops else "".join(each.reasoning or "" for each in taken)
        usage = {"prompt_tokens": 100 + len(tokens(thought)), **(step.usage or {})}
        return msgspec.structs.replace(step, usage=usage)

    def _fill(self, step: Step, chat: ChatRequest, body: bytes) -> list[bytes]:
        step = self._counted(step, body) if self.settings.counts else step
        fields = step.reasoning_fields or mock_versions.reasoning_fields(self.settings.version)
        style = mock_bytes.Style(
            self.settings.model,
            fields,
            usage=bool((chat.stream_options or {}).get("include_usage")),
            token_ids=bool(chat.return_token_ids),
            include_reasoning=chat.include_reasoning,
        )
        # Steps hold dicts and can't be hashed: their bytes are what the cache goes by.
        key = (msgspec.msgpack.encode((step, style)), bool(chat.stream))
        template = self._encoded.get(key)
        if template is None:
            make = mock_bytes.streamed if chat.stream else mock_bytes.unstreamed
            template = self._encoded[key] = make(spoil(step), style)
        seed = self.settings.seed
        return template.fill(None if seed is None else b"%d." % seed + body)


def _invalid(message: str, where: str) -> mock_http.Plan:
    """A body that is not what the schema says."""
    return whole(
        400, mock_bytes.failure(f"1 validation error:\n  {message}", "Bad Request", where, 400)
    )


def _not_found() -> mock_http.Plan:
    return whole(404, b'{"detail":"Not Found"}')


def _bad(message: str, param: str | None) -> mock_http.Plan:
    return whole(400, mock_bytes.failure(message, "BadRequestError", param, 400))


def _paced(step: Step, parts: list[bytes]) -> list[bytes | float | Break]:
    plan: list[bytes | float | Break] = []
    for part in parts:
        plan.append(mock_http.frames(part))
        if step.chunk_delay_s:
            plan.append(step.chunk_delay_s)
    return plan


async def serve(app: MockVllm, host: str, port: int) -> asyncio.Server:
    """Listen; the port is that of the server's socket."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: mock_http.Connection(app.answer), host, port, backlog=4096
    )
