"""Is each version's dialect the one that its release speaks?"""

from __future__ import annotations

import pytest

from toolrun.models.dialects import BOTH, GENERIC, named, vllm


@pytest.mark.parametrize(
    ("version", "takes"),
    [
        ("0.10.1", False),
        ("0.10.1.1", False),
        ("0.10.2", False),
        ("0.11.0", False),
        ("0.11.2.dev3+gabc", False),
        ("0.12.0", False),
        ("0.13.0", True),
        ("v0.15.1", True),
        ("0.16.0", True),
        ("0.21.0rc1", True),
        ("0.22.0", True),
        ("0.28.0", True),
        ("0.32.0", True),
        ("0.33.0", True),
        ("1.0", True),
        ("dev", None),
    ],
)
def test_vllm_by_version(version: str, takes: bool | None) -> None:  # noqa: FBT001 - a table
    dialect = vllm(version)

    assert dialect.takes_reasoning is takes
    # 0.13 to 0.15 and 0.22 on read either name, 0.16 to 0.21 the one: both are sent.
    assert dialect.reasoning_out == BOTH == ("reasoning", "reasoning_content")
    assert dialect.tool_name
    assert dialect.name == f"vLLM {version}"


def test_what_is_not_vllm_gets_one_name() -> None:
    assert GENERIC.reasoning_out == ("reasoning",)
    assert GENERIC.takes_reasoning is None


@pytest.mark.parametrize("dialect", [GENERIC, vllm("0.12.0"), vllm("0.32.0")])
def test_a_dialect_is_found_again_by_its_name(dialect: object) -> None:
    assert named(dialect.name) == dialect  # type: ignore[attr-defined]
