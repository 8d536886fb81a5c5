"""Where does a tool run, and what may it touch?

A `Sandbox` runs each call in a box that serves nobody else: namespaces, a root made of what the
interpreter needs, limits, no network but the hosts that its profile lists. Where it cannot, it
refuses: `SandboxUnavailable`.
"""

from __future__ import annotations

from toolrun.sandbox.blocking import BlockingSandbox
from toolrun.sandbox.job import Completed, Job, Made, Outcome
from toolrun.sandbox.pool import Boxes, Pool
from toolrun.sandbox.process import Process
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.resolve import load_profile
from toolrun.sandbox.sandbox import Sandbox

__all__ = [
    "BlockingSandbox",
    "Boxes",
    "Completed",
    "Job",
    "Made",
    "Outcome",
    "Pool",
    "Process",
    "Profile",
    "Sandbox",
    "load_profile",
]
