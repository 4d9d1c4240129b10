"""Fixtures of hw-sim's own tests."""

from __future__ import annotations

import pytest
from hw_sim.pytest_plugin import hw_sim_bank
from sim_host import Host

__all__ = ["hw_sim_bank"]


@pytest.fixture
def host() -> Host:
    """A generic modem on its network, registered, echo on."""
    return Host()
