"""With which options does a session begin, and which of them does its journal keep?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec
from msgspec import Struct, field

from toolrun.approvals import Approvals
from toolrun.clock import Clock
from toolrun.compaction import Compaction
from toolrun.decisions import Approver
from toolrun.errors import ConfigError
from toolrun.limits import Budget, Limits
from toolrun.models.door import Timeouts
from toolrun.models.model import Model
from toolrun.models.ways import Via
from toolrun.retries import Retries
from toolrun.sandbox.pool import Boxes
from toolrun.sinks import Sink
from toolrun.spending import Account
from toolrun.store.contract import Durability, Store
from toolrun.tools.definition import Tool, Toolset
from toolrun.tools.secrets import Source, check_source
from toolrun.trace.recording import Recording
from toolrun.transcript import check_text
from toolrun.values import Json, Sampling

_KINDS: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
    ("base_url", (str, Sequence), "a URL, or a list of them"),
    ("extra_body", Mapping, "a dict"),
    ("headers", Mapping, "a dict"),
    ("sampling", Sampling, "a Sampling(temperature=..., ...)"),
    ("limits", Limits, "a Limits(steps=..., ...)"),
    ("budget", Budget, "a Budget(tokens=..., ...)"),
    ("approvals", Approvals, "an Approvals(seconds=..., ...)"),
    ("compaction", Compaction, "a Compaction(how=..., ...)"),
    ("context_length", int, "a number of tokens"),
    ("retries", Retries, "a Retries(attempts=..., ...)"),
    ("timeouts", Timeouts, "a Timeouts(step=..., ...)"),
    ("tools", Sequence, "a list of functions and paths"),
    ("sinks", Sequence, "a list of sinks"),
    ("messages", Sequence, "a list of messages"),
    ("profile", (str, Mapping), "a profile's name, a path or a table"),
    ("workspace", (str, Path), "a path"),
    ("backend", str, "the name of a sandbox backend"),
    ("dialect", str, "the name of a kind of server"),
    ("trace", (str, Path, bool, Recording), "a path, True or a Recording(path=..., ...)"),
    ("tenant", str, "a name"),
    ("title", str, "a text"),
    ("folder", (str, Path), "a path"),
    ("verify_reasoning", (int, float), "a number"),
    ("max_in_flight", int, "a number"),
    ("boxes", Boxes, "a Boxes(running=..., ...)"),
)
"""What each option must be, where it is given."""

Effort = Literal["low", "medium", "high"]
BASE_URL = "http://localhost:8000/v1"
MODEL = "openai/gpt-oss-20b"


class Options(TypedDict, total=False):
    """What a `Session` takes, and a `Runtime` takes as defaults for its sessions.

    Attributes:
        model: the name that the server serves it under ("openai/gpt-oss-20b"), or a `Model`;
            "nano", where there is no base_url, is the embedded one (needs toolrun[embedded]).
        base_url: of the server, with its `/v1` ("http://localhost:8000/v1"); a list of several that
            serve the same model makes a fleet: see `Runtime.fleet`.
        api_key: sent as a bearer token, "EMPTY" by default; a coroutine function is asked for each
            request. No environment variable is read.
        headers: sent with each request.
        via: how the server is sampled: "chat" (Chat Completions), "responses" (the Responses API),
            "harmony" (token by token, by `/v1/completions`; needs toolrun[harmony]), or "auto",
            the default: Chat Completions, unless the server is known to drop reasoning there.
        dialect: what the server is, where it does not say so itself: "vllm 0.32.0", "ollama",
            "lm-studio", "litellm", "llama.cpp", "generic". It is asked where not given.
        extra_body: further fields of each request's body, such as `return_token_ids`.
        instructions: the developer's words to the model.
        effort: how long the model reasons: "low", "medium" or "high".
        sampling: temperature and the like; the server's defaults where not given.
        tools: functions, marked by `@tool` or not (then sandboxed), paths of manifests, and those
            of `toolrun.tools.builtin`: `python()`, `browser(...)`, `files()`, `shell()`.
        tool_choice: "auto", "none", "required" or a named function, as Chat Completions has it.
        workspace: the folder that sandboxed tools may see, where their profile shows one; none.
        profile: of the sandbox: the name of one that ships, "pure" by default, the path of a TOML
            file, or a table, which narrows the runtime's or the one that it `extends`:
            {"extends": "python", "wall_seconds": 5}.
        backend: what makes the sandboxes: "bubblewrap", "sandlock", "container" (also "podman" or
            "docker", with a runtime: "podman:runc"). By default the first of these that holds on
            this machine; that it is another one than bubblewrap is logged, and a `Warned`.
        approve: decides on calls of tools that ask for approval; without one they park the turn.
        approvals: how long calls wait for a decision; for as long as it takes by default.
        limits: what a turn may take.
        budget: what all turns of the session may take together.
        account: is asked before each step and told after it, of all sessions that have it: a
            budget of a user's own making, over any number of processes; see `Account`.
        compaction: what becomes of a conversation that grows beyond the model's context: old tool
            results are trimmed, then it stops with `ContextTooLong`; see `Compaction`.
        context_length: tokens that the model takes, prompt and reply together, where its server
            does not say (vLLM, LM Studio, llama.cpp and Ollama do), or shall be taken to say less.
        retries: how often a step is sampled again, and after which waits.
        timeouts: what each wait for the server may take.
        verify_reasoning: the share of steps, 0 to 1, for which it is proved on the server's own
            prompt that the reasoning before them came back: `Warned("reasoning-dropped")` where
            not. Needs vLLM 0.10.2 or later; a proof costs two short requests.
        tenant: on whose behalf the session runs, for tools and journals.
        title: what lists of sessions call it; what the user said first, where not given.
        folder: where somebody works in this session: lists find it by that. Nothing may be touched
            there because of it; that is what `workspace` is for.
        secrets: values that tools may declare (`@tool(secrets=[...])`), by name: a dict, or a
            function from a name to its value (a coroutine function, too), which is asked when the
            session opens and for each call. No environment variable is read.
        context: an object of yours that trusted tools find in their `CallContext`.
        sinks: hear of all events, after the trace; see `Sink`.
        messages: a Chat Completions transcript to begin with.
        trace: the file to write a trace to; True: one below the user's state folder; a `Recording`
            says more. Of a file that is a runtime's, sessions after the first write beside it, as
            forks do: `NAME-ID.jsonl`.
        store: where the session outlives its process, and is resumed from: "sqlite:///sessions.db"
            (beside what runs), "sqlite:////var/lib/agent/sessions.db",
            "postgresql://user:password@host/database" (needs toolrun[postgres]), or a `Store`.
    """

    model: str | Model
    base_url: str | Sequence[str]
    api_key: str | Callable[[], Awaitable[str]] | None
    headers: Mapping[str, str] | None
    via: Via
    dialect: str | None
    extra_body: dict[str, Json] | None
    instructions: str | None
    effort: Effort | None
    sampling: Sampling
    tools: Sequence[Callable[..., object] | Tool | Toolset | str | Path]
    tool_choice: str | dict[str, Json] | None
    workspace: str | Path | None
    profile: str | Mapping[str, Json]
    backend: str | None
    approve: Approver | None
    approvals: Approvals
    limits: Limits
    budget: Budget
    account: Account | None
    compaction: Compaction
    context_length: int | None
    retries: Retries
    timeouts: Timeouts
    verify_reasoning: float
    tenant: str | None
    title: str | None
    folder: str | Path | None
    secrets: Source | None
    context: object
    sinks: Sequence[Sink]
    messages: Sequence[Mapping[str, Json]]
    trace: str | Path | bool | Recording | None
    store: str | Store | None


class RuntimeOptions(Options, total=False):
    """What a `Runtime` takes for all its sessions together, beside their defaults.

    Attributes:
        max_in_flight: requests to servers at once, for all sessions; the others wait in the order
            in which they came. Any number by default.
        boxes: how many sandboxes run and wait at once, for all sessions: a `Boxes`.
        clock: gives the times of events, and waits between two attempts; this machine's.
        durability: what a stored event survives: "process", the end of the process, whatever ends
            it (the default); "power", that of the machine, too, which costs a disk's flush each.
    """

    max_in_flight: int | None
    boxes: Boxes
    clock: Clock
    durability: Durability


class Settings(Struct, frozen=True, omit_defaults=True):
    """The settings of a session that its journal keeps; nothing secret is among them."""

    model: str = MODEL
    base_url: str | tuple[str, ...] = BASE_URL
    via: Via = "auto"
    dialect: str | None = None
    instructions: str | None = None
    effort: Effort | None = None
    sampling: Sampling = Sampling()
    tool_choice: str | dict[str, Any] | None = None
    profile: str | dict[str, Any] = "pure"
    workspace: str | None = None
    backend: str | None = None
    limits: Limits = Limits()
    budget: Budget = Budget()
    compaction: Compaction = Compaction()
    context_length: int | None = None
    approvals: Approvals = Approvals()
    retries: Retries = Retries()
    verify_reasoning: float = 0.0
    tenant: str | None = None
    title: str | None = None
    folder: str | None = None
    repeatable: tuple[str, ...] = ()
    builtins: tuple[str, ...] = ()
    extra_body: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON values; the defaults are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        # Traces of before these were there lack them, and are compared with what is said here.
        for name, default in (("approvals", Approvals()), ("compaction", Compaction())):
            if getattr(self, name) == default:
                plain.pop(name, None)
        return plain


def check_options(options: Mapping[str, Any], known: type = Options) -> None:
    """Refuse options that do not exist or cannot be.

    Args:
        options: by name.
        known: the `Options` or `RuntimeOptions` that they must be among.

    Raises:
        ConfigError: names the option and what would fit.
    """
    for name in options:
        if name not in known.__annotations__:
            import difflib

            if name in RuntimeOptions.__annotations__:
                raise ConfigError(f"{name} holds for all sessions together: give it to a Runtime")
            near = difflib.get_close_matches(name, known.__annotations__, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"there is no option {name!r}{hint}")
    _check_kinds(options)
    check_source(options.get("secrets"))
    Recording.of(options.get("trace"))
    if options.get("effort") not in (None, "low", "medium", "high"):
        raise ConfigError(f"effort is low, medium or high, not {options['effort']!r}")
    if options.get("via") not in (None, "auto", "chat", "responses", "harmony"):
        raise ConfigError(f"via is auto, chat, responses or harmony, not {options['via']!r}")
    if options.get("dialect") is not None:
        from toolrun.models.dialects import given

        given(options["dialect"])
    _check_numbers(options)
    workspace = options.get("workspace")
    if workspace is not None and not Path(workspace).is_dir():
        raise ConfigError(f"workspace {str(workspace)!r} is not a folder")


def _check_numbers(options: Mapping[str, Any]) -> None:
    if not 0 <= (options.get("verify_reasoning") or 0) <= 1:
        raise ConfigError(f"verify_reasoning is a share, 0 to 1, not {options['verify_reasoning']}")
    if (most := options.get("max_in_flight")) is not None and most < 1:
        raise ConfigError(f"max_in_flight must be 1 or more, not {most}")
    if (length := options.get("context_length")) is not None and length < 1:
        raise ConfigError(f"context_length must be 1 or more, not {length}")


def _check_kinds(options: Mapping[str, Any]) -> None:
    """Refuse values of another type, that would be found out in the middle of a turn."""
    for name, kinds, what in _KINDS:
        value = options.get(name)
        text = kinds is Sequence and isinstance(value, str)
        if value is not None and (text or not isinstance(value, kinds)):
            raise ConfigError(f"{name} must be {what}, not {type(value).__name__}")
    urls = options.get("base_url") or ""
    if not all(isinstance(each, str) for each in urls):
        raise ConfigError(f"base_url must be a URL, or a list of them, not {urls!r}")
    approve, model = options.get("approve"), options.get("model")
    if approve is not None and not callable(approve):
        raise ConfigError(f"approve must be a function of a call, not {type(approve).__name__}")
    if model is not None and not (isinstance(model, str) or hasattr(model, "sample")):
        raise ConfigError(f"model must be a name or a Model, not {type(model).__name__}")
    if options.get("durability") not in (None, "process", "power"):
        raise ConfigError(f"durability is process or power, not {options['durability']!r}")
    account = options.get("account")
    if account is not None and not (hasattr(account, "reached") and hasattr(account, "spent")):
        raise ConfigError(
            f"account must have async methods reached and spent, not be {type(account).__name__}"
        )
    store = options.get("store")
    if store is not None and not (isinstance(store, str) or hasattr(store, "append")):
        raise ConfigError(f"store must be a URL or a Store, not {type(store).__name__}")
    if (instructions := options.get("instructions")) is not None:
        check_text(instructions, "instructions")
