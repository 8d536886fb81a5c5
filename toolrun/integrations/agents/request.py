"""What does a step of an SDK's Agent ask of the model, in our words?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents import FunctionTool
from msgspec import structs

from toolrun.errors import ConfigError
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents import AgentOutputSchemaBase, Handoff, ModelSettings
    from agents import Tool as AnyTool

    from toolrun.models.model import Request

_SENT = ("frequency_penalty", "presence_penalty", "parallel_tool_calls")
"""Settings that the server is sent as they are."""
_REFUSED = ("top_logprobs", "truncation", "context_management", "extra_headers", "extra_query")
"""Settings that would change the reply, and have no way to the server."""


def with_settings(request: Request, settings: ModelSettings) -> Request:
    """The request with what an agent's settings say; what they leave open stays the runtime's.

    Raises:
        ConfigError: a setting that can't be obeyed.
    """
    for name in _REFUSED:
        if getattr(settings, name) not in (None, "disabled"):
            raise ConfigError(f"model_settings.{name} can't be obeyed over toolrun; remove it")
    body = settings.extra_body
    if body is not None and not isinstance(body, Mapping):
        raise ConfigError(f"model_settings.extra_body must be a dict, not {type(body).__name__}")
    extra = {**request.extra, **(body or {}), **(settings.extra_args or {})}
    extra |= {name: value for name in _SENT if (value := getattr(settings, name)) is not None}
    if not request.tools:
        extra.pop("parallel_tool_calls", None)  # servers refuse it where there are no tools
    chosen = {
        name: value
        for name in ("temperature", "top_p", "max_tokens")
        if (value := getattr(settings, name)) is not None
    }
    effort = settings.reasoning.effort if settings.reasoning is not None else None
    return structs.replace(
        request,
        sampling=structs.replace(request.sampling, **chosen),
        effort=effort or request.effort,
        tool_choice=_choice(settings.tool_choice) or request.tool_choice,
        extra=extra,
    )


def offered(tools: Sequence[AnyTool], handoffs: Sequence[Handoff[Any, Any]]) -> list[Tool]:
    """An agent's tools and handoffs, so that their calls are checked; the SDK runs them.

    Raises:
        ConfigError: a tool that OpenAI's servers run.
    """
    return [_function(tool) for tool in tools] + [
        _tool(each.tool_name, each.tool_description, each.input_json_schema) for each in handoffs
    ]


def format_of(schema: AgentOutputSchemaBase | None) -> dict[str, Any] | None:
    """The `response_format` of an agent's output type; None for text."""
    if schema is None or schema.is_plain_text():
        return None
    wanted = {"name": "final_output", "schema": schema.json_schema()}
    return {"type": "json_schema", "json_schema": wanted}


def _function(tool: AnyTool) -> Tool:
    if not isinstance(tool, FunctionTool):
        raise ConfigError(
            f"{tool.name}: a {type(tool).__name__} runs at OpenAI; toolrun takes function tools, "
            "its own among them (toolrun.integrations.agents.function_tools)"
        )
    return _tool(tool.name, tool.description, tool.params_json_schema)


def _tool(name: str, description: str, parameters: dict[str, Any]) -> Tool:
    return Tool(
        name=name,
        description=description or "",
        parameters=parameters,
        options=Options(trusted=True),
        function=_elsewhere,
        build=dict,
        source=None,
    )


def _elsewhere() -> None:
    raise AssertionError("the SDK runs it")


def _choice(choice: Any) -> str | dict[str, Any] | None:
    if choice is None or choice in ("auto", "required", "none"):
        return choice  # type: ignore[no-any-return]  # the SDK's union
    if not isinstance(choice, str):
        raise ConfigError(f"model_settings.tool_choice must be a name, not {choice!r}")
    return {"type": "function", "function": {"name": choice}}
