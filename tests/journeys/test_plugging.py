"""Modems that are plugged in, pulled out, moved, renumbered and hung while messages wait: found again by themselves.

The daemon finds them as on any machine, from what the kernel shows of USB devices; here that is a folder of ours, in
which real ports stand. What became of the messages is judged from the air.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, arrived, befall, cli, numbers, on_air, told, until
from usb_bus import Bus

QUECTEL = "2c7c:0125"
AT = 2
"""The interface on which these devices answer AT."""
PLUGGED_TO_SENT_S = 10.0
"""What the design promises for a modem that is registered; on an idle machine it takes about a second."""


class Desk:
    """A daemon that discovers, a bus, and the bank whose ports are plugged in there."""

    def __init__(self, daemon: StartDaemon, bank: BankProcess, folder: Path) -> None:
        self.bank = bank
        self.bus = Bus(folder / "machine")
        self.modemd = daemon(None, "--discover")
        self.modemd.environ["MODEMD_MODEMS__ROOT"] = str(self.bus.root)
        self._sent: dict[str, str] = {}

    def plug(self, modem: int, place: str, tty: str, port: str = "") -> None:
        """A modem of the bank appears at a place of the bus."""
        self.bus.plug(place, QUECTEL, {AT: (tty, port or self.bank.ports[modem])})

    def start(self) -> Daemon:
        """The daemon, listening."""
        self.modemd.start()
        self.modemd.open_account()
        return self.modemd

    def submit(self, count: int) -> list[str]:
        """Messages to new recipients; their ids."""
        recipients = numbers(count, first=len(self._sent))
        made = self.modemd.send(recipients, "by hand")
        self._sent |= dict(zip(made, recipients, strict=True))
        return made

    def judged(self) -> Counter[str]:
        """The states of all messages; fails where one is lost or came twice."""
        air = self.bank.air()
        assert [place for place, count in on_air(air).items() if count > 1] == []
        came = Counter(found.to for found in arrived(air))
        listed = {message["id"]: message["state"] for message in self.modemd.messages()}
        assert listed.keys() == self._sent.keys()
        assert [one for one, state in listed.items() if state == "sent" and not came[self._sent[one]]] == []
        return Counter(listed.values())

    def modems(self) -> dict[str, dict[str, object]]:
        """What the status document says of each."""
        return {modem["name"]: modem for modem in self.modemd.status()["modems"]}


@pytest.fixture
def desk(hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path) -> Desk:
    """Two modems of a bank, of which none is plugged in yet."""
    return Desk(daemon, hw_sim_bank("--air", "0.1", modems=2), tmp_path)


def test_a_modem_that_is_plugged_in_sends_what_waits_within_seconds(desk: Desk) -> None:
    modemd = desk.start()
    assert modemd.status()["modems"] == []
    waiting = desk.submit(3)
    plugged = time.time()
    desk.plug(0, "1-1", "ttyUSB2")
    first = desk.bank.wait_for_air(1, PLUGGED_TO_SENT_S)[0]
    print(f"plugged in to first SMS on the air: {first.ended - plugged:.2f} s")
    assert first.ended - plugged < PLUGGED_TO_SENT_S
    assert modemd.settled(waiting) == {"sent": 3}
    assert desk.judged() == {"sent": 3}


def test_pulled_out_moved_and_renumbered_it_is_the_same_modem_and_no_message_is_lost(desk: Desk) -> None:
    desk.plug(0, "1-1", "ttyUSB2")
    modemd = desk.start()
    modemd.ready(1)
    [name] = desk.modems()
    modemd.settled(desk.submit(5))
    for place, tty in (("1-1", "ttyUSB2"), ("1-4", "ttyUSB10")):
        befall(desk.bank, 0, "unplug")
        desk.bus.unplug(next(iter((desk.bus.sysfs / "bus/usb/devices").iterdir())).name)
        until(lambda: desk.modems()[name]["state"] == "absent")
        waiting = desk.submit(5)
        befall(desk.bank, 0, "plug_in")
        desk.plug(0, place, tty)
        assert modemd.settled(waiting, 15) == {"sent": 5}
        assert desk.modems().keys() == {name}, "it keeps its name, and no ghost stays"
        assert str(desk.modems()[name]["port"]).endswith(tty)
    assert desk.judged() == {"sent": 15}
    assert desk.modems()[name]["sent"] == 15, "and its counts"


def test_pulled_out_with_a_message_on_the_air_holds_that_one_and_sends_the_rest(desk: Desk) -> None:
    desk.plug(0, "1-1", "ttyUSB2")
    modemd = desk.start()
    modemd.ready(1)
    befall(desk.bank, 0, "unplug", on="answer", times=1, seconds=0.5, first=False, other_path=True)
    sent = desk.submit(10)
    until(lambda: told(modemd.log, "modem.failed"))
    desk.bus.unplug("1-1")
    until(lambda: Path(desk.bank.folder / "modem2").exists())
    desk.plug(0, "1-1", "ttyUSB3", str(desk.bank.folder / "modem2"))
    assert modemd.settled(sent, 15) == {"sent": 9, "uncertain": 1}
    assert desk.judged() == {"sent": 9, "uncertain": 1}


def test_two_identical_sticks_are_told_apart_by_their_sims(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    same = '[[modem]]\nwhich = "all"\nimei = "490154203237518"\n'
    desk = Desk(daemon, hw_sim_bank("--air", "0.1", modems=2, scenario=same), tmp_path)
    desk.plug(0, "1-1", "ttyUSB0")
    desk.plug(1, "1-2", "ttyUSB1")
    modemd = desk.start()
    modemd.ready(2)
    names = {str(modem["port"])[-7:]: name for name, modem in desk.modems().items()}
    for modem, place in ((0, "1-1"), (1, "1-2")):
        befall(desk.bank, modem, "unplug")
        desk.bus.unplug(place)
    until(lambda: {modem["state"] for modem in desk.modems().values()} == {"absent"})
    for modem, place, tty in ((1, "1-1", "ttyUSB0"), (0, "1-2", "ttyUSB1")):
        befall(desk.bank, modem, "plug_in")
        desk.plug(modem, place, tty)
    modemd.ready(2)
    swapped = {str(modem["port"])[-7:]: name for name, modem in desk.modems().items()}
    assert swapped == {"ttyUSB0": names["ttyUSB1"], "ttyUSB1": names["ttyUSB0"]}, "each went with its SIM"
    assert modemd.settled(desk.submit(10)) == {"sent": 10}
    assert desk.judged() == {"sent": 10}
    assert len(told(modemd.log, "modem.same_imei")) >= 1


def test_one_that_hangs_until_it_is_replugged_keeps_its_message_and_delays_no_other(desk: Desk) -> None:
    desk.plug(0, "1-1", "ttyUSB0")
    desk.plug(1, "1-2", "ttyUSB1")
    modemd = desk.start()
    modemd.ready(2)
    befall(desk.bank, 0, "hang_after_ctrl_z", message=2)
    sent = desk.submit(20)
    until(lambda: modemd.states()["sent"] == 19)
    assert desk.judged() == {"sent": 19, "sending": 1}
    befall(desk.bank, 0, "unplug")
    desk.bus.unplug("1-1")
    assert modemd.settled(sent) == {"sent": 19, "uncertain": 1}
    befall(desk.bank, 0, "plug_in")
    desk.plug(0, "1-1", "ttyUSB4")
    modemd.ready(2)
    assert modemd.settled(desk.submit(10)) == {"sent": 10}
    assert desk.judged() == {"sent": 29, "uncertain": 1}


def test_a_stick_without_an_at_port_is_listed_with_its_cure(desk: Desk) -> None:
    desk.bus.plug("1-3", "12d1:14dc", {})
    modemd = desk.start()
    until(lambda: modemd.ask("modems")["unusable"])
    said = cli("modems", state_dir=modemd.state_dir).out
    assert "at 1-3" in said
    assert "HiLink" in said


def test_without_modems_and_without_usb_it_starts_quietly(daemon: StartDaemon, tmp_path: Path) -> None:
    modemd = daemon(None, "--discover")
    modemd.environ["MODEMD_MODEMS__ROOT"] = str(tmp_path / "nothing")
    modemd.start()
    assert modemd.status()["modems"] == []
    assert not [line for line in modemd.log.splitlines() if "WARNING" in line or "ERROR" in line]
    assert modemd.stop().code == 0


def test_a_daemon_with_simulated_modems_leaves_what_is_plugged_in_alone(
    daemon: StartDaemon, hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    bank = hw_sim_bank(modems=1)
    bus = Bus(tmp_path / "machine")
    bus.plug("1-1", QUECTEL, {AT: ("ttyUSB0", bank.ports[0])})
    modemd = daemon(None, "--simulate", "1", name="simulated")
    modemd.discovery = []
    modemd.environ["MODEMD_MODEMS__ROOT"] = str(bus.root)
    modemd.start()
    modemd.ready(1)
    assert [modem["name"] for modem in modemd.status()["modems"]] == ["modem0"]
    assert "plugged_in" not in modemd.log
    modemd.stop()
