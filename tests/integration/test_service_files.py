"""Do the deployment files of docs/examples/service hold together? Does the sandbox work in them?

There is no Docker, Kubernetes or systemd here: what can be is read and compared; and a worker runs
in a container of podman with the rights that the compose file gives it.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest
import yaml
from agent_service.settings import PREFIX, Settings, load_settings

from tests.integration.serviced import EXAMPLE, KEYS, ROOT, Client
from tests.rig.mock import Call, Step
from toolrun import resources
from toolrun.sandbox.container import rootfs
from toolrun.sandbox.view import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer

SERVES: Final = ROOT / "docs" / "how-to" / "serve-gpt-oss.md"
CONTAINS: Final = ROOT / "docs" / "how-to" / "run-in-a-container.md"
UID: Final = 10001


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())
    return found


def cluster() -> dict[str, Any]:
    files = yaml.safe_load_all((EXAMPLE / "kubernetes.yaml").read_text())
    return {each["kind"]: each for each in files}


def settings_of(env: dict[str, str]) -> Settings:
    filled = {name: re.sub(r"\$\{(\w+)[^}]*\}", r"\1", value) for name, value in env.items()}
    return load_settings(filled)[0]


def test_the_model_is_served_with_the_flags_of_the_docs() -> None:
    served = compose()["services"]["vllm"]
    command = shlex.join([*served["entrypoint"], *served["command"]])
    says = SERVES.read_text()

    [documented] = re.findall(r"^\$ (vllm serve .*)$", says, re.MULTILINE)
    for word in shlex.split(documented.replace("--tool-call-parser ", "--tool-call-parser=")):
        assert word in shlex.split(command)
    for flag in re.findall(r"--[\w-]+", command):
        assert flag in says
    for variable in served["environment"]:
        assert variable in says
    version = served["image"].rpartition(":v")[2]
    assert f"Tested here: {version}" in says
    [device] = served["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def test_compose_gives_a_worker_what_the_sandbox_needs_and_no_more() -> None:
    service = compose()["services"]["service"]
    [documented] = re.findall(r"^docker run (.*) IMAGE$", CONTAINS.read_text(), re.MULTILINE)
    wanted = {word for word in shlex.split(documented) if not word.startswith("--")}

    assert wanted <= {each.replace("./", "") for each in service["security_opt"]}
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert service["read_only"]
    settings = settings_of(service["environment"])
    assert settings.drain_seconds < int(service["stop_grace_period"].removesuffix("s")) - 5
    assert service["deploy"]["replicas"] == 2
    assert set(service["depends_on"]) == {"postgres", "vllm"}


def test_kubernetes_gives_a_worker_what_the_sandbox_needs_and_no_more() -> None:
    objects = cluster()
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    security = container["securityContext"]

    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert spec["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert spec["securityContext"]["runAsNonRoot"]
    # The API server refuses the one without the other.
    assert (security["procMount"], spec["hostUsers"]) == ("Unmasked", False)
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["allowPrivilegeEscalation"] is False
    assert "privileged" not in security
    env = {each["name"]: each.get("value", "sqlite:///a.db") for each in container["env"]}
    settings = settings_of(env)
    assert settings.drain_seconds < spec["terminationGracePeriodSeconds"] - 5
    # Kubernetes' own SERVICE_* variables would be refused as unknown.
    assert spec["enableServiceLinks"] is False
    [port] = container["ports"]
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    for kind, path in (
        ("startupProbe", "live"),
        ("livenessProbe", "live"),
        ("readinessProbe", "ready"),
    ):
        assert container[kind]["httpGet"] == {"path": f"/health/{path}", "port": port["name"]}
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for each in (
        objects["Service"]["spec"]["selector"],
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert each.items() <= labels.items()
    mounts = {each["name"] for each in container["volumeMounts"]}
    assert mounts == {each["name"] for each in spec["volumes"]}
    assert {each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each} == {
        objects["Secret"]["metadata"]["name"]
    }


def test_the_image_has_what_it_copies_and_no_root() -> None:
    text = (EXAMPLE / "Dockerfile").read_text().replace("\\\n", " ")
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] not in "# "]

    for name, rest in steps:
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
    allowed = (EXAMPLE / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        source
        for name, rest in steps
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    shown = [line[1:] for line in allowed if line.startswith("!")]
    assert all(
        any(source == each or source.startswith(f"{each}/") for each in shown) for source in copied
    )
    assert [rest for name, rest in steps if name == "USER"] == [f"{UID}:{UID}"]
    [entry] = [json.loads(rest) for name, rest in steps if name == "ENTRYPOINT"]
    assert entry == ["python", "-m", "agent_service"]
    env = dict(pair.split("=") for name, rest in steps if name == "ENV" for pair in rest.split())
    known = {f"{PREFIX}{field.upper()}" for field in Settings.__struct_fields__}
    assert {name for name in env if name.startswith(PREFIX)} <= known


@pytest.mark.load
def test_a_wheel_comes_of_what_the_image_copies(tmp_path: Path) -> None:
    first = (EXAMPLE / "Dockerfile").read_text().split("\nFROM ")[1]
    for line in first.splitlines():
        if line.startswith("COPY"):
            *sources, target = line.split()[1:]
            for source in sources:
                here = ROOT / source
                if here.is_dir():
                    shutil.copytree(here, tmp_path / target)
                else:
                    shutil.copy(here, tmp_path / target)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]

    subprocess.run([*command, "--wheel-dir", "wheels", "."], cwd=tmp_path, check=True, timeout=100)

    [wheel] = (tmp_path / "wheels").glob("toolrun-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {"toolrun/_shipped/sandboxes/pure.toml", "toolrun/store/store.py"} <= names


def test_the_requirements_are_those_that_are_tested() -> None:
    wanted = (EXAMPLE / "requirements.txt").read_text()
    for line in wanted.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[\w.\[\]-]+>=[\d.]+", line)
    pins = (ROOT / "requirements-dev.txt").read_text().lower().replace("_", "-")
    for name in re.findall(r"^([\w.-]+)", wanted, re.MULTILINE):
        assert f"\n{name.replace('_', '-')}==" in pins


def test_the_unit_leaves_the_sandbox_its_namespaces(tmp_path: Path) -> None:
    text = (EXAMPLE / "agent-service.service").read_text()
    set_ = dict(
        line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] not in "#["
    )

    assert not set_.keys() & {
        *("RestrictNamespaces", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc"),
        *("SystemCallFilter", "ProcSubset"),
    }
    assert float(set_["TimeoutStopSec"]) > Settings().drain_seconds + 5
    if (verify := shutil.which("systemd-analyze")) is not None:
        # What it starts is not installed here; all else it looks at.
        unit = tmp_path / "agent-service.service"
        unit.write_text(text.replace("/opt/agent-service/venv/bin/python", sys.executable))
        checked = subprocess.run(
            [verify, "--man=no", "verify", unit],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert checked.stderr == ""


@pytest.fixture
def contained(tmp_path: Path, mock: MockServer) -> Iterator[str]:
    """The URL of a worker in a container of podman, with the rights of the compose file."""
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not installed")
    service = compose()["services"]["service"]
    root = tmp_path / "root"
    root.mkdir()
    rootfs.make_folder(root, None)
    (tmp_path / "seccomp.json").write_text(resources.container_seccomp())
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    shown = {*runtime().folders, "/usr", str(ROOT), sysconfig.get_path("purelib")}
    volumes = [part for path in sorted(shown) for part in ("--volume", f"{path}:{path}:ro")]
    # podman's word for docker's systempaths=unconfined is another.
    security = [
        each.replace("./toolrun-seccomp.json", str(tmp_path / "seccomp.json"))
        .replace("systempaths=unconfined", "unmask=ALL")
        .replace("no-new-privileges:true", "no-new-privileges")
        for each in service["security_opt"]
    ]
    env = {
        "PYTHONPATH": f"{ROOT}:{EXAMPLE}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TOOLRUN_STORE": "sqlite:////data/agents.db",
        "TOOLRUN_BASE_URL": mock.url,
        "SERVICE_PORT": "0",
        "SERVICE_KEYS": f"acme {KEYS['acme']}",
    }
    name = f"toolrun-test-{secrets.token_hex(8)}"
    options = [
        *("run", "--rm", "--name", name, "--network", "host", "--log-driver", "none"),
        *("--pull", "never", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"),
        *volumes,
        *("--volume", f"{tmp_path / 'data'}:/data"),
        *(part for each in security for part in ("--security-opt", each)),
        *(part for each in service["cap_drop"] for part in ("--cap-drop", each)),
        *(part for each in service["tmpfs"] for part in ("--tmpfs", each)),
        *("--read-only", "--user", f"{UID}:{UID}"),
        *(part for key, value in env.items() for part in ("--env", f"{key}={value}")),
        *("--rootfs", str(root), sys.executable, "-m", "agent_service"),
    ]
    for engine in ([podman], [podman, "--runtime", "runc"]):
        log = tmp_path / "log"
        with (
            log.open("w") as err,
            subprocess.Popen(
                [*engine, *options], stdout=subprocess.PIPE, stderr=err, text=True
            ) as process,
        ):
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                continue
            yield url
            process.terminate()  # podman passes it on
            assert process.wait(60) == 0, log.read_text()
            return
    pytest.skip(f"podman runs no container here: {log.read_text()[-600:]}")


@pytest.mark.load
@pytest.mark.security
def test_the_sandbox_works_in_the_workers_container(contained: str, mock: MockServer) -> None:
    marker = mock.script(
        Step("I work it out.", tool_calls=(Call("calculate", '{"expression":"6*7"}'),)),
        Step("There.", "It is 42."),
        name="sum",
    )
    with Client(contained, KEYS["acme"]) as client:
        session = client.new()
        heard = client.until(session, "TurnFinished", client.ask(session, marker))
        ready = httpx2.get(f"{contained}/health/ready", trust_env=False).json()

    [outcome] = [event for _, event in heard if event["type"] == "ToolCallFinished"]
    assert (outcome["outcome"], outcome["content"]) == ("ok", "42.0")
    assert ready["status"] == "ok"
