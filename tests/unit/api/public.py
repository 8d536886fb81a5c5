"""What is public of toolrun? The modules that users import, their names, and what those have.

It is read from the source, by griffe: so it is the same with each Python, and annotations are what
stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[3]
MODULES: Final = (
    "toolrun",
    "toolrun.integrations.agents",
    "toolrun.integrations.otel",
    "toolrun.integrations.pytest",
    "toolrun.models.doctor",
    "toolrun.sandbox",
    "toolrun.store",
    "toolrun.testing",
    "toolrun.tools",
    "toolrun.tools.builtin",
    "toolrun.trace",
)
"""The public modules; docs/reference/compatibility.md lists them."""
INTERNAL: Final = "Internal: "
"""How the docstring of what is public by its name alone begins."""


@dataclass(frozen=True)
class Public:
    """A public name.

    Attributes:
        module: that it is imported from.
        name: there.
        home: the module that it is defined in.
        found: what the source says of it; that it is imported, of another package's.
    """

    module: str
    name: str
    home: str
    found: griffe.Object | griffe.Alias

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def is_module(name: str) -> bool:
    """Whether toolrun has such a module."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


@cache
def source(name: str) -> griffe.Module:
    """What stands in a module of toolrun."""
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    # The parents are there for their names: a module resolves what it imports by itself.
    return griffe.visit(name, filepath=file, code=file.read_text(encoding="utf-8"))


@cache
def names() -> tuple[Public, ...]:
    """Every public name, sorted; a name that two modules have is there twice."""
    return tuple(_found(each, name) for each in MODULES for name in offered(each))


def offered(name: str) -> list[str]:
    """What a public module says that it has: its `__all__`, or what type checkers see of it."""
    there = source(name)
    if there.exports:
        return [str(each) for each in there.exports]
    imported = (name for name, each in there.members.items() if isinstance(each, griffe.Alias))
    return sorted(each for each in imported if each not in ("annotations", "offered"))


def _found(where: str, name: str) -> Public:
    """Follow the imports of a name to where it is defined."""
    home, attribute = where, name
    for _ in range(5):
        there = source(home).members.get(attribute)
        assert there is not None, f"{where}.{name}: {home} has no {attribute}"
        if isinstance(there, griffe.Object):
            return Public(where, name, home, there)
        home, attribute = there.target_path.rsplit(".", 1)
        if not home.startswith("toolrun"):
            return Public(where, name, home, there)
    message = f"{where}.{name} is imported from module to module without an end"
    raise AssertionError(message)


def is_internal(found: griffe.Object) -> bool:
    """Whether its docstring says that it is not for users."""
    return found.docstring is not None and found.docstring.value.startswith(INTERNAL)


def members(found: griffe.Object) -> Iterator[griffe.Object]:
    """The public members of a class, in the order of the source, those of private bases too."""
    seen = set()
    for each in [found, *bases(found)]:
        for name, member in each.members.items():
            if name in seen or name.startswith("_") or not isinstance(member, griffe.Object):
                continue
            seen.add(name)
            if not is_internal(member):
                yield member


def bases(found: griffe.Object) -> Iterator[griffe.Class]:
    """The classes of toolrun that a class is made of, but for those that are public themselves."""
    if not isinstance(found, griffe.Class):
        return
    for base in found.bases:
        path = base if isinstance(base, str) else base.canonical_path
        home, _, name = path.rpartition(".")
        if home.startswith("toolrun") and path not in paths():
            there = source(home).members[name]
            if isinstance(there, griffe.Class):
                yield there
                yield from bases(there)


@cache
def paths() -> frozenset[str]:
    """Where the public names are defined."""
    return frozenset(f"{each.home}.{each.name}" for each in names())


def alias_of(name: griffe.ExprName) -> griffe.Attribute | None:
    """The alias of types that a name in an annotation is, if toolrun has one of that name."""
    home, _, attribute = name.canonical_path.rpartition(".")
    if not home.startswith("toolrun") or not is_module(home):
        return None
    there = source(home).members.get(attribute)
    if isinstance(there, griffe.Alias):  # a package has it from one of its modules
        home, _, attribute = there.target_path.rpartition(".")
        there = source(home).members.get(attribute)
    return there if isinstance(there, griffe.Attribute) else None


def told(public: Public) -> Iterator[tuple[str, griffe.Object]]:
    """What a public name shows of itself: by name, all that has annotations of its own."""
    if isinstance(public.found, griffe.Alias):
        return
    yield str(public), public.found
    if isinstance(public.found, griffe.Class):
        for member in members(public.found):
            yield f"{public}.{member.name}", member
        init = init_of(public.found)
        if init is not None:
            yield f"{public}()", init


def init_of(found: griffe.Class) -> griffe.Function | None:
    """The `__init__` of a class that users make objects of by calling it."""
    for each in [found, *bases(found)]:
        init = each.members.get("__init__")
        if isinstance(init, griffe.Function):
            return None if is_internal(init) else init
    return None


def shown_in(found: griffe.Object) -> Iterator[griffe.ExprName]:
    """The names in the annotations of something; of aliases that are not public, those in them."""
    if isinstance(found, griffe.Function):
        for signature in found.overloads or [found]:
            for each in signature.parameters:
                yield from _names_in(each.annotation)
            yield from _names_in(signature.returns)
    elif isinstance(found, griffe.Attribute):
        is_alias = str(found.annotation) == "TypeAlias"
        yield from _names_in(found.value if is_alias else found.annotation)


def _names_in(annotation: object) -> Iterator[griffe.ExprName]:
    if not isinstance(annotation, griffe.Expr):
        return
    for each in annotation.iterate(flat=True):
        if isinstance(each, griffe.ExprName):
            alias = alias_of(each)
            if alias is None or each.canonical_path in paths():
                yield each
            else:
                yield from _names_in(alias.value)
