"""Is an optional package there, and which extra brings it?"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from toolrun.errors import MissingExtra


def need(module: str, extra: str, what: str) -> Any:
    """Import an optional module.

    Args:
        module: its name ("openai_harmony").
        extra: of toolrun that brings it ("harmony").
        what: needs it, as the message's subject ("direct sampling").

    Raises:
        MissingExtra: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # What the module itself lacks is another fault, which the message must not hide.
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise
        raise MissingExtra(
            f"{what} needs the package {module.partition('.')[0]}: pip install 'toolrun[{extra}]'"
        ) from error


def has(module: str) -> bool:
    """Whether an optional module is installed; it is not imported."""
    return importlib.util.find_spec(module) is not None
