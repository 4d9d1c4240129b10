"""Three hundred modems in one process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import arrived

MODEMS = 300


@pytest.mark.timeout(180)
def test_three_hundred_ports_work_in_one_process(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "1", modems=MODEMS)
    modemd = daemon(bank)
    modemd.begin(MODEMS, 90)
    recipients = [f"+48603{number:06}" for number in range(2 * MODEMS)]
    assert modemd.settled(modemd.send(recipients, "to three hundred", lane="bulk")) == {"sent": 2 * MODEMS}
    found = arrived(bank.air())
    assert sorted(message.to for message in found) == recipients
    by_modem = Counter(message.modem for message in found)
    assert len(by_modem) == MODEMS, "every one of them sends"
    assert max(by_modem.values()) <= 4, "and none does the others' work"
    assert len(list(Path(f"/proc/{modemd.pid}/fd").iterdir())) > MODEMS
    ended = modemd.stop()
    assert (ended.code, ended.seconds < 10) == (0, True)
