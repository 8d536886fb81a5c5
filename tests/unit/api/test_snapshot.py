"""Is the public API what `api.txt` says that it is?

Who changes it on purpose renews the file, whose difference then shows the change to a reviewer.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

import pytest

from tests.unit.api import lines
from tests.unit.api.test_docstrings import FIRST, named
from toolrun import __version__

FILE: Final = Path(__file__).with_name("api.txt")
HEAD: Final = """\
# The public API, a line for each name; test_snapshot.py compares it with the source. A change:
# TOOLRUN_RENEW_API=1 pytest tests/unit/api/test_snapshot.py, and a word in CHANGELOG.md.
"""
CHANGED: Final = """\
The public API is another than tests/unit/api/api.txt says:
{}
Is that meant? A line that is gone or changed may break somebody's code: see "What is deprecated" in
docs/reference/compatibility.md. Then renew the file, and say it in CHANGELOG.md:
    TOOLRUN_RENEW_API=1 pytest tests/unit/api/test_snapshot.py"""


def test_the_public_api_is_what_was_written_down() -> None:
    now = HEAD + "\n".join(lines.every()) + "\n"
    if os.environ.get("TOOLRUN_RENEW_API"):
        FILE.write_text(now, encoding="utf-8")
        if __version__.startswith("0.1.0"):
            FIRST.write_text("\n".join([*dict.fromkeys(named())]) + "\n", encoding="utf-8")
    before = FILE.read_text(encoding="utf-8")

    changed = difflib.unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=0)
    if before != now:
        pytest.fail(CHANGED.format("\n".join([*changed][2:])), pytrace=False)
