"""Does the demo show a session of the embedded model, and say what it lacks?"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from toolrun.config import load_config
from toolrun.embedded import EMBEDDED

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import Typed


def test_the_secret_of_step_1_comes_through_its_reasoning_alone(typed: Typed) -> None:
    done = typed("demo", TOOLRUN_BASE_URL="")

    shown = done.stdout
    assert done.returncode == 0, shown + done.stderr
    thought = re.search(r"┊ My number is (\d+)\. ", shown)
    assert thought is not None
    secret = thought[1]
    for part in (
        "── toolrun-nano, a toy with real wiring\n",
        '▶ word_count(path="notes.md")  [sandbox workspace-ro]\n',
        "notes.md cannot be written (Read-only file system)\n",
        ": 31\n",
        f'▶ reveal(answer="{secret}")  [sandbox workspace-ro]\n',
        f'» With it the model said: reveal {{"answer": "{secret}"}}\n',
        "» Clients that drop the reasoning get the second.\n",
        "3 steps: identical.\n",
    ):
        assert part in shown, f"{part!r} is missing in\n{shown}"
    assert re.search(r"» YES: all \d+ tokens of it, in the analysis channel, as tokens ", shown)
    exact = re.search(r"begins with the ([\d,]+) tokens of step 1's prompt and the (\d+)", shown)
    assert exact is not None
    where = re.search(r"as tokens (\d+) to (\d+) of (\d+)\.", shown)
    assert where is not None
    begin, end = int(exact[1]), int(exact[1]) + int(exact[2])
    assert begin < int(where[1]) < int(where[2]) < end < int(where[3])
    without = re.search(r"» Without it says: +(.+)", shown)
    assert without is not None
    assert secret not in without[1]
    assert re.search(r"» First token: \d+\.\d s after the question\.\n", shown)
    assert re.search(r"» Then [\d,]+ tokens/s: [\d,]+ in \d+\.\d s\.\n", shown)


def test_without_the_extra_it_says_which_one(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    done = typed("demo", TOOLRUN_BASE_URL="")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "toolrun: the embedded model needs the package numpy: pip install 'toolrun[embedded]'\n"
    )


def test_a_server_or_a_model_that_is_named_anywhere_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "toolrun.toml"
    file.write_text('effort = "low"\n')
    assert load_config(file, env={}, embedded=True).base_url == EMBEDDED
    assert load_config(file, env={}, embedded=True).effort == "low"
    assert load_config(file, env={}).base_url == "http://localhost:8000/v1"

    url = "http://localhost:8000/v1"
    file.write_text(f'base_url = "{url}"\n')
    assert load_config(file, env={}, embedded=True).base_url == url
    file.write_text("")
    for variable in ("TOOLRUN_BASE_URL", "TOOLRUN_MODEL"):
        assert load_config(file, env={variable: url}, embedded=True).base_url == url
    assert load_config(file, env={}, embedded=True, base_url=url).base_url == url
    assert load_config(file, env={}, embedded=True, model="gpt-oss").model == "gpt-oss"
    assert load_config(file, env={}, embedded=True, model="gpt-oss").base_url == url
