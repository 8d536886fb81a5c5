"""What comes of a panic in harmony's Rust? An error like any other."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from toolrun.errors import MalformedOutput

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turn what harmony raises into `MalformedOutput("malformed-header")`.

    A panic comes as `pyo3_runtime.PanicException`, a BaseException that no module exports.

    Args:
        what: is being read or rendered, as the message's subject.

    Raises:
        MalformedOutput: harmony raised or panicked.
    """
    try:
        yield
    except (ValueError, RuntimeError, OverflowError) as error:
        # HarmonyError and RecursionError are RuntimeErrors; an id too large for Rust overflows.
        raise MalformedOutput(f"{what}: {error}", "malformed-header") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise MalformedOutput(f"{what}: harmony panicked: {error}", "malformed-header") from error
