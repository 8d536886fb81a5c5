"""Which mutants are there? mutmut's operators, on functions, as new text for a whole module.

mutmut says what a mutant is; it does not run them. Its own way puts every variant of a function
into the module, beside a switch that is an annotated attribute of the class: of a msgspec Struct
that would be a field more. It leaves out functions with decorators, too, which here are not.
"""

from __future__ import annotations

import difflib
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import (
    NEVER_MUTATE_FUNCTION_NAMES,
    MutationVisitor,
    deep_replace,
)
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

from tests.mutants.work import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]


class _Visitor(MutationVisitor):  # type: ignore[misc]
    """What mutmut mutates, and functions with decorators; nothing that runs on definition."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Decorator | cst.Parameters):
            return True
        if isinstance(node, cst.FunctionDef):
            return node.name.value in NEVER_MUTATE_FUNCTION_NAMES
        return bool(super()._skip_node_and_children(node))


def sampled(file: str, count: int | None, seed: int) -> list[Mutant]:
    """As many mutants of a module, by chance, but the same ones each time; None: all."""
    text = (ROOT / file).read_bytes()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    names = dict(_functions(module))
    found = [
        (f"{file}#{number}", change)
        for number, change in enumerate(visitor.mutations, start=1)
        if change.contained_by_top_level_function in names
    ]
    if count is not None and count < len(found):
        chosen = random.Random(f"{seed} {file}").sample(range(len(found)), count)
        found = [found[each] for each in sorted(chosen)]
    places = wrapper.resolve_many([PositionProvider, ByteSpanPositionProvider])
    return [_mutant(name, file, text, module, change, names, places) for name, change in found]


def _functions(module: cst.Module) -> Iterator[tuple[cst.CSTNode, str]]:
    for node in module.body:
        if isinstance(node, cst.FunctionDef):
            yield node, node.name.value
        elif isinstance(node, cst.ClassDef):
            for inner in node.body.body:
                if isinstance(inner, cst.FunctionDef):
                    yield inner, f"{node.name.value}.{inner.name.value}"


def _mutant(
    name: str,
    file: str,
    text: bytes,
    module: cst.Module,
    change: Any,
    names: dict[cst.CSTNode, str],
    places: Any,
) -> Mutant:
    function, node, new = (
        change.contained_by_top_level_function,
        change.original_node,
        change.mutated_node,
    )
    lines, spans = places[PositionProvider], places[ByteSpanPositionProvider]
    if isinstance(node, cst.Match) or node not in spans:  # whose lines are indented
        changed = deep_replace(module, node, new)
        assert isinstance(changed, cst.Module)
        source = changed.code
    else:  # a hundred times faster
        start, end = spans[node].start, spans[node].start + spans[node].length
        source = (text[:start] + module.code_for_node(new).encode() + text[end:]).decode()
    place = lines.get(node) or lines[function]
    first = function.decorators[0] if function.decorators else function
    pair = text.decode().splitlines(keepends=True), source.splitlines(keepends=True)
    return Mutant(
        name=name,
        file=file,
        function=names[function],
        whole=(lines[first].start.line, lines[function].end.line),
        lines=(place.start.line, place.end.line),
        source=source,
        diff="".join(list(difflib.unified_diff(*pair, n=0))[2:]),
    )
