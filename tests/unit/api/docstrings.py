"""What does a docstring of the public API not say that it has to?

Parameters stand under "Args", what is raised right there under "Raises", fields under "Attributes"
or with a line of their own. "See `Session.ask`" stands for what is said there.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, Final

import griffe

from tests.unit.api.public import ROOT, bases, is_internal, names
from toolrun import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.api.public import Public

_REFERENCE: Final = re.compile(r"(?:[Ss]ee|[Aa]s|^)\s+(?:for\s+)?`([\w.]+)`")
_QUOTED: Final = re.compile(r"`(\w+)")
_THOSE_OF: Final = re.compile(r"those of\s+`(\w+)`")
_ANOTHERS: Final = re.compile(r"see `agents\.\w+`")
"""What another package's documentation says is not said again."""
_NOUNS: Final = frozenset(
    (
        *("A", "All", "An", "How", "Its", "One", "Seconds", "The", "Those", "Tokens", "Tools"),
        *("What", "When", "Where", "Whether", "Which", "Why"),
    )
)
"""How a summary begins that names what a function gives instead of what it does."""
_GIVES: Final = re.compile(
    r"\b(returns?|gives?|says|stays|context manager|context is open|context lasts|as a stream)\b"
    r"|: its |; False",
    re.IGNORECASE,
)
_SECTIONS: Final = re.compile(r"^(Args|Raises|Attributes|Returns|Yields):$", re.MULTILINE)
_ENTRY: Final = re.compile(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*):(?= |$)", re.MULTILINE)
PUBLIC_ERRORS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.ToolrunError)
}


def said(found: griffe.Object) -> str:
    """The docstring of something, "" where it has none."""
    return "" if found.docstring is None else found.docstring.value


def of(public: Public, found: griffe.Object) -> str:
    """The docstring that describes a function: of an `__init__` that of its class, too."""
    if found.name == "__init__" and isinstance(public.found, griffe.Object):
        return f"{said(public.found)}\n\n{said(found)}"
    return said(found)


def listed(text: str, section: str) -> set[str]:
    """The names that a section of a docstring lists."""
    parts = _SECTIONS.split(text)
    bodies = [body for head, body in zip(parts[1::2], parts[2::2], strict=True) if head == section]
    return {
        name.lstrip("*")
        for body in bodies
        for entry in _ENTRY.findall(body)
        for name in entry.split(", ")
    }


def referred(text: str, found: griffe.Object) -> Iterator[str]:
    """The docstrings that a docstring stands on."""
    for path in _REFERENCE.findall(text):
        other = _known().get(path)
        if other is None and isinstance(found.parent, griffe.Class):
            other = _known().get(f"{found.parent.name}.{path}")
        if other is not None and other is not found:
            yield said(other)
            yield from referred_once(said(other), other)


def referred_once(text: str, found: griffe.Object) -> Iterator[str]:
    """As `referred`, no further."""
    for path in _REFERENCE.findall(text):
        parent = found.parent.name if isinstance(found.parent, griffe.Class) else ""
        other = _known().get(path) or _known().get(f"{parent}.{path}")
        if other is not None:
            yield said(other)


@cache
def _known() -> dict[str, griffe.Object]:
    """What docstrings name: public things by their names, members by `Class.member`."""
    known: dict[str, griffe.Object] = {}
    for public in names():
        if not isinstance(public.found, griffe.Object):
            continue
        known.setdefault(public.name, public.found)
        for each in [public.found, *bases(public.found)]:
            for name, member in each.members.items():
                if isinstance(member, griffe.Object):
                    known.setdefault(f"{public.name}.{name}", member)
    return known


def missing_parameters(found: griffe.Function, text: str) -> list[str]:
    """The parameters of a function that its docstring does not describe."""
    if _ANOTHERS.search(text):
        return []
    wanted = [each.name for each in found.parameters if each.name not in ("self", "cls")]
    whole = [text, *referred(text, found)]
    there = {name for each in whole for name in listed(each, "Args")}
    if found.name == "__init__":
        there |= {name for each in whole for name in listed(each, "Attributes")} | {"message"}
    # A sentence that names its only parameter or two says what they are.
    if len(wanted) <= 2:
        there |= {
            name for each in whole for name in _QUOTED.findall(each.partition("\n\nRaises")[0])
        }
    return [name for name in wanted if name not in there]


def says_what_it_gives(found: griffe.Function, text: str) -> bool:
    """Whether a docstring says what a function gives, under "Returns" or in its first paragraph."""
    if found.returns is None or str(found.returns) in ("None", "Self"):
        return True
    whole = [text, *referred(text, found)]
    if any(re.search(r"^(Returns|Yields):$", each, re.MULTILINE) for each in whole):
        return True
    firsts = [each.partition("\n\n")[0] for each in whole if each]
    return bool(_ANOTHERS.search(text)) or any(
        _GIVES.search(each) or each.split()[0] in _NOUNS for each in firsts
    )


def missing_errors(found: griffe.Function, text: str) -> list[str]:
    """The public errors that leave a function right there and that "Raises" does not list."""
    there = {name for each in [text, *referred(text, found)] for name in listed(each, "Raises")}
    return sorted(
        name for name in raised(found) if not any(base in there for base in _line_of(name))
    )


def _line_of(name: str) -> list[str]:
    return [base.__name__ for base in PUBLIC_ERRORS[name].__mro__]


def raised(found: griffe.Function) -> set[str]:
    """The public errors that a function raises by itself, and does not catch."""
    tree = _tree(str(found.filepath))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is(node, found):
            return {name for each in node.body for name in _leaving(each)}
    message = f"{found.path} is not in {found.filepath}"
    raise AssertionError(message)


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _is(node: ast.FunctionDef | ast.AsyncFunctionDef, found: griffe.Function) -> bool:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return node.name == found.name and found.lineno in (first, node.lineno)


def _leaving(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        yield from PUBLIC_ERRORS.keys() & {getattr(node.exc.func, "id", "")}
    caught = set()
    if isinstance(node, ast.Try):
        caught = {name for each in node.handlers for name in _caught(each)}
        inside = {name for each in node.body for name in _leaving(each)}
        yield from (n for n in inside if not caught & {*_line_of(n), "Exception", "BaseException"})
        rest: list[ast.AST] = [*node.handlers, *node.orelse, *node.finalbody]
    else:
        rest = [*ast.iter_child_nodes(node)]
    for each in rest:
        yield from _leaving(each)


def _caught(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "BaseException"
        return
    for each in ast.walk(handler.type):
        if isinstance(each, ast.Name):
            yield each.id


def missing_fields(found: griffe.Class) -> list[str]:
    """The attributes of a class that nothing describes."""
    docs = [said(each) for each in [found, *bases(found), *_public_bases(found)]]
    docs += [said(_known()[name]) for name in _THOSE_OF.findall(docs[0]) if name in _known()]
    if "in the schema" in docs[0] or "`schemas/" in docs[0]:
        return []  # its keys are a file's, and each is described there
    there = {name for text in docs for name in listed(text, "Attributes")}
    there |= {name for text in docs for name in [*listed(text, "Args"), *_QUOTED.findall(text)]}
    return [
        name
        for each in [found, *bases(found)]
        for name, member in each.members.items()
        if isinstance(member, griffe.Attribute) and not name.startswith("_")
        if not is_internal(member) and not said(member) and name not in there
    ]


def _public_bases(found: griffe.Class) -> Iterator[griffe.Class]:
    for base in found.bases:
        there = _known().get(str(base).rpartition(".")[2])
        if isinstance(there, griffe.Class) and there is not found:
            yield there
            yield from _public_bases(there)
