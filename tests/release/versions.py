"""Do all places that show a version show the same one?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_VERSION: Final = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)
_SECTION: Final = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)
_CITED: Final = re.compile(r'^(version|date-released): "?([^"\n]+)"?$', re.MULTILINE)
_UNRELEASED: Final = "Unreleased"


@dataclass(frozen=True, slots=True)
class Section:
    """One version in the changelog.

    Attributes:
        version: without a `v`, or "Unreleased".
        date: of the release, as 2026-11-27; empty for what is not released.
        notes: what stands below the heading.
    """

    version: str
    date: str
    notes: str


def of_the_code(root: Path) -> str:
    """Read the version that the code says of itself; nothing is imported.

    Raises:
        ValueError: `toolrun/_version.py` has none.
    """
    found = _VERSION.search((root / "toolrun" / "_version.py").read_text())
    if found is None:
        raise ValueError(f'{root}/toolrun/_version.py has no line __version__ = "…"')
    return found["version"]


def sections(root: Path) -> list[Section]:
    """Read the changelog's sections, as they stand: the newest first."""
    text = (root / "CHANGELOG.md").read_text()
    heads = list(_SECTION.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    return [
        Section(head["version"], head["date"] or "", text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    ]


def differences(root: Path, tag: str | None = None) -> list[str]:
    """Say where two places differ: the code, CHANGELOG.md, CITATION.cff, and a tag if one is given.

    A version in development (`0.2.0.dev0`) has no section of its own yet, and is never tagged.

    Args:
        root: of the repository.
        tag: that is to be released, as "v0.1.0".
    """
    version = of_the_code(root)
    unreleased, *released = sections(root)
    found = []
    if unreleased.version != _UNRELEASED:
        found.append(f"CHANGELOG.md begins with {unreleased.version}: [{_UNRELEASED}] stands first")
        released = [unreleased, *released]
    newest = released[0]
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", newest.date):
        found.append(f"CHANGELOG.md: [{newest.version}] has no date such as 2026-11-27")
    cited = dict(_CITED.findall((root / "CITATION.cff").read_text()))
    if (cited.get("version"), cited.get("date-released")) != (newest.version, newest.date):
        found.append(
            f"CITATION.cff cites {cited.get('version')} of {cited.get('date-released')}, and "
            f"CHANGELOG.md has {newest.version} of {newest.date}"
        )
    if ".dev" not in version and newest.version != version:
        found.append(f"the code is {version}, and CHANGELOG.md has {newest.version} as the newest")
    if tag is not None:
        found += _differences_to(tag, version, unreleased)
    return found


def _differences_to(tag: str, version: str, unreleased: Section) -> list[str]:
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and the code is {version}: tag v{version}")
    if ".dev" in version:
        found.append(f"{version} is in development: set the version in toolrun/_version.py first")
    if unreleased.version == _UNRELEASED and unreleased.notes:
        found.append(f"CHANGELOG.md has notes under [{_UNRELEASED}]: they belong to {version}")
    return found
