"""Which names do spans and metrics have, and what do they say of a session in them?

GenAI semantic conventions 1.41.0, the last that came out beside the general ones
(github.com/open-telemetry/semantic-conventions, docs/gen-ai); the two durations of agents and tools
are of those that followed (semantic-conventions-genai). What toolrun adds begins with `toolrun.`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
AGENT: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT: Final = "gen_ai.input.messages"
OUTPUT: Final = "gen_ai.output.messages"
STREAM: Final = "gen_ai.request.stream"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_ID: Final = "gen_ai.response.id"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - the name of an attribute
TOOL: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
CALL_ID: Final = "gen_ai.tool.call.id"
ARGUMENTS: Final = "gen_ai.tool.call.arguments"
RESULT: Final = "gen_ai.tool.call.result"
ERROR: Final = "error.type"
ADDRESS: Final = "server.address"
PORT: Final = "server.port"

TURN: Final = "toolrun.turn"
STEP: Final = "toolrun.step"
STATUS: Final = "toolrun.turn.status"
LIMIT: Final = "toolrun.limit"
TENANT: Final = "toolrun.tenant"
VIA: Final = "toolrun.via"
RETRIES: Final = "toolrun.retries"
OUTCOME: Final = "toolrun.tool.outcome"
PROFILE: Final = "toolrun.tool.profile"
SECONDS: Final = "toolrun.tool.seconds"
DECISION: Final = "toolrun.decision"

OTHER: Final = "_OTHER"
"""What stands for a name that the model made up: it must not make a series of its own."""
TRUSTED: Final = "trusted"
"""The profile of a tool that runs in this process."""
NO_ERROR: Final = frozenset({"ok", "denied", "cancelled", "parked"})
"""Outcomes of calls that are nobody's fault."""
_PORTS: Final = {"http": 80, "https": 443}


@lru_cache(maxsize=1024)
def server_of(url: str) -> Mapping[str, AttributeValue]:
    """Where a server is, by its base URL; nothing where that is none."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        return {}
    return {ADDRESS: parts.hostname, PORT: port}


def provider_of(dialect: str) -> str:
    """What the conventions call the kind of a server that a dialect is named for: "vllm"."""
    return dialect.partition(" ")[0].lower() or "vllm"


def base_url(settings: Mapping[str, Any]) -> str:
    """The one server of a session; "" where there are several, or none is known."""
    url = settings.get("base_url", "")
    return url if isinstance(url, str) else ""


def asked_of(settings: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """The sampling parameters that a session sends."""
    sampling = settings.get("sampling")
    if not sampling:
        return {}
    names = {"stop": "stop_sequences"}
    return {f"gen_ai.request.{names.get(name, name)}": value for name, value in sampling.items()}
