"""Does direct sampling work by oss-harmony, which vLLM brings from 0.31 on, as by openai-harmony?

It runs in the environment of the newest server: the two libraries have one import name.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.rig.install import install
from tests.rig.versions import LATEST, REPOSITORY

if TYPE_CHECKING:
    from tests.rig.oracle import Oracle

SCRIPT = r"""
import json
from toolrun.events import AssistantMessage
from toolrun.models.harmony.parse import parse
from toolrun.models.harmony.render import Renderer
from toolrun.models.harmony.vocabulary import check_installed, load
from toolrun.transcript import ToolMessage
from toolrun.values import ToolCall

encoding = load()
renderer = Renderer(encoding)
called = AssistantMessage("I look.", "I think.", (ToolCall("1", "f", '{"a":1}'),))
headers = [
    "<|channel|>commentary to=functions.f <|constrain|>json",
    " to=functions.f<|channel|>commentary<|channel|>commentary<|constrain|>json",
    "<|channel|>commentaryto=functions.f<|constrain|>json",
    "<|channel|>commentary <|constrain|>json to=functions.f",
]
texts = [f"{header}<|message|>{{}}<|call|>" for header in headers]
print(json.dumps([
    check_installed(),
    encoding.decode(renderer.message(called, (), reasoning=True)),
    encoding.decode(renderer.message(ToolMessage("1", "f", "One."), (), reasoning=True)),
    [parse(encoding, encoding.encode(text, allowed_special="all")).calls[0].name for text in texts],
]))
"""


def test_it_renders_in_its_own_form_and_reads_the_same(oracle32: Oracle) -> None:
    assert oracle32.version == LATEST
    done = subprocess.run(
        [str(install(LATEST, print).python), "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    library, called, result, names = json.loads(done.stdout)

    assert library == "oss-harmony"
    assert called == (
        "<|start|>assistant<|channel|>analysis<|message|>I think.<|end|>"
        "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
        '{"a":1}<|call|>'
    )
    assert result == (
        "<|start|>functions.f<|channel|>commentary to=assistant<|message|>One.<|end|>"
    )
    assert names == ["f"] * 4
