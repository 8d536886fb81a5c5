"""What do the options of a session settle for its journal?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolrun.approvals import Approvals
from toolrun.compaction import Compaction
from toolrun.connections import urls_of
from toolrun.limits import Budget, Limits
from toolrun.options import Options, Settings
from toolrun.retries import Retries
from toolrun.values import Sampling

if TYPE_CHECKING:
    from toolrun.tools.toolbox import Toolbox


def settled(
    chosen: Options,
    *,
    model: str,
    instructions: str | None,
    profile: str | dict[str, Any],
    workspace: str | None,
    toolbox: Toolbox,
) -> Settings:
    """The settings of a session.

    Args:
        chosen: its options, the runtime's included.
        model: the name of its model.
        instructions: those of the options, and of the transcript that it begins with.
        profile: of its sandboxes.
        workspace: its path, absolute.
        toolbox: its tools.
    """
    return Settings(
        model=model,
        base_url=urls_of(chosen),
        via=chosen.get("via") or "auto",
        dialect=chosen.get("dialect"),
        instructions=instructions,
        effort=chosen.get("effort"),
        sampling=chosen.get("sampling") or Sampling(),
        tool_choice=chosen.get("tool_choice"),
        profile=profile,
        workspace=workspace,
        backend=chosen.get("backend"),
        limits=chosen.get("limits") or Limits(),
        budget=chosen.get("budget") or Budget(),
        compaction=chosen.get("compaction") or Compaction(),
        context_length=chosen.get("context_length"),
        approvals=chosen.get("approvals") or Approvals(),
        retries=chosen.get("retries") or Retries(),
        verify_reasoning=chosen.get("verify_reasoning") or 0.0,
        tenant=chosen.get("tenant"),
        title=chosen.get("title") or None,
        folder=None if (folder := chosen.get("folder")) is None else str(Path(folder).absolute()),
        repeatable=toolbox.repeatables,
        builtins=toolbox.builtins,
        extra_body=dict(chosen.get("extra_body") or {}),
    )
