"""What does the reference show of a class? What is for users, and how data is made."""

from __future__ import annotations

from typing import Any

import griffe

from tests.unit.api.public import is_internal


class Shown(griffe.Extension):
    """Leaves out what is internal, and writes down the fields of data; mkdocs.yml names it."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look at a class, once all that stands in it is known."""
        for name, member in [*cls.members.items()]:
            if isinstance(member, griffe.Object) and is_internal(member):
                del cls.members[name]
        if "frozen" in cls.keywords:  # a Struct, or an event
            cls.bases = [base for base in cls.bases if str(base) != "Struct"]
            if cls.docstring and (fields := _fields(cls)):
                summary, blank, rest = cls.docstring.value.partition("\n\n")
                cls.docstring.value = f"{summary}\n\n{fields}{blank}{rest}"


def _fields(cls: griffe.Class) -> str:
    """The fields as they stand in the source: names, types and defaults."""
    lines = [
        f"{name}: {member.annotation}" + (f" = {member.value}" if member.value else "")
        for name, member in cls.members.items()
        if isinstance(member, griffe.Attribute) and _is_field(name, member)
    ]
    return "\n".join(["```python", *lines, "```"]) if lines else ""


def _is_field(name: str, member: griffe.Attribute) -> bool:
    written = member.annotation is not None and "property" not in member.labels
    return written and not name.startswith("_") and "ClassVar" not in str(member.annotation)
