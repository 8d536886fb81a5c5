"""What do several modules of integration tests share?"""

from __future__ import annotations

import pytest

from tests.integration import conversations
from tests.integration.said import Said


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What each way made of the conversations, and the traces of it."""
    workspace = tmp_path_factory.mktemp("workspace")
    for folder in (workspace, *workspace.parents[:2]):
        folder.chmod(0o755)
    return Said(conversations.prepare(workspace), tmp_path_factory.mktemp("traces"))
