"""On which page of the site's reference does each public name stand?

The pages are made for the site alone, by mkdocstrings from the source: on GitHub
`docs/reference/api.md` says what there is, and the source has the docstrings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import toolrun
from toolrun import errors, events, sandbox, testing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER: Final = "reference/python"

_SESSIONS: Final = (
    *("Session", "BlockingSession", "Runtime", "Answer", "MadeCall", "Annotation"),
    *("EventStream", "Resuming", "Run", "Proof", "CancelToken", "draining", "OnSignals"),
    *("State", "fold", "Message", "ToolMessage", "to_openai", "Shortened"),
)
_OPTIONS: Final = (
    *("Options", "RuntimeOptions"),
    *("Sampling", "Timeouts", "Retries", "Limits", "Budget", "Prices", "Account", "Spending"),
    *(
        "Compaction",
        "Approvals",
        "Recording",
        "Boxes",
        "Sink",
        "Listener",
        "Clock",
        "Config",
        "load_config",
    ),
)
_TOOLS: Final = (
    *("tool", "CallContext", "ToolCall", "ToolResult", "FileChange"),
    *("Approver", "Decision", "Approve", "Deny", "Edit", "Rule", "Rules"),
)
_MODELS: Final = (
    *("Model", "Request", "Usage", "ChatModel", "ResponsesModel", "HarmonyModel"),
    *("Fleet", "ReplicaStatus"),
    *("TokenSampler", "TokenRequest", "Sampled"),
    *("CompletionsSampler", "EngineSampler", "BatchSampler"),
)
_ERRORS: Final = tuple(name for name in vars(errors) if name in toolrun.__all__)
_EVENTS: Final = tuple(name for name in vars(events) if name in toolrun.__all__)
_ELSEWHERE: Final = {*_SESSIONS, *_OPTIONS, *_TOOLS, *_MODELS}

_ANY: Final = "Equal to everything: `unittest.mock.ANY`, for the arguments that do not matter."
_TREE: Final = str(errors.__doc__).partition("\n\n")[2]
"""The tree of the errors, as the docstring draws it."""


def pages() -> dict[str, str]:
    """The pages, by their paths in the docs: Markdown with the names that mkdocstrings fills in."""
    return {
        f"{FOLDER}/{name}.md": text
        for name, text in {
            "sessions": _page(
                "Sessions",
                "A conversation, what many share, and what a turn comes to.",
                _public(_SESSIONS),
            ),
            "options": _page(
                "Options",
                "What `Session`, `Runtime` and `Runtime.session` take, and the data in it.",
                _public(_OPTIONS),
            ),
            "tools": _page(
                "Tools and decisions",
                "What a tool is, what a call of it came to, and who decides whether it runs.",
                _public(_TOOLS),
            ),
            "models": _page("Models", "What samples the steps of a turn.", _public(_MODELS)),
            "events": _page(
                "Event classes",
                "Every event with its fields and their types. [Events](../events.md) says when each"
                " happens.",
                _public([name for name in _EVENTS if name not in _ELSEWHERE]),
            ),
            "errors": _page(
                "Error classes",
                f"[Errors](../errors.md) says what to do about each.\n\n{_TREE}",
                _public(_ERRORS),
            ),
            "sandbox": _page(
                "toolrun.sandbox",
                "The sandbox by itself: [how to use it](../../how-to/use-the-sandbox-alone.md).",
                [f"toolrun.sandbox.{name}" for name in sandbox.__all__],
            ),
            "testing": _page(
                "toolrun.testing",
                "For the tests of your agent: [how to](../../how-to/test-your-agent.md).",
                [f"toolrun.testing.{name}" for name in testing.__all__ if name != "ANY"],
                f'<a id="toolrun.testing.ANY"></a>\n\n## ANY\n\n{_ANY}\n',
            ),
        }.items()
    }


def public_names() -> list[str]:
    """Each public name, with its package: what must have its place on these pages."""
    return [
        f"{package.__name__}.{name}"
        for package in (toolrun, sandbox, testing)
        for name in package.__all__
        if name != "__version__"
    ]


def anchors() -> Mapping[str, str]:
    """Where the tables of `docs/reference/` may lead: the names of `toolrun` alone."""
    return {name: f"toolrun.{name}" for name in toolrun.__all__ if name != "__version__"}


def _public(names: Iterable[str]) -> list[str]:
    return [f"toolrun.{name}" for name in names]


def _page(title: str, intro: str, names: Iterable[str], rest: str = "") -> str:
    return "\n".join([f"# {title}\n", f"{intro}\n", *(f"::: {name}\n" for name in names), rest])
