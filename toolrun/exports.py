"""How does a package offer names without importing the modules that they live in?

Each name is imported at its first use. Only the standard library is needed, and little of it: a
package that a box imports does this, too. Type checkers read the imports that stand beside the
table, below `if TYPE_CHECKING`; they never see `__getattr__`, which would have any name exist.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    Offered: TypeAlias = tuple[list[str], Callable[[str], object], Callable[[], list[str]]]


def offered(package: str, homes: Mapping[str, Sequence[str]]) -> Offered:
    """What a package has as `__all__`, `__getattr__` and `__dir__`.

    Args:
        package: its name.
        homes: the names that each module has for it.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    every = sorted(home_of)

    def import_at_first_use(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import sys
        from importlib import import_module

        value: object = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return every, import_at_first_use, lambda: every
