"""Where does a tool run, and what may it touch?

A `Sandbox` runs each call in a box that serves nobody else: namespaces, a root made of what the
interpreter needs, limits, no network but the hosts that its profile lists. Where it cannot, it
refuses: `SandboxUnavailable`.
"""

from __future__ import annotations

from toolrun.sandbox.blocking import BlockingProcess, BlockingSandbox
from toolrun.sandbox.egress.proxy import Decision
from toolrun.sandbox.job import Completed, Job, Made, Outcome
from toolrun.sandbox.layer.layer import Kept, Refused
from toolrun.sandbox.pool import Boxes, Pool
from toolrun.sandbox.process import Process
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.resolve import load_profile
from toolrun.sandbox.sandbox import Sandbox

__all__ = [
    "BlockingProcess",
    "BlockingSandbox",
    "Boxes",
    "Completed",
    "Decision",
    "Job",
    "Kept",
    "Made",
    "Outcome",
    "Pool",
    "Process",
    "Profile",
    "Refused",
    "Sandbox",
    "load_profile",
]
