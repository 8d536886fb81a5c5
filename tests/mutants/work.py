"""What is handed from the maker of mutants to the process of the tests, and back?"""

from __future__ import annotations

from typing import Literal

import msgspec

Fate = Literal["killed", "hung", "survived", "invalid", "untested"]


class Mutant(msgspec.Struct, frozen=True):
    """One change.

    Attributes:
        name: its module and number, the same as long as the module is.
        file: the module, relative to the root.
        function: the qualified name of the outermost function that it is in.
        whole: the first and last line of that function, its decorators included.
        lines: the first and last line of what changes.
        source: the module with it.
        diff: what changes, for people.
    """

    name: str
    file: str
    function: str
    whole: tuple[int, int]
    lines: tuple[int, int]
    source: str
    diff: str


class Work(msgspec.Struct, frozen=True):
    """What one process of tests is to do.

    Attributes:
        mutants: in the order of their modules.
        coverage: the file that knows which test ran which line.
        durations: seconds of each test, by its name.
        verdicts: the file to write to, one line for each mutant.
    """

    mutants: list[Mutant]
    coverage: str
    durations: dict[str, float]
    verdicts: str


class Verdict(msgspec.Struct, frozen=True):
    """What became of a mutant.

    Attributes:
        fate: "killed": a test failed; "hung": its tests took too long; "untested": no test runs
            its lines; "invalid": its code cannot stand in for the original's.
        by: the test that failed.
        tests: how many could have killed it.
    """

    name: str
    fate: Fate
    by: str = ""
    tests: int = 0
    seconds: float = 0.0
