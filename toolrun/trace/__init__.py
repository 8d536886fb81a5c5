"""What happened, and can it happen again without a model?

A trace is read with `read_trace`, or event by event with a `TraceReader`; `behaviour_of` puts its
events together, and `differences` compares two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun.trace.behaviour import behaviour_of as behaviour_of
    from toolrun.trace.difference import Difference as Difference
    from toolrun.trace.difference import differences as differences
    from toolrun.trace.header import TraceHeader as TraceHeader
    from toolrun.trace.migrate import migrate_trace as migrate_trace
    from toolrun.trace.reader import Trace as Trace
    from toolrun.trace.reader import TraceReader as TraceReader
    from toolrun.trace.reader import read_trace as read_trace
    from toolrun.trace.redacting import Redacted as Redacted
    from toolrun.trace.redacting import redact_trace as redact_trace
    from toolrun.trace.tokens import TokenRecord as TokenRecord
    from toolrun.trace.tokens import token_records as token_records
    from toolrun.trace.turns import Behaviour as Behaviour
    from toolrun.trace.turns import Call as Call
    from toolrun.trace.turns import Step as Step
    from toolrun.trace.turns import Turn as Turn

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.trace.behaviour": ("behaviour_of",),
            "toolrun.trace.difference": ("Difference", "differences"),
            "toolrun.trace.header": ("TraceHeader",),
            "toolrun.trace.migrate": ("migrate_trace",),
            "toolrun.trace.reader": ("Trace", "TraceReader", "read_trace"),
            "toolrun.trace.redacting": ("Redacted", "redact_trace"),
            "toolrun.trace.tokens": ("TokenRecord", "token_records"),
            "toolrun.trace.turns": ("Behaviour", "Call", "Step", "Turn"),
        },
    )
