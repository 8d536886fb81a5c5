"""What does `docs/reference/attacks.md` say of each attack, and how is it written anew?

The page's tables have a row for each attack of the catalogue, and for each test of an attack that
has a set-up of its own. With `TOOLRUN_WRITE_ATTACKS=1` the tests write what they saw:

    TOOLRUN_WRITE_ATTACKS=1 python -m pytest tests/security

writes all of it, as root and, by `test_ordinary_user.py`, as an ordinary user. A cell that was not
seen stays. What a normal run compares is the rows: errors differ from kernel to kernel.
"""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tests.security.catalogue import ATTACKS, FAMILIES
from tests.security.weakened import PARTS
from toolrun.sandbox.choice import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.security.attack import Attack, Attacked

Who: TypeAlias = Literal["as root", "as an ordinary user"]
Key: TypeAlias = tuple[str, str, Who]
"""The family, the attack, and who ran the tests."""

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "docs/reference/attacks.md"
WRITES: Final = os.environ.get("TOOLRUN_WRITE_ATTACKS") == "1"
CELLS: Final = os.environ.get("TOOLRUN_ATTACKS_CELLS", "")
"""A file for what an ordinary user's run has seen: it cannot write the page."""
WHO: Final[tuple[Who, Who]] = ("as root", "as an ordinary user")
ME: Final[Who] = WHO[0] if os.geteuid() == 0 else WHO[1]
NOTHING: Final = "-"

_MARK: Final = "<!-- The tables are written by tests: see tests/security/attack_page.py -->\n"
_FAMILY: Final = "## "
_REST: Final = "Attacks with a set-up of their own"
_CONTRACT: Final = "test_contract.py"
"""Is run for each backend: a row each."""
_WEIGHT: Final = ("failed", "held", "not tried here")
_CATALOGUE_FILES: Final = (
    *("test_attacks.py", "test_attack_page.py", "test_harness.py", "test_ordinary_user.py"),
)


def _title(family: str) -> str:
    return family[0].upper() + family[1:]


_TITLES: Final = {_title(family): family for family in FAMILIES}
_found: dict[Key, str] = {}


def keep(attack: Attack, attacked: Attacked) -> None:
    """Remember what an attack of the catalogue came to."""
    _found[attack.family, attack.name, ME] = attacked.words()


def keep_test(file: str, name: str, parameters: str, outcome: str) -> None:
    """Remember what came of a test of an attack: of all that it was run with."""
    if file == _CONTRACT:
        name = f"{name} {parameters.partition('-')[0]}"
    if (file, name) not in set(elsewhere()):
        return
    key: Key = (_REST, _row(file, name), ME)
    told = {"passed": "held", "skipped": "not tried here"}.get(outcome, outcome)
    _found[key] = min(_found.get(key, told), told, key=_WEIGHT.index)


def elsewhere() -> Iterator[tuple[str, str]]:
    """The tests of attacks outside the catalogue: file and name."""
    for path in sorted(HERE.glob("test_*.py")):
        if path.name in _CATALOGUE_FILES:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = node.name
                if not name.startswith("test_"):
                    continue
                if path.name == _CONTRACT:
                    yield from ((path.name, f"{name} {backend}") for backend in ORDER)
                else:
                    yield path.name, name


def rows() -> list[tuple[str, str]]:
    """Family and attack of each row that the page must have."""
    catalogue = [(attack.family, attack.name) for attack in ATTACKS]
    return [*catalogue, *((_REST, _row(*each)) for each in elsewhere())]


def read(page: Path = PAGE) -> dict[Key, str]:
    """The cells of the page."""
    cells: dict[Key, str] = {}
    family = ""
    for line in page.read_text(encoding="utf-8").partition(_MARK)[2].splitlines():
        if line.startswith(_FAMILY):
            family = _TITLES.get(line.removeprefix(_FAMILY), _REST)
        elif line.startswith("| ") and not line.startswith("| attack |"):
            name, _, *told = (cell.strip() for cell in line.strip("|").split(" | "))
            cells |= {(family, name, who): cell for who, cell in zip(WHO, told, strict=True)}
    return cells


def finish() -> None:
    """At the end of a run that writes: the page, or the file for whoever started the run."""
    if CELLS:
        told = [[*key, cell] for key, cell in _found.items()]
        Path(CELLS).write_text(json.dumps(told), encoding="utf-8")
    elif WRITES:
        write(_found)


def take(cells: Path) -> None:
    """Take over what a run as another user has seen."""
    for family, name, who, cell in json.loads(cells.read_text(encoding="utf-8")):
        _found[family, name, who] = cell


def write(found: Mapping[Key, str], page: Path = PAGE) -> None:
    """Write cells into the page; those that were not seen stay, rows that are no more go."""
    cells = read(page) | dict(found)
    head = page.read_text(encoding="utf-8").partition(_MARK)[0]
    page.write_text(f"{head}{_MARK}\n" + "\n".join(_tables(cells)), encoding="utf-8")


def _tables(cells: Mapping[Key, str]) -> Iterator[str]:
    controls = {(attack.family, attack.name): _control(attack) for attack in ATTACKS}
    wanted = rows()
    for family in (*FAMILIES, _REST):
        yield f"{_FAMILY}{_title(family)}\n"
        yield f"| attack | seen to succeed | {' | '.join(f'bubblewrap, {who}' for who in WHO)} |"
        yield "|---" * (2 + len(WHO)) + "|"
        for each, name in wanted:
            if each == family:
                told = " | ".join(cells.get((family, name, who), NOTHING) for who in WHO)
                yield f"| {name} | {controls.get((family, name), 'in the test')} | {told} |"
        yield ""


def _control(attack: Attack) -> str:
    ways: list[str] = [attack.control] if attack.control else []
    ways += [f"without {attack.without}"] if attack.without else []
    assert not attack.without or attack.without in PARTS
    return ", ".join(ways) or NOTHING


def _row(file: str, name: str) -> str:
    words, _, backend = name.removeprefix("test_").partition(" ")
    by = f", {backend}" if backend else ""
    return f"{words.replace('_', ' ')}{by} (`{file}`)"
