"""How does a server that cannot run here answer? By shapes that were read from its public source.

Each folder of `shapes/` that has a `contract.json` is one: which fields of reasoning it sends and
takes, what it does with a call that it can't parse, the pages by which it says what it is, and its
replies, whole and streamed. `ContractServer` replays them: a call where tools are offered, the
answer after its result. `prompt_tokens` count the reasoning that is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import msgspec

from tests.rig import mock_http, mock_versions
from tests.rig.mock_http import EVENT_STREAM, STREAM_END, whole
from tests.rig.mock_steps import tokens

if TYPE_CHECKING:
    from types import TracebackType

    from tests.rig.mock_http import Connection, Plan, Request

SHAPES: Final = Path(__file__).parent / "shapes"
NAMES: Final = tuple(sorted(path.parent.name for path in SHAPES.glob("*/contract.json")))
_BASE: Final = 100
_START_S: Final = 20


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a server does.

    Attributes:
        source: where that was read.
        dialect: the name under which toolrun must know it.
        headers: of each answer.
        missing: the status and the body of an answer to a path that there is not.
        pages: the JSON by the path of a GET.
        sends: the fields of a reply that hold reasoning.
        takes: the fields whose reasoning reaches the prompt; null: not known, all of them here.
        bad_json: what becomes of a call whose arguments are no JSON.
        error: the body of the 500 where that is what becomes of it.
        completions: what /v1/completions take: token ids or text alone.
        responses: where a reasoning item gets in the prompt; null where there are no Responses, or
            it is not known.
    """

    source: list[str]
    dialect: str
    headers: dict[str, str]
    missing: tuple[int, Any]
    pages: dict[str, Any]
    sends: list[str]
    takes: list[str] | None
    bad_json: Literal["told", "500", "lost"]
    error: Any
    completions: Literal["ids", "text"] | None
    responses: Literal["analysis", "no channel", "dropped"] | None


def contract(name: str) -> Contract:
    """The contract in a folder of `shapes/`."""
    return msgspec.json.decode((SHAPES / name / "contract.json").read_bytes(), type=Contract)


def vllm(version: str) -> Contract:
    """The contract of a version of vLLM that does not run here."""
    like = contract("vllm-0.11")
    fields = mock_versions.reasoning_fields(version)
    number = mock_versions.is_before
    message = {"role": "assistant", "content": ""}
    return msgspec.structs.replace(
        like,
        dialect=f"vLLM {version}",
        pages={**like.pages, "/version": {"version": version}},
        sends=["reasoning", "reasoning_content"] if fields == "both" else [fields],
        takes=[
            name
            for name in ("reasoning", "reasoning_content")
            if mock_versions.taken(version, [{**message, name: "Hm."}])[0].reasoning
        ],
        completions="text" if number(version, (0, 10, 2)) else "ids",
        responses="no channel" if number(version, (0, 13)) else "analysis",
    )


class ContractServer:
    """A server of a contract, on a thread of its own.

    Attributes:
        url: its base URL; ends in `/v1`.
        model: the name of its model.
        bodies: of the requests to Chat Completions that came.
        prompts: of the requests to /v1/completions that came, as token ids.
        seen: the paths of all requests.
    """

    def __init__(self, name: str, *, bad_calls: int = 0, instead: Contract | None = None) -> None:
        """Prepare a server.

        Args:
            name: the folder of its shapes.
            bad_calls: how many of its first calls have arguments that are no JSON.
            instead: another contract than the folder's.
        """
        self.contract = contract(name) if instead is None else instead
        self.model = str(self.contract.pages["/v1/models"]["data"][0]["id"])
        self.bodies: list[dict[str, Any]] = []
        self.prompts: list[list[int]] = []
        self.seen: list[str] = []
        self.url = ""
        self._folder = SHAPES / name
        self._bad_calls = bad_calls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_START_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        make = self._loop.create_server(lambda: mock_http.Connection(self._answer), "127.0.0.1", 0)
        server = self._loop.run_until_complete(make)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _answer(self, request: Request, connection: Connection) -> Plan:
        del connection
        self.seen.append(request.path)
        if request.method == "POST":
            body = msgspec.json.decode(request.body)
            match request.path:
                case "/v1/chat/completions":
                    return self._chat(body)
                case "/v1/completions" if self.contract.completions is not None:
                    return self._completion(body)
                case "/v1/responses" if self.contract.responses is not None:
                    return self._response(body)
        elif request.path in self.contract.pages:
            return self._page(200, self.contract.pages[request.path])
        elif request.path in ("/v1/completions", "/v1/responses") and self._posts(request.path):
            return self._page(405, {"detail": "Method Not Allowed"})
        return self._page(*self.contract.missing)

    def _posts(self, path: str) -> bool:
        has = (
            self.contract.completions if path.endswith("/completions") else self.contract.responses
        )
        return has is not None

    def _page(self, status: int, body: Any) -> Plan:
        if isinstance(body, str):
            return whole(status, body.encode(), "text/plain", **self.contract.headers)
        return whole(status, msgspec.json.encode(body), **self.contract.headers)

    def _chat(self, body: dict[str, Any]) -> Plan:
        self.bodies.append(body)
        messages = body["messages"]
        calls = messages[-1]["role"] != "tool" and "tools" in body
        if calls and self._bad_calls > 0:
            self._bad_calls -= 1
            return self._bad_call(body)
        return self._reply("call" if calls else "final", body)

    def _bad_call(self, body: dict[str, Any]) -> Plan:
        if self.contract.bad_json == "500":
            return self._page(500, self.contract.error)
        reply = self._filled("call", body)
        choice = reply["choices"][0]
        if self.contract.bad_json == "lost":
            choice["message"]["tool_calls"] = []
            choice["finish_reason"] = "stop"
        else:
            choice["message"]["tool_calls"][0]["function"]["arguments"] = '{"city":"Paris"]'
        return self._page(200, reply)

    def _reply(self, name: str, body: dict[str, Any]) -> Plan:
        if not body.get("stream"):
            return self._page(200, self._filled(name, body))
        events = (self._folder / f"{name}.sse").read_bytes().split(b"\n\n")
        shown = b"\n\n".join(self._event(event) for event in events)
        return [EVENT_STREAM, mock_http.frames(shown), STREAM_END]

    def _event(self, event: bytes) -> bytes:
        """An event with the fields that this contract sends."""
        payload = event.removeprefix(b"data: ")
        if not payload.startswith(b"{"):
            return event
        chunk = msgspec.json.decode(payload)
        for choice in chunk["choices"]:
            self._rename(choice["delta"])
        return b"data: " + msgspec.json.encode(chunk)

    def _rename(self, said: dict[str, Any]) -> None:
        texts = [said.pop(name, None) for name in ("reasoning", "reasoning_content")]
        if (text := next(filter(None, texts), None)) is not None:
            said |= dict.fromkeys(self.contract.sends, text)

    def _filled(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = msgspec.json.decode((self._folder / f"{name}.json").read_bytes())
        self._rename(reply["choices"][0]["message"])
        reply["usage"]["prompt_tokens"] = _BASE + len(tokens(self.taken(body["messages"])))
        return reply

    def taken(self, messages: list[dict[str, Any]]) -> str:
        """The reasoning of messages that reaches the prompt."""
        takes = self.contract.takes
        fields = self.contract.sends if takes is None else takes
        return "".join(next((m[f] for f in fields if m.get(f)), "") for m in messages)

    def _completion(self, body: dict[str, Any]) -> Plan:
        """What is sampled from a prompt: harmony, as token ids where the server knows them."""
        if self.contract.completions != "ids" or not isinstance(body["prompt"], list):
            if isinstance(body["prompt"], list):
                return self._page(400, {"error": {"message": "prompt must be a text", "code": 400}})
            return self._page(200, {"choices": [{"text": " word", "finish_reason": "length"}]})
        from toolrun.models.harmony import vocabulary

        encoding = vocabulary.load()
        prompt = body["prompt"]
        self.prompts.append(prompt)
        text = _FINAL if "get_weather to=assistant" in encoding.decode(prompt) else _CALL
        ids = encoding.encode(text, allowed_special="all")
        choice = {"index": 0, "text": "", "finish_reason": "stop", "stop_reason": ids[-1]}
        choice |= {"token_ids": ids, "prompt_token_ids": prompt}
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        return self._page(200, {"id": "cmpl-1", "choices": [choice], "usage": usage})

    def _response(self, body: dict[str, Any]) -> Plan:
        """A response: its count of tokens tells whether the reasoning was taken."""
        items = body["input"] if isinstance(body["input"], list) else []
        thought = "".join(
            part["text"]
            for item in items
            if item.get("type") == "reasoning" and self.contract.responses != "dropped"
            for part in item["content"]
        )
        usage = {"input_tokens": _BASE + len(tokens(thought)), "output_tokens": 10}
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather"}
        call |= {"arguments": '{"city":"Paris"}'}
        text = {"type": "output_text", "text": "It is 20 degrees in Paris.", "annotations": []}
        said = {"type": "message", "id": "msg_1", "role": "assistant", "content": [text]}
        answered = any(item.get("type") == "function_call_output" for item in items)
        parts = [{"type": "reasoning_text", "text": "I need the weather."}]
        output: list[Any] = [{"type": "reasoning", "id": "rs_1", "summary": [], "content": parts}]
        output.append(said if answered or not body.get("tools") else call)
        status = {"object": "response", "status": "completed"}
        return self._page(200, {"id": "resp_1", **status, "output": output, "usage": usage})


_CALL = (
    "<|channel|>analysis<|message|>I need the weather in Paris.<|end|><|start|>assistant"
    "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    '{"city":"Paris"}<|call|>'
)
_FINAL = (
    "<|channel|>analysis<|message|>The tool says it.<|end|><|start|>assistant"
    "<|channel|>final<|message|>It is 20 degrees in Paris.<|return|>"
)
