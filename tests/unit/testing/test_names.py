"""Are the public names of `toolrun.testing` complete, and cheap to import?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from toolrun import testing


def test_every_name_is_there() -> None:
    assert sorted(testing.__all__) == testing.__all__ == dir(testing)
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'scripted_model'"):
        testing.scripted_model  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_imports_no_session() -> None:
    code = "import sys, toolrun.testing; print('toolrun.session' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "False\n"
