"""database.url: what it may say, and what happens when nothing answers there."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemd.db import connect
from modemd.errors import ConfigError, StorageUnreachable


@pytest.mark.parametrize(
    "url",
    [
        "",
        "modemd.db",
        "sqlite://modemd.db",
        "sqlite:///",
        "sqlite://:memory:",
        "mysql://host/modemd",
        "postgresql:modemd",
    ],
)
def test_what_is_no_database_url_is_refused_with_its_cure(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "sqlite:///" in caught.value.cure


async def test_a_server_that_is_not_there_is_named_with_its_cure_and_without_the_password(tmp_path: Path) -> None:
    database = connect(f"postgresql://user:s3cret@/modemd?host={tmp_path}")
    with pytest.raises(StorageUnreachable) as caught:
        await database.open()
    assert caught.value.cure
    assert "s3cret" not in str(caught.value)
    await database.close()
