"""Where does a tool run, and what may it touch?

A `Sandbox` runs each call in a box of its own: bubblewrap's namespaces, a root made of what the
interpreter needs, limits, no network. Where it cannot, it refuses: `SandboxUnavailable`.
"""

from __future__ import annotations

from toolrun.sandbox.job import Completed, Job, Made, Outcome
from toolrun.sandbox.pool import Boxes
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.resolve import load_profile
from toolrun.sandbox.sandbox import Sandbox

__all__ = ["Boxes", "Completed", "Job", "Made", "Outcome", "Profile", "Sandbox", "load_profile"]
