"""What can happen in a session: every event, durable and observed, as frozen data.

An event carries its place: `session`, `seq` (numbers durable events, without gaps), `sub` (0 for a
durable event, else its number since the durable one before it), `time` (seconds since the epoch),
`turn` and `step` (both from 1; 0 before the first). The journal fills the place in; whoever makes
an event gives its own fields alone. The same names stand in Python, JSONL, database and `--json`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct, field, structs

from toolrun.values import FileChange, Json, OnCrash, Rule, Status, ToolCall, ToolResult, Usage


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """One thing that happened, and its place in the journal.

    Attributes:
        session: the id of the session.
        seq: the number of the event, or of the durable one before it.
        sub: of an observed event, its number since that; 0 of a durable one.
        time: seconds since the epoch.
        turn: its number, from 1; 0 before the first.
        step: its number in the turn, from 1; 0 before the first.
        durable: whether the state of a session is folded from such events.
    """

    durable: ClassVar[bool] = False

    session: str = ""
    seq: int = 0
    sub: int = 0
    time: float = 0.0
    turn: int = 0
    step: int = 0


class Durable(Event, frozen=True):
    """An event that the state of a session is folded from."""

    durable: ClassVar[bool] = True


class SessionOpened(Durable, frozen=True, tag=True):
    """A session began; `date` (YYYY-MM-DD) is pinned for its whole life.

    So are `tools`, as the model sees them, and `on_crash`: what becomes of a call of each whose
    process died while it ran.

    Attributes:
        version: of toolrun.
        settings: of the session, by name, as JSON values.
    """

    version: str
    date: str
    settings: dict[str, Json]
    tools: list[dict[str, Json]] = field(default_factory=list)
    on_crash: dict[str, OnCrash] = field(default_factory=dict)


class SettingsChanged(Durable, frozen=True, tag=True):
    """Settings of a session were changed; only the changed ones are listed.

    `standing`, if it is there, are the rules for calls that run without being asked about.

    Attributes:
        settings: those that changed, by name, as JSON values.
    """

    settings: dict[str, Json]


class UserMessage(Durable, frozen=True, tag=True, gc=False):
    """The user said something: a turn begins.

    `output` is the JSON Schema that the turn's answer has to fit, where one was asked for.

    Attributes:
        content: what the user said.
    """

    content: str
    output: dict[str, Json] | None = None


class AssistantMessage(Durable, frozen=True, tag=True, gc=False):
    """The model said something: a step is complete.

    `content` beside `tool_calls` is a preamble, else the answer. The token ids are there where the
    server gives them (`return_token_ids`, vLLM 0.10.2 and later) or the model is sampled directly.
    Under direct sampling `prompt_token_ids` are left out: the prompt is the first `continues` ids
    of the step before (its prompt and what it sampled, to the token; 0: a new prompt), and
    `rendered_token_ids` after them. `logprobs` has one number for each of `token_ids`.

    Attributes:
        reasoning: the chain of thought of the step.
        finish_reason: as the server said it ("stop", "tool_calls", "length").
        usage: tokens, as the server counted them.
        response_id: of the Responses API.
    """

    content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    response_id: str | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    rendered_token_ids: tuple[int, ...] | None = None
    continues: int = 0
    logprobs: tuple[float, ...] | None = None


def key_of(session: str, turn: int, step: int, call_id: str) -> str:
    """The idempotency key of a call: the same whenever this call is run, and no other's.

    It follows from the call's place in its session, and so outlives the process: no turn or step
    has the number of another, not even of one that was undone, and a fork has another id. An id
    that names another session later gives its keys again, where the ids of calls repeat.
    """
    return f"{session}.{turn}.{step}.{call_id}"


class ToolCallStarted(Durable, frozen=True, tag=True):
    """The intent: the call passed its checks and is about to run with these arguments.

    A call whose process died while it ran may begin again, in another: with the same key.

    Attributes:
        call_id: of the call.
        name: of the tool.
        arguments: checked, and as a person may have edited them.
        profile: of the sandbox; None where the tool is trusted.
    """

    call_id: str
    name: str
    arguments: dict[str, Json]
    profile: str | None = None

    @property
    def key(self) -> str:
        """The idempotency key, see `key_of`."""
        return key_of(self.session, self.turn, self.step, self.call_id)


class ToolCallFinished(Durable, frozen=True, tag=True, gc=False):
    """The outcome of a call, run or not; the model reads `content`.

    `note` is what toolrun adds to the tool's own words.

    Attributes:
        call_id: of the call.
        name: of the tool.
        result: what it came to.
    """

    call_id: str
    name: str
    result: ToolResult
    note: str = ""

    @property
    def content(self) -> str:
        """The result as the model reads it."""
        notes = "\n".join(note for note in (self.result.note, self.note) if note)
        return f"{self.result.content}\n\n{notes}" if notes else self.result.content


class FileChanged(Durable, frozen=True, tag=True, gc=False):
    """A call is about to change a file of the workspace: recorded before that is touched.

    The fields are those of `FileChange`; `before`, the content that the file had, is never in a
    trace.

    Attributes:
        call_id: of the call.
    """

    call_id: str
    path: str
    change: Literal["created", "modified", "deleted"]
    folder: bool = False
    before: bytes | None = None
    before_digest: str = ""
    before_size: int = 0
    before_mode: int = 0
    digest: str = ""
    size: int = 0
    mode: int = 0

    @classmethod
    def of(cls, call_id: str, change: FileChange) -> FileChanged:
        """Internal: the event of a change that a call makes."""
        return cls(call_id=call_id, **structs.asdict(change))

    @property
    def file(self) -> FileChange:
        """The change alone."""
        return FileChange(**{name: getattr(self, name) for name in FileChange.__struct_fields__})

    def without_content(self) -> FileChanged:
        """Internal: the same without the content that the file had, for whoever may not have it."""
        return self if self.before is None else structs.replace(self, before=None)


class ApprovalRequested(Durable, frozen=True, tag=True):
    """A call waits for a decision.

    Attributes:
        call_id: of the call.
        name: of the tool.
        arguments: checked.
        reason: why it waits, for people.
    """

    call_id: str
    name: str
    arguments: dict[str, Json]
    reason: str


class ApprovalDecided(Durable, frozen=True, tag=True):
    """A call was decided upon.

    `rule` says which later calls are approved with it; `arguments` is there where they were edited.

    Attributes:
        call_id: of the call.
        decision: which it was.
        reason: of a denial: what the model is told.
    """

    call_id: str
    decision: Literal["approve", "deny", "edit"]
    rule: Rule | None = None
    reason: str = ""
    arguments: dict[str, Json] | None = None


class LimitReached(Durable, frozen=True, tag=True, gc=False):
    """A limit ended the turn: which one, and its value.

    Attributes:
        limit: its name, as in `Limits` and `Budget` ("steps", "budget.tokens").
        value: of the limit.
    """

    limit: str
    value: float


class TurnFinished(Durable, frozen=True, tag=True, dict=True):
    """A turn ended, however it ended; `error` says why where it failed.

    `reason` says why where it was cancelled, or was parked without a call that waits: a word of
    whoever stopped it, for people; the model never reads it. `traceparent` names the span of a turn
    that may go on, as W3C Trace Context has it, where a sink made one. `answer` is there on the
    events of `Session.stream`: the `Answer` of the turn.

    Attributes:
        status: how it ended.
    """

    status: Status
    error: str | None = None
    reason: str = ""
    traceparent: str = ""

    @property
    def answer(self) -> Any:
        """The `Answer` of the turn, None where the event does not come from a stream."""
        return self.__dict__.get("answer")

    def with_answer(self, answer: object) -> TurnFinished:
        """Internal: the same event with its `Answer`, which is derived and never stored."""
        event = structs.replace(self)
        event.__dict__["answer"] = answer
        return event


NOT_RESTORED = "file-not-restored"
"""The code of the Warned event for a file that undoing a turn has left as it is."""


TRACE_STOPPED = "trace-stopped"
"""The code of the Warned event for a trace that could not be written any further."""


ANOTHER_BACKEND = "another-backend"
"""The code of the Warned event for sandboxes that another backend than the first makes."""


class TurnUndone(Durable, frozen=True, tag=True):
    """The last turn was taken back: the transcript is what it was before its user message.

    So are the files that its calls changed, but for those in `left`, each with the reason why.
    """

    left: tuple[str, ...] = ()


class ForkedFrom(Durable, frozen=True, tag=True):
    """The session goes on from another one, as it stood after the event `parent_seq`.

    The next `copied` events repeat what the other's transcript held; `standing` are the approvals
    that hold for later calls too.

    Attributes:
        parent: the id of the other session.
    """

    parent: str
    parent_seq: int
    copied: int = 0
    standing: tuple[Rule, ...] = ()


class Compacted(Durable, frozen=True, tag=True, gc=False):
    """What is sent of the transcript became shorter; the transcript itself stays whole.

    `results` are the places in the transcript, from 0, of tool results for which a line is sent
    from now on. `summary` stands for the first `covers` messages, where they were summarised;
    `usage` is what the step that did so took. `before` and `after` are the tokens of the next
    request, as far as they could be counted, `length` those that the model takes.
    """

    results: tuple[int, ...] = ()
    covers: int = 0
    summary: str = ""
    usage: Usage = Usage()
    before: int = 0
    after: int = 0
    length: int = 0


NOT_SUMMARISED = "not-summarised"
"""The code of the Warned event for a conversation that the model gave no summary of."""


class RequestSent(Event, frozen=True, tag=True):
    """A request went out: the sha256 of its body, its size in bytes, and what it adds.

    `adds` holds the messages that no request of the session held before it, reasoning included;
    `dialect` is the name of the dialect that the body was written in, `via` the way that it went:
    empty for Chat Completions, "responses" or "harmony".

    Attributes:
        digest: sha256 of the body, in hexadecimal.
        size: of the body, in bytes.
        stream: whether the reply is streamed.
    """

    digest: str
    size: int
    adds: list[dict[str, Json]]
    dialect: str = ""
    stream: bool = False
    via: str = ""


class ReasoningDelta(Event, frozen=True, tag=True, gc=False):
    """A piece of the reasoning, as it came.

    Attributes:
        text: the piece.
    """

    text: str


class TextDelta(Event, frozen=True, tag=True, gc=False):
    """A piece of the text for the user (answer or preamble), as it came.

    Attributes:
        text: the piece.
    """

    text: str


class StepFinished(Event, frozen=True, tag=True, gc=False):
    """A step was sampled; seconds from the request to the first token (streamed) and to the end.

    `server` is the base URL of the server that it was sampled by, where there are several.

    Attributes:
        seconds: from the request to the end.
        first_token: seconds from the request to it; None where it did not stream.
        usage: tokens, as the server counted them.
    """

    seconds: float
    first_token: float | None = None
    usage: Usage = Usage()
    server: str = ""


class Retried(Event, frozen=True, tag=True, gc=False):
    """The same step is sampled again; nothing was appended, and its deltas so far are void.

    `code` is the `ServerError.code` of what went wrong, `wait` the seconds before the next attempt,
    `unstreamed` says that it is not streamed, whatever was asked for. Where there are several
    servers, `server` is the base URL of the one that failed, and `elsewhere` says that the next
    attempt goes to another, which the budget of retries does not count.

    Attributes:
        attempt: the number of the attempt that failed, from 1.
        reason: what went wrong, for people.
    """

    attempt: int
    reason: str
    wait: float = 0.0
    code: str = ""
    unstreamed: bool = False
    server: str = ""
    elsewhere: bool = False


class Repaired(Event, frozen=True, tag=True, gc=False):
    """A malformed part of a call was mended without guessing at content.

    Attributes:
        call_id: of the call.
        what: was mended: the kind of the repair.
        before: as the model wrote it.
        after: as it was taken.
    """

    call_id: str
    what: str
    before: str
    after: str


class ToolOutput(Event, frozen=True, tag=True, gc=False):
    """A running tool printed something.

    Attributes:
        call_id: of the call.
        stream: where it printed it; "progress" is what it says of how far it is.
        text: the piece.
    """

    call_id: str
    stream: Literal["stdout", "stderr", "progress"]
    text: str


class ServerToolCalled(Event, frozen=True, tag=True, gc=False):
    """The server ran a tool of its own (`vllm serve --tool-server`): toolrun only hears of it.

    `kind` is the type of the item ("web_search_call", "code_interpreter_call", "mcp_call"),
    `status` what the server says of it, `input` what it was asked, `output` what it gave, as JSON
    or text, "" where the server does not say.

    Attributes:
        call_id: of the call.
    """

    call_id: str
    kind: str
    status: str = ""
    input: str = ""
    output: str = ""


class EgressDecided(Event, frozen=True, tag=True, gc=False):
    """A sandboxed tool asked for a host, and was let through or refused.

    `host` and `port` say where it wanted to go ("" and 0 where that could not be read), `method`
    how (CONNECT: a tunnel for TLS), `reason` why it was refused.

    Attributes:
        call_id: of the call.
        allowed: whether the request was passed on.
    """

    call_id: str
    host: str
    port: int
    method: str
    allowed: bool
    reason: str = ""


class Warned(Event, frozen=True, tag=True, gc=False):
    """Something is not as it should be, and the session goes on.

    Attributes:
        code: what it is about, for programs.
        message: the same, for people.
    """

    code: str
    message: str


AnyEvent: TypeAlias = (
    SessionOpened
    | SettingsChanged
    | UserMessage
    | AssistantMessage
    | ToolCallStarted
    | ToolCallFinished
    | FileChanged
    | ApprovalRequested
    | ApprovalDecided
    | LimitReached
    | TurnFinished
    | TurnUndone
    | ForkedFrom
    | Compacted
    | RequestSent
    | ReasoningDelta
    | TextDelta
    | StepFinished
    | Retried
    | Repaired
    | ToolOutput
    | ServerToolCalled
    | EgressDecided
    | Warned
)
"""Every event: what a trace line decodes to, told apart by its `type`."""
