"""The network, secrets, descriptors: what a process can hear and tell."""

from __future__ import annotations

from typing import Final

from tests.security.attack import Attacked, of, refused, sees, unseen
from tests.security.scene import VARIABLE

_REFUSED: Final = refused("ECONNREFUSED")
_NO_WAY: Final = refused("ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EADDRNOTAVAIL")
_NO: Final = refused("EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT")
_ROOT: Final = "outside, as root"


_network = of("network", "network")


_LEASED: Final = {"control": "outside", "without": "network"}
NETWORK: Final = (
    _network(
        "connect to the host's loopback",
        "connect",
        _REFUSED,
        arguments={"port": "{port}"},
        **_LEASED,
    ),
    _network(
        "the same by IPv6",
        "connect_v6",
        refused("ECONNREFUSED", "EAFNOSUPPORT", "ENETUNREACH"),
        arguments={"port": "{port}"},
        control="outside",
    ),
    _network(
        "ask a service by UDP",
        "send_datagram",
        refused("ECONNREFUSED", "ETIMEDOUT", "timed out"),
        arguments={"port": "{udp}"},
        **_LEASED,
    ),
    _network(
        "connect to an abstract socket of the host",
        "connect_abstract",
        _REFUSED,
        arguments={"name": "{abstract}"},
        **_LEASED,
    ),
    _network(
        "connect to a socket file of the host",
        "connect_path",
        refused("ENOENT"),
        arguments={"path": "{socket}"},
        control="outside",
        without="files",
    ),
    _network(
        "a public address", "connect_to", _NO_WAY, arguments={"address": "192.0.2.1", "port": 80}
    ),
    _network(
        "a cloud's metadata service",
        "connect_to",
        _NO_WAY,
        arguments={"address": "169.254.169.254", "port": 80},
    ),
    _network(
        "a private address", "connect_to", _NO_WAY, arguments={"address": "10.0.0.1", "port": 22}
    ),
    _network(
        "the address that stands for any",
        "connect_to",
        _REFUSED,
        arguments={"address": "0.0.0.0", "port": "{port}"},
        **_LEASED,
    ),
    _network(
        "tell everybody on the network",
        "broadcast",
        refused("ENETUNREACH", "EACCES"),
        arguments={"port": 9},
    ),
    _network("resolve a name", "resolve", refused("gaierror"), arguments={"name": "example.org"}),
    _network(
        "see the host's interfaces",
        "interfaces",
        sees(["lo"]),
        control="outside",
        works=lambda each: each.saw != ["lo"],
    ),
    _network("send raw packets", "raw", _NO, control=_ROOT),
    _network("listen to all packets", "packet", _NO, control=_ROOT),
    _network("set a route", "tell_route", refused("EPERM", "EACCES", "EAFNOSUPPORT")),
    _network(
        "talk to the host of a virtual machine",
        "virtual_machine_host",
        refused(
            "ENODEV",
            "EAFNOSUPPORT",
            "EPERM",
            "ECONNRESET",
            "ENETUNREACH",
            "EADDRNOTAVAIL",
            "EHOSTUNREACH",
            "timed out",
            "ETIMEDOUT",
        ),
    ),
    _network(
        "see the host's connections",
        "host_ports",
        lambda each: len(each.saw.splitlines()) == 1,
        **_LEASED,
        works=lambda each: len(each.saw.splitlines()) > 1,
    ),
)


_secret = of("secrets", "secrecy")


def _plain_environment(attacked: Attacked) -> bool:
    known = {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    return VARIABLE not in attacked.saw and {"PATH", "HOME"} <= set(attacked.saw) <= known


SECRETS: Final = (
    _secret(
        "its environment", "own_environment", unseen(), control="outside", without="environment"
    ),
    _secret(
        "which names the environment has",
        "names_of_environment",
        _plain_environment,
        control="outside",
        works=lambda each: VARIABLE in each.saw,
    ),
    _secret(
        "all environments and command lines",
        "environments",
        unseen(),
        control="outside",
        without="environment",
    ),
    _secret(
        "the first process's environment", "environment_of_first", unseen(), without="environment"
    ),
    _secret(
        "the environment of the process that runs boxes",
        "environment_of",
        refused("ENOENT"),
        arguments={"pid": "{parent}"},
        control="outside",
        works=lambda each: not each.saw.startswith("!"),
    ),
    _secret(
        "the memory of the processes above",
        "memory_of_parents",
        sees("nothing"),
        arguments={"backwards": "tercespot"},
    ),
    _secret(
        "the places where keys lie",
        "usual_places",
        sees([]),
        control="outside",
        works=lambda each: bool(each.saw),
    ),
    _secret("the modules of the process that runs boxes", "other_modules", sees([])),
    _secret("a socket of the user's key agent", "agent_socket", refused("ENOENT")),
)


_descriptor = of("descriptor leaks", alone=True)


def _four(attacked: Attacked) -> bool:
    return len(attacked.saw) == 4 and all(
        target.startswith(("pipe:", "/memfd:toolrun", "/dev/null"))
        for target in attacked.saw.values()
    )


DESCRIPTORS: Final = (
    _descriptor(
        "an inheritable descriptor of the host",
        "secrecy.inherited",
        sees([]),
        arguments={"path": "{canary}"},
        control="outside",
        works=lambda each: bool(each.saw),
    ),
    _descriptor("what else is open", "forgery.descriptors", _four),
    _descriptor(
        "what a program that it starts inherits",
        "secrecy.inherited_by_programs",
        lambda each: len(each.saw) == 4,
    ),  # ls's own
    _descriptor(
        "use up descriptors",
        "floods.open_descriptors",
        lambda each: each.saw["why"] == "EMFILE" and each.saw["started"] < 256,
        arguments={"limit": 600},
        without="rlimits",
    ),
    _descriptor(
        "a buffer larger than a user may have",
        "floods.enlarge_pipe",
        refused("EPERM", "ENOMEM", "EINVAL"),
        control="",
    ),
)
