"""With which words does an engine make a box, and what is its root made of? Without an engine.

`tests/security` runs real ones, where they are installed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import subprocess
import tarfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox import load_profile
from toolrun.sandbox.bubblewrap.arguments import PASSWD
from toolrun.sandbox.bubblewrap.privilege import Passage, Passages
from toolrun.sandbox.container import backend, rootfs
from toolrun.sandbox.container import engine as engines
from toolrun.sandbox.container.backend import Container
from toolrun.sandbox.container.engine import Engine
from toolrun.sandbox.hidden import Mask
from toolrun.sandbox.order import Bind, Order
from toolrun.sandbox.view import Folder, View, runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PODMAN = Engine("podman", "/usr/bin/podman", None, frozenset())
DOCKER = Engine("docker", "/usr/bin/docker", "runsc", frozenset({"memory", "pids"}))


def order(**fields: Any) -> Order:
    view = View((Folder("/tools", "dotted"),))
    return Order(**{"profile": load_profile("pure"), "view": view, "boot": b"boot", **fields})


def line(engine: Engine, made: Order) -> list[str]:
    return engines.arguments(engine, made, "box-1", "/sockets/1", ("ROOT",), ["/python"])


def values(said: list[str], option: str) -> list[str]:
    return [after for before, after in pairwise(said) if before == option]


def test_podman_is_told_all_that_bounds_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_real_root", lambda: True)
    made = order(
        masks=((Mask("/tools/.git", is_folder=True), Mask("/tools/.env", is_folder=False)),),
        binds=(Bind("/outside", "/inside", writable=True),),
    )

    said = line(PODMAN, made)

    assert said[:3] == ["/usr/bin/podman", "run", "--rm"]
    assert said[-1] == "ROOT"
    assert values(said, "--network") == ["none"]
    assert values(said, "--cap-drop") == ["all"]
    assert values(said, "--user") == ["1000:1000"]
    assert values(said, "--uidmap") == ["0:65531:1", "1000:65533:1"]
    assert {"/tools:/tools:ro", "/python:/python:ro", "/outside:/inside"} <= {
        *values(said, "--volume")
    }
    assert "/dev/null:/tools/.env:ro" in values(said, "--volume")
    assert "/tools/.git:ro,size=4096,mode=0111,notmpcopyup" in values(said, "--tmpfs")
    assert not {"--runtime", "--memory", "--pids-limit"} & set(said)


def test_a_user_is_himself_outside_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_real_root", lambda: False)

    assert values(line(PODMAN, order()), "--uidmap") == ["1000:0:1", "0:1:1"]


def test_docker_is_told_what_its_groups_hold() -> None:
    profile = msgspec.structs.replace(
        load_profile("pure"), workspace="scratch", memory_bytes=2**20, processes=4
    )

    said = line(DOCKER, order(profile=profile))

    assert values(said, "--runtime") == ["runsc"]
    assert values(said, "--user") == ["65533:65533"]
    assert values(said, "--memory") == [str(2**21)]
    assert values(said, "--pids-limit") == ["12"]
    scratch = next(each for each in values(said, "--tmpfs") if each.startswith("/work:"))
    assert scratch.endswith(f",nr_inodes={profile.inodes}")
    assert "--uidmap" not in said


@pytest.mark.parametrize("bind", [Bind("/a:b", "/c"), Bind("/a", "/b:c")])
def test_a_colon_would_end_a_path(bind: Bind) -> None:
    with pytest.raises(SandboxUnavailable, match="cannot see a path with a colon"):
        line(PODMAN, order(binds=(bind,)))


def test_the_first_engine_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"docker"}
    monkeypatch.setattr(
        "shutil.which", lambda name, path: f"/bin/{name}" if name in there else None
    )

    assert engines.find(None) == ("docker", "/bin/docker")
    with pytest.raises(SandboxUnavailable, match="no podman is installed"):
        engines.find("podman")
    there.clear()
    with pytest.raises(SandboxUnavailable, match="no podman and no docker is installed"):
        engines.find(None)
    assert Container("docker", "runsc").guarantees == engines.guarantees()


def podman(**host: Any) -> bytes:
    told = {"security": {"rootless": True}, "cgroupVersion": "v2", "cgroupControllers": None}
    return json.dumps({"host": {**told, **host}}).encode()


@pytest.mark.parametrize(
    ("name", "answer", "limits"),
    [
        ("podman", podman(), set()),
        ("podman", podman(cgroupControllers=["cpu", "pids"]), {"pids"}),
        ("podman", podman(cgroupControllers=["pids"], cgroupVersion="v1"), set()),
        ("docker", b'{"MemoryLimit": true, "PidsLimit": false}', {"memory"}),
    ],
)
def test_the_limits_that_an_engine_can_hold(name: Any, answer: bytes, limits: set[str]) -> None:
    assert engines._limits(name, answer) == limits


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"ServerErrors": ["no daemon", "no socket"]}', "no daemon; no socket"),
        (b'{"OperatingSystem": "Docker Desktop"}', "Docker Desktop runs containers in a virtual"),
    ],
)
def test_a_docker_that_is_none_is_refused(answer: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        engines._limits("docker", answer)


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("cannot connect to the docker daemon", "Start the Docker daemon"),
        ("newuidmap: not found", "package uidmap"),
        ("whatever", "Try the same by hand"),
    ],
)
def test_what_an_engine_says_has_a_remedy(said: str, fix: str) -> None:
    assert fix in Container().remedy(said)


def linked(name: str) -> str | None:
    return "usr/lib" if name == "lib" else None


def test_a_root_has_folders_links_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned: list[tuple[str, int, int]] = []
    monkeypatch.setattr(rootfs, "_link", linked)
    monkeypatch.setattr("os.chown", lambda path, *ids: owned.append((path.name, *ids)))

    rootfs.make_folder(tmp_path, None)
    assert owned == []

    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o755
    assert os.readlink(tmp_path / "lib") == "usr/lib"  # noqa: PTH115 - as it is written
    assert not (tmp_path / "lib64").exists()
    assert (tmp_path / "etc/passwd").read_bytes() == PASSWD

    (tmp_path / "second").mkdir()
    rootfs.make_folder(tmp_path / "second", 7)
    assert {("second", 7, 7), ("etc", 7, 7), ("passwd", 7, 7)} <= set(owned)


def test_an_image_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "_link", linked)

    with tarfile.open(fileobj=io.BytesIO(rootfs.archive())) as tar:
        assert tar.getmember("work").mode == 0o1777
        assert tar.getmember("usr").isdir()
        assert tar.getmember("lib").linkname == "usr/lib"
        assert "lib64" not in tar.getnames()
        passwd = tar.extractfile("etc/passwd")
        assert passwd is not None
        assert passwd.read() == PASSWD


def test_mount_points_are_made_where_none_is(tmp_path: Path) -> None:
    root, source = tmp_path / "root", tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("outside")
    (root / "there").mkdir(parents=True)

    rootfs.make_mount_points(
        root,
        [
            Bind(str(source), "/there"),
            Bind(str(source), "/deep/folder"),
            Bind(str(source / "file"), "/other/file"),
        ],
    )

    assert (root / "deep/folder").is_dir()
    assert (root / "other/file").read_text() == ""


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[list[str]]]:
    """Have docker answer with two statuses: of what is asked first, and of what comes then."""

    def answer(known: int, imported: int) -> list[list[str]]:
        asked: list[list[str]] = []

        def run(command: list[str], **_: Any) -> Any:
            asked.append(command[1:])
            status = known if command[1] == "image" else imported
            return subprocess.CompletedProcess(command, status, b"", b"no space \n")

        monkeypatch.setattr("subprocess.run", run)
        return asked

    return answer


def test_an_image_is_made_once(docker: Callable[[int, int], list[list[str]]]) -> None:
    asked = docker(0, 1)
    rootfs.make_image("/bin/docker", {})
    assert asked == [["image", "inspect", rootfs.IMAGE]]

    asked = docker(1, 0)
    rootfs.make_image("/bin/docker", {})
    assert asked[1:] == [["import", "-", rootfs.IMAGE]]

    docker(1, 1)
    with pytest.raises(SandboxUnavailable, match=r"docker import of an empty image: no space$"):
        rootfs.make_image("/bin/docker", {})


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Container]:
    """A `Container` whose engine has answered already."""

    def made(engine: Engine, *, root: bool = False) -> Container:
        async def ask(*_: object) -> Engine:
            return engine

        monkeypatch.setattr(engines, "find", lambda _: (engine.name, engine.program))
        monkeypatch.setattr(engines, "ask", ask)
        monkeypatch.setattr(backend, "is_real_root", lambda: root)
        monkeypatch.setattr(engines, "is_real_root", lambda: root)
        monkeypatch.setattr(rootfs, "make_image", lambda *_: None)
        monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / "made"))
        (tmp_path / "made").mkdir(exist_ok=True)
        return Container(engine.name)

    return made


@pytest.mark.parametrize("engine", [PODMAN, DOCKER], ids=lambda engine: engine.name)
async def test_a_relay_is_told_how_to_start_and_remove_a_box(
    engine: Engine, ready: Callable[..., Container], tmp_path: Path
) -> None:
    container = ready(engine)
    with contextlib.ExitStack() as give:
        for _ in range(2):  # the second finds the folder and the engine
            start = await container.start(order(), give)
            assert start.info is not None
            give.callback(os.close, start.info)
            give.callback(start.control.close)
        request = json.loads(os.read(start.inherit[0], 1 << 20))

    box = request["remove"][-1]
    assert request["remove"] == [engine.program, "rm", "--force", "--volumes", box]
    assert request["run"][:5] == [engine.program, "run", "--rm", "--name", box]
    assert request["socket"] == f"{tmp_path}/made/sockets/{box}"
    assert request["descriptors"] == list(start.inherit[1:3])
    assert start.command[-1] == str(start.inherit[0])
    assert (tmp_path / "made" / "root").exists() == (engine is PODMAN)
    assert (rootfs.IMAGE in request["run"]) == (engine is DOCKER)

    container.close()
    assert not (tmp_path / "made").exists()
    container.close()


async def test_only_the_podman_of_root_is_led_to_what_is_staged(
    ready: Callable[..., Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[frozenset[str]] = []

    async def get(_: object, paths: frozenset[str], __: str) -> Passage:
        asked.append(frozenset(paths))
        return Passage(("nsenter", "-S", "1", "--"), 9)

    monkeypatch.setattr(Passages, "get", get)
    container = ready(PODMAN, root=True)

    prefix = await container._prefix(PODMAN, order())

    assert prefix == ("nsenter", f"--mount=/proc/{os.getpid()}/fd/9", "--")
    assert {"/tools", *runtime().folders} == asked[0]
    assert await container._prefix(DOCKER, order()) == ()
    ready(PODMAN, root=False)
    assert await container._prefix(PODMAN, order()) == ()
    assert len(asked) == 1


def test_a_forked_process_leaves_the_folder(tmp_path: Path) -> None:
    container = Container("podman")
    container._folder, container._owner = tmp_path, os.getpid() + 1

    container.close()

    assert tmp_path.exists()
