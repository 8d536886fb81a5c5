"""May this thread wait for an event loop in another one?"""

from __future__ import annotations

import sys

import sniffio

from toolrun.errors import ConfigError


def refuse_to_block(blocking: str, instead: str) -> None:
    """Pass where no loop runs in this thread, or a notebook's, which its cells hold anyway.

    Args:
        blocking: what would block: "Session.sync".
        instead: what to enter there: "Session".

    Raises:
        ConfigError: it would block the loop that runs here.
    """
    try:
        library = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return
    if not _in_notebook():
        raise ConfigError(
            f"{blocking} would block the running {library} loop; "
            f"use `async with {instead}(...)` here"
        )


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook: each cell runs inside the kernel's loop."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
