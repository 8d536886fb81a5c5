"""Function calling with gpt-oss on vLLM: the reasoning survives, the tools run in a sandbox.

The names below are imported at their first use: inside a sandbox `from toolrun import tool` costs
the standard library alone.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun._version import __version__ as __version__
    from toolrun.answer import Answer as Answer
    from toolrun.answer import MadeCall as MadeCall
    from toolrun.approvals import Approvals as Approvals
    from toolrun.blocking import BlockingSession as BlockingSession
    from toolrun.cancel import CancelToken as CancelToken
    from toolrun.clock import Clock as Clock
    from toolrun.compaction import Compaction as Compaction
    from toolrun.config import Config as Config
    from toolrun.config import load_config as load_config
    from toolrun.decisions import Approve as Approve
    from toolrun.decisions import Approver as Approver
    from toolrun.decisions import Decision as Decision
    from toolrun.decisions import Deny as Deny
    from toolrun.decisions import Edit as Edit
    from toolrun.decisions import Rules as Rules
    from toolrun.errors import ConfigError as ConfigError
    from toolrun.errors import ContextTooLong as ContextTooLong
    from toolrun.errors import Draining as Draining
    from toolrun.errors import LeaseLost as LeaseLost
    from toolrun.errors import MalformedOutput as MalformedOutput
    from toolrun.errors import MissingExtra as MissingExtra
    from toolrun.errors import ModelNotFound as ModelNotFound
    from toolrun.errors import OutputInvalid as OutputInvalid
    from toolrun.errors import ReplayMismatch as ReplayMismatch
    from toolrun.errors import SandboxUnavailable as SandboxUnavailable
    from toolrun.errors import ServerError as ServerError
    from toolrun.errors import ServerStatus as ServerStatus
    from toolrun.errors import ServerTimeout as ServerTimeout
    from toolrun.errors import ServerUnreachable as ServerUnreachable
    from toolrun.errors import SessionBusy as SessionBusy
    from toolrun.errors import StoreError as StoreError
    from toolrun.errors import ToolDefinitionError as ToolDefinitionError
    from toolrun.errors import ToolrunError as ToolrunError
    from toolrun.errors import ToolsChanged as ToolsChanged
    from toolrun.errors import TraceError as TraceError
    from toolrun.errors import TurnCancelled as TurnCancelled
    from toolrun.errors import TurnIncomplete as TurnIncomplete
    from toolrun.errors import TurnLimited as TurnLimited
    from toolrun.errors import TurnParked as TurnParked
    from toolrun.events import ApprovalDecided as ApprovalDecided
    from toolrun.events import ApprovalRequested as ApprovalRequested
    from toolrun.events import AssistantMessage as AssistantMessage
    from toolrun.events import Compacted as Compacted
    from toolrun.events import Durable as Durable
    from toolrun.events import EgressDecided as EgressDecided
    from toolrun.events import Event as Event
    from toolrun.events import FileChanged as FileChanged
    from toolrun.events import ForkedFrom as ForkedFrom
    from toolrun.events import LimitReached as LimitReached
    from toolrun.events import ReasoningDelta as ReasoningDelta
    from toolrun.events import Repaired as Repaired
    from toolrun.events import RequestSent as RequestSent
    from toolrun.events import Retried as Retried
    from toolrun.events import ServerToolCalled as ServerToolCalled
    from toolrun.events import SessionOpened as SessionOpened
    from toolrun.events import SettingsChanged as SettingsChanged
    from toolrun.events import StepFinished as StepFinished
    from toolrun.events import TextDelta as TextDelta
    from toolrun.events import ToolCallFinished as ToolCallFinished
    from toolrun.events import ToolCallStarted as ToolCallStarted
    from toolrun.events import ToolOutput as ToolOutput
    from toolrun.events import TurnFinished as TurnFinished
    from toolrun.events import TurnUndone as TurnUndone
    from toolrun.events import UserMessage as UserMessage
    from toolrun.events import Warned as Warned
    from toolrun.limits import Budget as Budget
    from toolrun.limits import Limits as Limits
    from toolrun.limits import Prices as Prices
    from toolrun.models.chat import ChatModel as ChatModel
    from toolrun.models.door import Timeouts as Timeouts
    from toolrun.models.fleet import Fleet as Fleet
    from toolrun.models.fleet_replica import ReplicaStatus as ReplicaStatus
    from toolrun.models.harmony.completions import CompletionsSampler as CompletionsSampler
    from toolrun.models.harmony.in_process import BatchSampler as BatchSampler
    from toolrun.models.harmony.in_process import EngineSampler as EngineSampler
    from toolrun.models.harmony.model import HarmonyModel as HarmonyModel
    from toolrun.models.harmony.tokens import Sampled as Sampled
    from toolrun.models.harmony.tokens import TokenRequest as TokenRequest
    from toolrun.models.harmony.tokens import TokenSampler as TokenSampler
    from toolrun.models.model import Model as Model
    from toolrun.models.model import Request as Request
    from toolrun.models.proof import Proof as Proof
    from toolrun.models.responses import ResponsesModel as ResponsesModel
    from toolrun.options import Options as Options
    from toolrun.options import RuntimeOptions as RuntimeOptions
    from toolrun.resuming import Resuming as Resuming
    from toolrun.retries import Retries as Retries
    from toolrun.runs import Run as Run
    from toolrun.runtime import Runtime as Runtime
    from toolrun.sandbox.pool import Boxes as Boxes
    from toolrun.session import Session as Session
    from toolrun.shortening import Shortened as Shortened
    from toolrun.signals import OnSignals as OnSignals
    from toolrun.signals import draining as draining
    from toolrun.sinks import Sink as Sink
    from toolrun.spending import Account as Account
    from toolrun.spending import Spending as Spending
    from toolrun.state import State as State
    from toolrun.state import fold as fold
    from toolrun.stream import EventStream as EventStream
    from toolrun.stream import Listener as Listener
    from toolrun.tools.builtin.citations import Annotation as Annotation
    from toolrun.tools.context import CallContext as CallContext
    from toolrun.tools.decorator import tool as tool
    from toolrun.trace.recording import Recording as Recording
    from toolrun.transcript import Message as Message
    from toolrun.transcript import ToolMessage as ToolMessage
    from toolrun.transcript import to_openai as to_openai
    from toolrun.values import FileChange as FileChange
    from toolrun.values import Json as Json
    from toolrun.values import Rule as Rule
    from toolrun.values import Sampling as Sampling
    from toolrun.values import ToolCall as ToolCall
    from toolrun.values import ToolResult as ToolResult
    from toolrun.values import Usage as Usage

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun._version": ("__version__",),
            "toolrun.answer": ("Answer", "MadeCall"),
            "toolrun.approvals": ("Approvals",),
            "toolrun.blocking": ("BlockingSession",),
            "toolrun.cancel": ("CancelToken",),
            "toolrun.clock": ("Clock",),
            "toolrun.compaction": ("Compaction",),
            "toolrun.config": ("Config", "load_config"),
            "toolrun.decisions": ("Approve", "Approver", "Decision", "Deny", "Edit", "Rules"),
            "toolrun.errors": (
                *("ConfigError", "ContextTooLong", "Draining", "LeaseLost", "MalformedOutput"),
                *("MissingExtra", "ModelNotFound", "OutputInvalid", "ReplayMismatch"),
                *("SandboxUnavailable", "ServerError", "ServerStatus", "ServerTimeout"),
                *("ServerUnreachable", "SessionBusy", "StoreError", "ToolDefinitionError"),
                *("ToolrunError", "ToolsChanged", "TraceError", "TurnCancelled", "TurnIncomplete"),
                *("TurnLimited", "TurnParked"),
            ),
            "toolrun.events": (
                *("ApprovalDecided", "ApprovalRequested", "AssistantMessage", "Compacted"),
                *("Durable", "EgressDecided", "Event", "FileChanged", "ForkedFrom", "LimitReached"),
                *("ReasoningDelta", "Repaired", "RequestSent", "Retried", "ServerToolCalled"),
                *("SessionOpened", "SettingsChanged", "StepFinished", "TextDelta"),
                *("ToolCallFinished", "ToolCallStarted", "ToolOutput", "TurnFinished"),
                *("TurnUndone", "UserMessage", "Warned"),
            ),
            "toolrun.limits": ("Budget", "Limits", "Prices"),
            "toolrun.models.chat": ("ChatModel",),
            "toolrun.models.door": ("Timeouts",),
            "toolrun.models.fleet": ("Fleet",),
            "toolrun.models.fleet_replica": ("ReplicaStatus",),
            "toolrun.models.harmony.completions": ("CompletionsSampler",),
            "toolrun.models.harmony.in_process": ("BatchSampler", "EngineSampler"),
            "toolrun.models.harmony.model": ("HarmonyModel",),
            "toolrun.models.harmony.tokens": ("Sampled", "TokenRequest", "TokenSampler"),
            "toolrun.models.model": ("Model", "Request"),
            "toolrun.models.proof": ("Proof",),
            "toolrun.models.responses": ("ResponsesModel",),
            "toolrun.options": ("Options", "RuntimeOptions"),
            "toolrun.resuming": ("Resuming",),
            "toolrun.retries": ("Retries",),
            "toolrun.runs": ("Run",),
            "toolrun.runtime": ("Runtime",),
            "toolrun.sandbox.pool": ("Boxes",),
            "toolrun.session": ("Session",),
            "toolrun.shortening": ("Shortened",),
            "toolrun.signals": ("OnSignals", "draining"),
            "toolrun.sinks": ("Sink",),
            "toolrun.spending": ("Account", "Spending"),
            "toolrun.state": ("State", "fold"),
            "toolrun.stream": ("EventStream", "Listener"),
            "toolrun.tools.builtin.citations": ("Annotation",),
            "toolrun.tools.context": ("CallContext",),
            "toolrun.tools.decorator": ("tool",),
            "toolrun.trace.recording": ("Recording",),
            "toolrun.transcript": ("Message", "ToolMessage", "to_openai"),
            "toolrun.values": (
                *("FileChange", "Json", "Rule", "Sampling", "ToolCall", "ToolResult", "Usage"),
            ),
        },
    )
