"""One hall for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hall import Hall


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """Open, without modems."""
    hall = Hall(tmp_path)
    await hall.open()
    yield hall
    await hall.close()
