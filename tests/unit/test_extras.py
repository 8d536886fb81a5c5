"""What does toolrun import that it need not, and what is said where an extra is missing?"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from toolrun.extras import has, need

ROOT = Path(__file__).parents[2]
OPTIONAL = (
    *("vllm", "openai_harmony", "quicktok", "litellm", "agents", "openai", "starlette", "uvicorn"),
    *("markdownify", "jsonschema_rs", "uvloop", "sandlock", "torch", "psycopg", "opentelemetry"),
    *("sqlalchemy", "alembic"),  # no extra: a store imports them when it is opened
)
_SESSION = """
import asyncio, sys
import toolrun
from toolrun import Runtime, Session, tool
from toolrun.testing import ScriptedModel

@tool(trusted=True)
async def hello() -> str:
    return "hello"

async def main():
    session = Session(base_url="http://127.0.0.1:9/v1", tools=[hello])
    async with Session(model=ScriptedModel("Hello."), tools=[hello]) as other:
        await other.ask("Hello?")

asyncio.run(main())
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
# The first use of each extra, and the module that it must not find.
USES = {
    "agents": ("agents", "import toolrun.integrations.agents"),
    "browser": ("markdownify", "from toolrun.tools.builtin import browser; browser()"),
    "embedded": (
        "numpy",
        "from toolrun.testing import nano\nnano()",
    ),
    "harmony": (
        "openai_harmony",
        "from toolrun.models.harmony.vocabulary import load\nload()",
    ),
    "otel": (
        "opentelemetry",
        "from toolrun.integrations.otel import OpenTelemetry\nOpenTelemetry()",
    ),
    "postgres": (
        "psycopg",
        "from toolrun.store.opening import open_store\nopen_store('postgresql://127.0.0.1/x')",
    ),
    "serve": ("starlette", "from toolrun.cli import main\nmain()"),
    "vllm": ("vllm", "from toolrun.models.harmony import vllm_terms\nvllm_terms.vllm()"),
}
WITHOUT = {
    "fast": "toolrun is slower without, and does the same",
    "sandlock": "another backend is taken, or SandboxUnavailable says which would do",
    "all": "all of them",
}
_BLOCKING = "import sys; sys.modules[{module!r}] = None; sys.argv[1:] = ['serve']\n"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_session_imports_no_extra(tmp_path: Path) -> None:
    (tmp_path / "session.py").write_text(_SESSION)  # tools have a file
    code = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_path('session.py')"
    done = run(code, tmp_path)

    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"toolrun", "msgspec"} <= loaded
    assert loaded.isdisjoint(OPTIONAL)


@pytest.mark.parametrize("extra", USES)
def test_a_missing_extra_is_named(extra: str, tmp_path: Path) -> None:
    module, use = USES[extra]
    done = run(_BLOCKING.format(module=module) + use, tmp_path)

    assert done.returncode != 0
    assert f"toolrun[{extra}]" in done.stderr


def test_each_extra_is_tried_or_said_why_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert set(project["optional-dependencies"]) == {*USES, *WITHOUT}


def test_what_an_extra_lacks_itself_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import nowhere_to_be_found")
    monkeypatch.syspath_prepend(tmp_path)

    assert has("half_installed")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        need("half_installed", "half", "this")
