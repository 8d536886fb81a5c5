"""Who does a test act as? An ordinary user, whoever runs the tests."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from toolrun.sandbox.bubblewrap.privilege import UNPRIVILEGED_UID

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def as_a_user() -> Iterator[None]:
    """Be no root meanwhile; who is none stays who he is."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(UNPRIVILEGED_UID)
    try:
        yield
    finally:
        os.seteuid(before)
