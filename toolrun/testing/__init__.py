"""How do users test their agents? With a scripted model, captured events, a clock and assertions.

The names below are imported at their first use, as those of `toolrun` are.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from toolrun.models.nano.sampler import nano as nano
    from toolrun.testing.answers import assert_answer as assert_answer
    from toolrun.testing.assertions import ANY as ANY
    from toolrun.testing.assertions import assert_called as assert_called
    from toolrun.testing.assertions import assert_not_called as assert_not_called
    from toolrun.testing.assertions import assert_order as assert_order
    from toolrun.testing.assertions import matching as matching
    from toolrun.testing.budgets import assert_cost as assert_cost
    from toolrun.testing.budgets import assert_steps as assert_steps
    from toolrun.testing.budgets import assert_tokens as assert_tokens
    from toolrun.testing.clock import FakeClock as FakeClock
    from toolrun.testing.conversation import AgentAssertionError as AgentAssertionError
    from toolrun.testing.listening import Events as Events
    from toolrun.testing.listening import capture as capture
    from toolrun.testing.nano_server import NanoServer as NanoServer
    from toolrun.testing.replay import ReplayReport as ReplayReport
    from toolrun.testing.replay import replay_trace as replay_trace
    from toolrun.testing.scripted import ScriptedModel as ScriptedModel
    from toolrun.testing.scripted import ScriptEnded as ScriptEnded
    from toolrun.testing.scripted import call as call
    from toolrun.testing.scripted import calls as calls
    from toolrun.testing.scripted import say as say
    from toolrun.testing.stage import Stage as Stage
    from toolrun.testing.stand_ins import stand_ins as stand_ins
    from toolrun.testing.toolboxes import Unrecorded as Unrecorded

    __all__: list[str]
else:
    from toolrun.exports import offered

    __all__, __getattr__, __dir__ = offered(
        __name__,
        {
            "toolrun.models.nano.sampler": ("nano",),
            "toolrun.testing.answers": ("assert_answer",),
            "toolrun.testing.assertions": (
                *("ANY", "assert_called", "assert_not_called", "assert_order", "matching"),
            ),
            "toolrun.testing.budgets": ("assert_cost", "assert_steps", "assert_tokens"),
            "toolrun.testing.clock": ("FakeClock",),
            "toolrun.testing.conversation": ("AgentAssertionError",),
            "toolrun.testing.listening": ("Events", "capture"),
            "toolrun.testing.nano_server": ("NanoServer",),
            "toolrun.testing.replay": ("ReplayReport", "replay_trace"),
            "toolrun.testing.scripted": ("ScriptEnded", "ScriptedModel", "call", "calls", "say"),
            "toolrun.testing.stage": ("Stage",),
            "toolrun.testing.stand_ins": ("stand_ins",),
            "toolrun.testing.toolboxes": ("Unrecorded",),
        },
    )
