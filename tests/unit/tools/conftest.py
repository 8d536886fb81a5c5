"""Are the answers the same with and without jsonschema-rs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolrun.tools import fast_validation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["jsonschema-rs", "without"])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both ways to check arguments, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without":
            patch.setattr(fast_validation, "library", lambda: None)
        elif fast_validation.library() is None:
            pytest.skip("jsonschema-rs is not installed; the extra `fast` brings it")
        yield request.param
