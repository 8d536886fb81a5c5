"""What is public by its name alone, and not for users? The reference leaves it out."""

from __future__ import annotations

from typing import Any

import griffe

from tests.unit.api.public import is_internal


class Internal(griffe.Extension):
    """Leaves out members whose docstring says that they are internal; mkdocs.yml names it."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look at a class, once all that stands in it is known."""
        for name, member in [*cls.members.items()]:
            if isinstance(member, griffe.Object) and is_internal(member):
                del cls.members[name]
