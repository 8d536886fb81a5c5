"""Does bubblewrap make boxes where toolrun itself runs in a container, and what is said if not?"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolrun import resources
from toolrun.sandbox.container import rootfs
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.security, pytest.mark.load]

SCRIPT = """
import anyio
from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import Sandbox, load_profile

async def main():
    async with Sandbox(load_profile("pure"), backend="bubblewrap") as sandbox:
        print((await sandbox.run(["/bin/echo", "inside"], timeout=10)).stdout)

try:
    anyio.run(main)
except SandboxUnavailable as error:
    print(error)
"""


@pytest.fixture
def contained(tmp_path: Path) -> Callable[..., str]:
    """Run the script in a container of podman, with further options."""
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not installed")
    root = tmp_path / "root"
    root.mkdir()
    rootfs.make_folder(root, None)
    repository = Path(__file__).parents[2]
    shown = {*runtime().folders, "/usr", str(repository), sysconfig.get_path("purelib")}
    volumes = [part for path in sorted(shown) for part in ("--volume", f"{path}:{path}:ro")]

    def run(*options: str) -> str:
        name = f"toolrun-test-{secrets.token_hex(8)}"
        command = [
            *(podman, "run", "--rm", "--name", name, "--network", "none", "--log-driver", "none"),
            *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--pull", "never"),
            *volumes,
            *options,
            *("--rootfs", str(root), sys.executable, "-c", SCRIPT),
        ]
        for runtime_ in ((), ("--runtime", "runc")):
            done = subprocess.run(
                [*command[:2], *runtime_, *command[2:]],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout
        pytest.skip(f"podman runs no container here: {done.stderr.strip()[:300]}")

    return run


def test_with_the_profile_that_ships(contained: Callable[..., str], tmp_path: Path) -> None:
    profile = tmp_path / "seccomp.json"
    profile.write_text(resources.container_seccomp())
    seccomp = ("--security-opt", f"seccomp={profile}")

    assert contained(*seccomp, "--security-opt", "unmask=ALL") == "b'inside\\n'\n"
    assert "unmask=ALL" in contained(*seccomp)


def test_without_it_the_message_names_it(contained: Callable[..., str]) -> None:
    assert "toolrun sandbox seccomp" in contained("--security-opt", "unmask=ALL")
