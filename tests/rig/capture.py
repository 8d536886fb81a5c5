"""What do the servers' replies look like, to the byte? Records them into `shapes/VERSION/`.

Each exchange NAME is `NAME.json` (method, path, request, status, the reply's content type) and
`NAME.body`, the reply's bytes as they came. Ids and times are those of the run.
"""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.rig.scripts import analysis, call, final, preamble
from tests.rig.server import CONTEXT, VllmServer
from tests.rig.versions import MODEL, RIG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.rig.versions import Progress

_CHAT, _RESPONSES, _TIMEOUT_S = "/v1/chat/completions", "/v1/responses", 60.0
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Say how warm it is.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["city"],
        },
    },
}
_ASKED: Final[dict[str, Any]] = {
    "role": "user",
    "content": "How warm is Paris? [[script:one-call]]",
}
_CALL: Final[dict[str, Any]] = {
    "id": "chatcmpl-tool-0123456789abcdef",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris","unit":"C"}'},
}
_RESULT: Final[dict[str, Any]] = {"role": "tool", "tool_call_id": _CALL["id"], "content": "20"}
_THOUGHT: Final[dict[str, Any]] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "Hm."}],
}
_CALLED: Final[dict[str, Any]] = {
    "type": "function_call",
    "call_id": _CALL["id"],
    **_CALL["function"],
}
_GAVE: Final[dict[str, Any]] = {
    "type": "function_call_output",
    "call_id": _CALL["id"],
    "output": "20",
}
_USAGE: Final[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}
_SERVER_TOOLS: Final = {
    "python": analysis("I count.") + "<|channel|>analysis to=python code<|message|>1+1<|call|>",
    "browser": analysis("I look.")
    + '<|channel|>analysis to=browser.search code<|message|>{"query":"x"}<|call|>',
    "two-parts": analysis("One.") + preamble("Well.") + analysis("Two.") + final("Done."),
    "no-arguments": analysis("I call.") + call("get_weather", ""),
}
"""What no script says: calls of the model's own tools, which no server of the rig has."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to record, and whether its server has parsers."""

    name: str
    path: str
    request: Mapping[str, Any] | None = None
    parsers: bool = True

    def send(self, root: str) -> tuple[int, str, bytes]:
        """Send it; give status, content type and the body's bytes."""
        request = urllib.request.Request(
            root + self.path,
            data=None if self.request is None else json.dumps(self.request).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                return response.status, response.headers["Content-Type"], response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read()


def capture(version: str, say: Progress) -> None:
    """Record every exchange with a server of this version, in place of what was recorded."""
    folder = RIG / "shapes" / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    exchanges = list(_exchanges())
    for parsers in (True, False):
        with VllmServer(version, parsers=parsers, progress=say) as server:
            for each in (e for e in exchanges if e.parsers is parsers):
                status, kind, body = each.send(server.root)
                about = {
                    "method": "GET" if each.request is None else "POST",
                    "path": each.path,
                    "request": each.request,
                    "status": status,
                    "content_type": kind,
                }
                (folder / f"{each.name}.json").write_text(json.dumps(about, indent=1) + "\n")
                (folder / f"{each.name}.body").write_bytes(body)
                say(f"{version} {each.name}: {status}, {len(body)} bytes")


def _exchanges() -> Iterator[Exchange]:
    yield Exchange("models", "/v1/models")
    yield Exchange("version", "/version")
    yield Exchange("health", "/health")
    yield Exchange("not-found", "/chat/completions", _chat([_ASKED]))
    said = {"role": "assistant", "content": None, "reasoning": "Hm.", "tool_calls": [_CALL]}
    for name, messages in (("call", [_ASKED]), ("final", [_ASKED, said, _RESULT])):
        for suffix, options in (
            ("", {}),
            ("-ids", {"return_token_ids": True}),
            ("-stream", {"stream": True}),
            ("-stream-usage", _USAGE),
            ("-stream-usage-ids", {**_USAGE, "return_token_ids": True}),
        ):
            yield Exchange(f"{name}{suffix}", _CHAT, _chat(messages, **options))
    for script in (
        *("preamble", "invalid-json", "undeclared-tool", "analysis-only"),
        *("malformed-header", "recipient-in-role", "leaked-name"),
    ):
        messages = [{"role": "user", "content": f"Go. [[script:{script}]]"}]
        yield Exchange(script, _CHAT, _chat(messages))
        yield Exchange(f"{script}-stream", _CHAT, _chat(messages, **_USAGE))
    for suffix, options in (("", {}), ("-stream", {"stream": True})):
        yield Exchange(f"length{suffix}", _CHAT, _chat([_ASKED], max_tokens=20, **options))
        yield Exchange(f"no-parsers{suffix}", _CHAT, _chat([_ASKED], **options), parsers=False)
        long = [{"role": "user", "content": "word " * (CONTEXT + 1)}]
        yield Exchange(f"too-long{suffix}", _CHAT, _chat(long, **options))
    yield Exchange("unknown-model", _CHAT, _chat([_ASKED], model="gpt-4"))
    yield Exchange("no-messages", _CHAT, {"model": MODEL})
    yield Exchange("bad-effort", _CHAT, _chat([_ASKED], reasoning_effort="extreme"))
    yield from _over_responses()


def _over_responses() -> Iterator[Exchange]:
    for suffix, options in (("", {}), ("-stream", {"stream": True})):
        results = [_ASKED, _THOUGHT, _CALLED, _GAVE]
        yield Exchange(f"responses-call{suffix}", _RESPONSES, _responses([_ASKED], **options))
        yield Exchange(f"responses-final{suffix}", _RESPONSES, _responses(results, **options))
        for script in (
            *("preamble", "invalid-json", "undeclared-tool", "analysis-only", "leaked-name"),
            *(("malformed-header",) if not suffix else ()),  # streamed, 0.28 breaks off
        ):
            asked = [{"role": "user", "content": f"Go. [[script:{script}]]"}]
            request = _responses(asked, **options)
            yield Exchange(f"responses-{script}{suffix}", _RESPONSES, request)
        request = _responses([_ASKED], max_output_tokens=30, **options)
        yield Exchange(f"responses-length{suffix}", _RESPONSES, request)
        for name, said in _SERVER_TOOLS.items():
            request = _responses([_ASKED], vllm_xargs={"harmony": [said]}, **options)
            yield Exchange(f"responses-{name}{suffix}", _RESPONSES, request)
    shown = _responses([_ASKED, _THOUGHT, _CALLED, _GAVE], enable_response_messages=True)
    yield Exchange("responses-messages", _RESPONSES, shown)
    yield Exchange("responses-not-found", f"{_RESPONSES}/resp_0")
    yield Exchange("responses-orphan", _RESPONSES, _responses([_ASKED, _GAVE]))


def _responses(items: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    tool = {"type": "function", "strict": False, **_TOOL["function"]}
    return {"model": MODEL, "input": items, "tools": [tool], "store": False, **options}


def _chat(messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": messages, "tools": [_TOOL], **options}
