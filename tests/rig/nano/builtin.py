"""Which tools does toolrun bring, and how are they asked for?

What they are stands in `data/builtin.json`: where the model is trained, toolrun is not installed.
`python -m tests.rig.nano.builtin` makes it anew; a test holds that it is what the tools are.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.rig.nano.natural import family
from tests.rig.nano.tools import Tool
from tests.rig.nano.values import DATA

if TYPE_CHECKING:
    from random import Random

_FILES = ("read_file", "list_files", "search_files", "edit_file", "write_file", "apply_patch")
_SETS = (
    _FILES, _FILES, (*_FILES, "shell"), (*_FILES, "shell"), (*_FILES, "shell"), (*_FILES, "python"),
    ("shell",), ("python",), ("python", "shell"), ("python", "browser_open", "browser_find"),
    (*_FILES, "shell", "python"),
)  # fmt: skip


@cache
def _all() -> dict[str, Tool]:
    told = {one["name"]: one for one in json.loads((DATA / "builtin.json").read_text())}
    body = tomllib.loads((DATA / "builtin.toml").read_text())
    found: dict[str, Tool] = {}
    for item in body["tool"]:
        name = item["names"]
        one = family(item | {"about": [told[name]["description"]]})
        names = {key: key for key in one.parameters}
        found[name] = Tool(one, name, told[name]["description"], told[name]["parameters"], names)
    return found


def some(r: Random) -> list[Tool]:
    """Those of one start of `toolrun chat --tools`."""
    return [_all()[name] for name in r.choice(_SETS)]


def described() -> list[dict[str, Any]]:
    """What the tools say of themselves; needs toolrun."""
    from toolrun.tools.builtin import browser, files, python, shell

    tools = [*files().tools, shell(), python(), *browser().tools]
    return [
        {key: tool.to_openai()["function"][key] for key in ("name", "description", "parameters")}
        for tool in tools
    ]


if __name__ == "__main__":
    (DATA / "builtin.json").write_text(json.dumps(described(), indent=1, ensure_ascii=False) + "\n")
