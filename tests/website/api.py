"""On which page of the site's reference does each public name stand?

The pages are made for the site alone, by mkdocstrings from the source: on GitHub
`docs/reference/api.md` says what there is, and the source has the docstrings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import griffe

from tests.unit.api.public import MODULES, names
from toolrun import errors, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from tests.unit.api.public import Public

FOLDER: Final = "reference/python"

_TREE: Final = str(errors.__doc__).partition("\n\n")[2]
"""The tree of the errors, as the docstring draws it."""
_OF_TOOLRUN: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "sessions": (
        "Sessions",
        "A conversation, what many share, and what a turn comes to.",
        (
            *("Session", "BlockingSession", "Runtime", "Answer", "MadeCall", "Annotation"),
            *("EventStream", "Resuming", "Run", "Proof", "CancelToken", "draining", "OnSignals"),
            *("State", "fold", "Message", "ToolMessage", "to_openai", "Shortened", "Json"),
        ),
    ),
    "options": (
        "Options",
        "What `Session`, `Runtime` and `Runtime.session` take, and the data in it.",
        (
            *("Options", "RuntimeOptions", "Sampling", "Timeouts", "Retries", "Limits", "Budget"),
            *("Prices", "Account", "Spending", "Compaction", "Approvals", "Recording", "Boxes"),
            *("Sink", "Listener", "Clock", "Config", "load_config"),
        ),
    ),
    "tools": (
        "Tools and decisions",
        "What a tool is, what a call of it came to, and who decides whether it runs.",
        (
            *("tool", "CallContext", "ToolCall", "ToolResult", "FileChange"),
            *("Approver", "Decision", "Approve", "Deny", "Edit", "Rule", "Rules"),
        ),
    ),
    "models": (
        "Models",
        "What samples the steps of a turn.",
        (
            *("Model", "Request", "Usage", "ChatModel", "ResponsesModel", "HarmonyModel"),
            *("Fleet", "ReplicaStatus", "TokenSampler", "TokenRequest", "Sampled"),
            *("CompletionsSampler", "EngineSampler", "BatchSampler"),
        ),
    ),
}
"""The pages of what `toolrun` has, but for errors and events: title, what it is, the names."""
_OF_MODULES: Final[Mapping[str, str]] = {
    "toolrun.integrations.agents": "In the [Agents SDK](../../how-to/use-with-the-agents-sdk.md).",
    "toolrun.integrations.otel": "[Spans and metrics](../telemetry.md) by OpenTelemetry.",
    "toolrun.integrations.pytest": "[Tests with traces](../../how-to/test-with-traces.md).",
    "toolrun.models.doctor": "[Is a server fit](../../how-to/check-your-server.md)?",
    "toolrun.sandbox": "The sandbox [by itself](../../how-to/use-the-sandbox-alone.md).",
    "toolrun.store": "Where [sessions outlive their process](../store.md).",
    "toolrun.testing": "For the [tests of your agent](../../how-to/test-your-agent.md).",
    "toolrun.tools": "[Tools](../tools.md): manifests, and what they make.",
    "toolrun.tools.builtin": "[What ships](../../how-to/give-the-model-files-and-a-shell.md).",
    "toolrun.trace": "[Traces](../trace-format.md), read and compared.",
}


def pages() -> dict[str, str]:
    """The pages, by their paths in the docs: Markdown with the names that mkdocstrings fills in."""
    of = {module: [each for each in names() if each.module == module] for module in MODULES}
    ours = {each.name: each for each in of["toolrun"]}
    texts = {
        name: _page(title, intro, (ours[each] for each in listed if each in ours))
        for name, (title, intro, listed) in _OF_TOOLRUN.items()
    }
    listed = {each for _, _, some in _OF_TOOLRUN.values() for each in some}
    texts["events"] = _page(
        "Event classes",
        "Every event with its fields and their types. [Events](../events.md) says when it happens.",
        (ours[each] for each in _defined(events) if each in ours and each not in listed),
    )
    texts["errors"] = _page(
        "Error classes",
        f"[Errors](../errors.md) says what to do about each.\n\n{_TREE}",
        (ours[each] for each in _defined(errors) if each in ours),
    )
    texts |= {module: _page(module, _OF_MODULES[module], of[module]) for module in MODULES[1:]}
    return {f"{FOLDER}/{name}.md": text for name, text in texts.items()}


def public_names() -> list[str]:
    """Each public name, with its module: what must have its place on these pages."""
    return [str(each) for each in names() if each.name != "__version__"]


def anchors() -> Mapping[str, str]:
    """Where the tables of `docs/reference/` may lead: the names of `toolrun` itself."""
    return {each.name: str(each) for each in names() if each.module == "toolrun"}


def _defined(module: ModuleType) -> Iterable[str]:
    """The names of a module, in the order of its source."""
    return vars(module)


def _page(title: str, intro: str, listed: Iterable[Public]) -> str:
    return "\n\n".join([f"# {title}", intro, *(_entry(each) for each in listed)]) + "\n"


def _entry(public: Public) -> str:
    if isinstance(public.found, griffe.Alias):  # of another package, whose source is not read
        return f'<a id="{public}"></a>\n\n## {public.name}\n\nIt is `{public.found.target_path}`.'
    return f"::: {public}"
