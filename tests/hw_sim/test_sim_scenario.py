"""Scenario files, live control, phones and devices: a bank as its user meets it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hw_sim.air_log import AirEntry
from hw_sim.carrier import CarrierPlan
from hw_sim.control import ControlError, ask
from hw_sim.fault_kinds import kinds
from hw_sim.network import Radio
from hw_sim.phone import Phone
from hw_sim.profile import profile_names
from hw_sim.pytest_plugin import BankProcess, StartBank
from hw_sim.scenario import BadScenario, ModemPlan, Scenario, make_scenario
from hw_sim.service_centre import Recipient, ServicePlan
from test_sim_bank import open_port, read_until, send


def hw_sim(*arguments: str, expect: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "hw_sim", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout if expect == 0 else done.stderr


def ask_port(path: str, command: str) -> bytes:
    port = open_port(path)
    os.write(port, command.encode() + b"\r")
    said = read_until(port, b"OK\r\n")
    os.close(port)
    return said


def wait_for(path: Path, *, there: bool, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while path.is_symlink() is not there:
        assert time.monotonic() < deadline, f"{path} never {'came' if there else 'went'}"
        select.select([], [], [], 0.01)


def test_a_scenario_sets_makes_sims_network_and_faults(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(
        modems=2,
        scenario="""
        seed = 7
        [radio]
        air = 0.05
        [[modem]]
        which = 1
        personality = "huawei-e173"
        last_mr = 199
        [[fault]]
        name = "cms_error"
        modem = 0
        message = 2
        code = 21
        """,
    )
    assert b"Model: E173" in ask_port(bank.ports[1], "ATI")
    zero, one = (open_port(path) for path in bank.ports)
    assert b"+CMGS: 200" in send(one)
    assert b"+CMGS: 0" in send(zero)
    os.write(zero, b"AT+CMGS=18\r")
    read_until(zero, b"> ")
    os.write(zero, b"0001000B918405214365F7000005E8329BFD06\x1a")
    read_until(zero, b"+CMS ERROR: 21\r\n")
    assert sorted((entry.modem, entry.outcome, entry.cause) for entry in bank.air()) == [
        *((0, "accepted", None), (0, "rejected", 21), (1, "accepted", None)),
    ]


def test_the_command_line_outdoes_the_scenario(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--personality", "quectel-ec25", modems=2, scenario='modems = 1\npersonality = "huawei-e173"')
    assert b"EC25" in ask_port(bank.ports[1], "AT+CGMM")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = 1", "the top knows no 'colour'"),
        ("[radio]\nair = 1\nwater = 2", "[radio] knows no 'water'"),
        ("[[modem]]\nwhich = 9", 'say "all", or numbers from 0 to 3'),
        ('[[fault]]\nname = "hnag"', "no fault 'hnag'"),
        ("[[fault]]\nat = 3", "without a name"),
        ('personality = "nokia"', "no personality 'nokia'"),
        ("= 1", "scenario.toml: Invalid"),
        ("modem = 3", "modem is a list of tables: write [[modem]]"),
        ("radio = 3", "[radio] is a table"),
        ('[radio]\nair = "x"', "[radio] air cannot be 'x': it is a number"),
        ("modems = true", "modems cannot be True: it is a whole number"),
        ("modems = 0", "more than 0"),
        ("[radio]\nair = nan", "it is a number"),
        ("[[modem]]\npin = 1234", "[[modem]] pin cannot be 1234: it is text in quotes"),
        ("[[modem]]\nsettings = { colour = 1 }", "knows no 'colour'"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_in_one_line_that_says_what_can(
    tmp_path: Path, text: str, told: str
) -> None:
    script = tmp_path / "scenario.toml"
    script.write_text(text)
    said = hw_sim("--dir", str(tmp_path / "ports"), "--scenario", str(script), expect=2)
    assert told in said
    assert len(said.splitlines()) == 1


def test_the_same_seed_makes_the_same_chances() -> None:
    def outcomes(seed: int) -> list[bool]:
        from sim_host import Host

        host = Host(seed=seed, fault=[{"name": "cms_error", "code": 42, "rate": 0.5}], radio={"jitter": 0.5})
        host.write(b"ATE0\r")
        return [b"ERROR" in host.send() for _ in range(40)]

    assert outcomes(1) == outcomes(1)


def test_later_tables_outdo_earlier_ones_and_tcp_ports_count_up() -> None:
    scenario = make_scenario(
        {"modems": 3, "modem": [{"which": "all", "pin": "1"}, {"which": [1, 2], "pin": "2", "tcp": 5000}]}
    )
    plans = [scenario.plan_of(index) for index in range(3)]
    assert [(plan.pin, plan.tcp) for plan in plans] == [("1", None), ("2", 5000), ("2", 5001)]
    with pytest.raises(BadScenario):
        make_scenario({"modems": 1, "fault": [{"name": "hang", "modem": [0, 1]}]})


def test_a_modem_on_tcp_takes_one_host_at_a_time(hw_sim_bank: StartBank) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number = probe.getsockname()[1]
    bank = hw_sim_bank(modems=1, scenario=f"[[modem]]\nwhich = 0\ntcp = {number}")
    assert not Path(bank.ports[0]).is_symlink()
    first = socket.create_connection(("127.0.0.1", number), timeout=10)
    first.sendall(b"ATE0\r")
    assert first.recv(100)
    with first, socket.create_connection(("127.0.0.1", number), timeout=10) as second:
        second.sendall(b"AT\r")
        assert second.recv(100) == b"\r\nOK\r\n"
        with contextlib.suppress(ConnectionResetError):
            first.recv(100)
            assert first.recv(100) == b""


def test_unplugging_ends_the_port_and_the_device_comes_back_where_it_was_or_elsewhere(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--personality", "huawei-e173", "--speed", "20", modems=2)
    here, elsewhere = Path(bank.ports[0]), bank.folder / "modem2"
    port = open_port(str(here))
    hw_sim("do", str(bank.folder), "modem0", "unplug", "seconds=4")
    wait_for(here, there=False)
    with contextlib.suppress(OSError):
        assert os.read(port, 100) == b""
    wait_for(here, there=True)
    again = open_port(str(here))
    read_until(again, b"^MODE:3,3\r\n")
    hw_sim("do", str(bank.folder), "modem0", "unplug")
    wait_for(here, there=False)
    hw_sim("do", str(bank.folder), "modem0", "plug_in", "other_path=true")
    wait_for(elsewhere, there=True)
    assert not here.is_symlink()
    bank.strike("modem0", "plug_in")  # it is in: nothing happens
    assert elsewhere.is_symlink()


def test_a_port_may_vanish_after_ctrl_z_with_the_message_on_the_air(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0.1", modems=1)
    bank.strike("modem0", "unplug", on="submit", message=1)
    port = open_port(bank.ports[0])
    os.write(port, b"AT+CMGS=18\r")
    read_until(port, b"> ")
    os.write(port, b"0001000B918405214365F7000005E8329BFD06\x1a")
    assert [(entry.outcome, entry.cause) for entry in bank.wait_for_air(1)] == [("lost_answer", "unplug")]


def test_the_port_may_vanish_at_a_byte(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0", modems=1)
    bank.strike("modem0", "unplug", byte=7)
    port = open_port(bank.ports[0])
    os.write(port, b"AT\r")
    wait_for(Path(bank.ports[0]), there=False)
    bank.strike("all", "signal", rssi="9")


def test_a_reset_takes_a_sticks_port_away_for_a_moment(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--personality", "huawei-e173", modems=1)
    here = Path(bank.ports[0])
    port = open_port(str(here))
    os.write(port, b"AT+CFUN=1,1\r")
    wait_for(here, there=False)
    wait_for(here, there=True)
    os.close(port)
    again = open_port(str(here))
    read_until(again, b"^BOOT:91409020,0,0,0,6\r\n")


def test_all_interfaces_may_be_shown_and_only_one_is_usable(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--personality", "simcom-sim7600", "--all-ports", "--speed", "100", modems=1)
    names = sorted(path.name for path in bank.folder.iterdir())
    assert names == ["control", "modem0", *(f"modem0.if{number:02d}" for number in range(5))]
    assert os.path.realpath(bank.folder / "modem0.if02") == os.path.realpath(bank.ports[0])
    assert ask_port(str(bank.folder / "modem0.if03"), "AT+CGMM").endswith(b"SIMCOM_SIM7600G-H\r\n\r\nOK\r\n")
    gps = open_port(str(bank.folder / "modem0.if01"))
    assert read_until(gps, b"*53\r\n").startswith(b"$GP")
    silent = open_port(str(bank.folder / "modem0.if00"))
    os.write(silent, b"AT\r")
    assert select.select([silent], [], [], 0.2)[0] == []
    second = open_port(str(bank.folder / "modem0.if03"))
    os.write(second, b"AT+CMGS=18\r")
    read_until(second, b"+CMS ERROR: SMS service of ME reserved\r\n")


@pytest.fixture
def sent(hw_sim_bank: StartBank) -> Iterator[BankProcess]:
    bank = hw_sim_bank("--air", "0", modems=2)
    port = open_port(bank.ports[1])
    send(port)
    yield bank
    os.close(port)


def test_a_phone_shows_what_it_has_received(sent: BankProcess) -> None:
    shown = hw_sim("phone", "+48 501 234 567", "--air-log", str(sent.air_log))
    assert shown.endswith("  modem1  hello\n")
    assert hw_sim("phone", "+48501234568", "--air-log", str(sent.air_log)) == ""


def test_a_phone_shows_what_it_can_on_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "air.jsonl"
    entry = AirEntry(1.0, 0, 0, "+48501234567", "Zażółć", 1, 1, None, 0.5, 1.0, "accepted", None)
    file.write_text(json.dumps(asdict(entry)) + "\n")
    command = [sys.executable, "-m", "hw_sim", "phone", "+48501234567", "--air-log", str(file)]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert done.stdout.decode("latin-1").endswith("  modem0  Za?ó??\n")


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no air log"), ("[]\n", "no hw-sim has written"), ("{\n", "no hw-sim has")]
)
def test_a_phone_says_what_is_no_air_log(tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "air.jsonl"
    if content is not None:
        file.write_text(content)
    said = hw_sim("phone", "+48501234567", "--air-log", str(file), expect=1)
    assert said.startswith("hw-sim: ")
    assert told in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [[], ["phone"], ["fly"], ["--dir", "x", "--speed", "nan"], ["do", "x", "y", "z", "w"]]
)
def test_wrong_usage_is_one_line_that_says_where_help_is(words: list[str]) -> None:
    said = hw_sim(*words, expect=2)
    assert len(said.splitlines()) == 1
    assert "--help" in said


def test_a_phone_shows_messages_as_they_arrive(hw_sim_bank: StartBank, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hw_sim", "phone", "48501234567", "--follow", "--air-log"]
    command.append(str(tmp_path / "bank0" / "air.jsonl"))
    (tmp_path / "bank0").mkdir()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as phone:
        bank = hw_sim_bank("--air", "0", modems=1)
        port = open_port(bank.ports[0])
        for _ in range(2):
            send(port)
            assert phone.stdout is not None
            assert phone.stdout.readline().endswith("modem0  hello\n")
        phone.terminate()


def test_a_phone_replies_to_the_modem_that_last_sent_to_it(sent: BankProcess) -> None:
    port = open_port(sent.ports[1])
    os.write(port, b"AT+CNMI=2,1,0,0,0\r")
    read_until(port, b"OK\r\n")
    assert hw_sim("reply", "+48501234567", "thank you", "--dir", str(sent.folder)) == "to modem1\n"
    read_until(port, b'+CMTI: "SM",1\r\n')
    assert "nobody to reply to" in hw_sim("reply", "+1", "hi", "--dir", str(sent.folder), expect=1)


def test_one_can_look_into_a_modem_and_find_what_was_deleted(sent: BankProcess) -> None:
    hw_sim("do", str(sent.folder), "modem0", "receive", "text=secret")
    ask_port(sent.ports[0], "AT+CMGD=1")
    (seen,) = [json.loads(line) for line in hw_sim("look", str(sent.folder), "modem0").splitlines()]
    assert (seen["phase"], seen["registration"], seen["storages"]["SM"]["used"]) == ("command", "home", 0)
    assert "f3f2585ea603" in seen["storages"]["SM"]["octets"]


def test_faults_can_be_ended(sent: BankProcess) -> None:
    hw_sim("do", str(sent.folder), "all", "silent", "command=+CSQ")
    hw_sim("end", str(sent.folder), "all", "silent")
    assert b"+CSQ: 21,99" in ask_port(sent.ports[0], "AT+CSQ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["do", "modem7", "hang"], "no modem 'modem7': there are modem0 to modem1, and all"),
        (["do", "modem0", "hnag"], "no fault 'hnag'"),
        (["end", "modem0", "hnag"], "no fault 'hnag'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(sent: BankProcess, arguments: list[str], told: str) -> None:
    verb, modem, fault = arguments
    assert told in hw_sim(verb, str(sent.folder), modem, fault, expect=1)


def test_a_second_bank_in_the_same_folder_is_refused_and_a_dead_ones_socket_is_not_in_the_way(
    hw_sim_bank: StartBank,
) -> None:
    bank = hw_sim_bank(modems=1)
    assert "another hw-sim runs in" in hw_sim("--dir", str(bank.folder), expect=1)
    assert b"OK" in ask_port(bank.ports[0], "AT")
    bank.kill()
    with pytest.raises(ControlError, match="no hw-sim runs in"):
        ask(bank.folder, {"verb": "look", "modem": "all"})
    bank.start()
    assert b"OK" in ask_port(bank.ports[0], "AT")


def test_help_and_lists_are_there() -> None:
    assert "--scenario" in hw_sim("--help")
    assert "hang_after_ctrl_z" in hw_sim("faults")
    assert "huawei-e173" in hw_sim("personalities")
    assert "--dir" in hw_sim(expect=2)


def test_a_phone_joins_segments_whatever_their_order_and_leaves_out_what_was_rejected() -> None:
    def entry(part: int, text: str, outcome: str = "accepted") -> AirEntry:
        return AirEntry(1.0, 0, part, "+48501", text, part, 2, 9, 0.5, 1.0, outcome, None)

    phone = Phone("48501")
    assert list(phone.receive([entry(2, "\ude00!"), entry(1, "x", "rejected")])) == []
    assert [message.text for message in phone.receive([entry(1, "a\ud83d")])] == ["a😀!"]


def test_the_same_imei_may_be_in_two_modems(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=2, scenario='[[modem]]\nwhich = "all"\nimei = "490154203237518"')
    assert all(b"490154203237518" in ask_port(path, "AT+CGSN") for path in bank.ports)


def test_a_modem_may_be_switched_on_with_the_bank_or_not_be_there_yet(hw_sim_bank: StartBank) -> None:
    tables = """
    personality = "quectel-ec25"
    speed = 10.0
    [[modem]]
    which = 0
    cold = true
    [[modem]]
    which = 1
    absent = true
    [[modem]]
    which = 2
    settings = { echo = false, cmgf = 1 }
    """
    bank = hw_sim_bank(modems=3, scenario=tables)
    port = open_port(bank.ports[0])
    assert b"+CPIN: READY" in read_until(port, b"+QIND: PB DONE\r\n")
    assert not Path(bank.ports[1]).is_symlink()
    bank.strike("modem1", "plug_in")
    wait_for(Path(bank.ports[1]), there=True)
    assert ask_port(bank.ports[2], "AT+CMGF?") == b"\r\n+CMGF: 1\r\n\r\nOK\r\n"


def test_the_fixture_shows_what_phones_and_modems_hold(sent: BankProcess) -> None:
    assert sent.received("+48 501 234 567") == ["hello"]
    assert sent.reply("+48501234567", "yes") == "modem1"
    assert sent.look("modem1")["storages"]["SM"]["used"] == 1
    sent.strike("modem1", "silent", command="+CSQ", for_=60)
    sent.end("modem1", "silent")
    assert b"+CSQ" in ask_port(sent.ports[1], "AT+CSQ")


def test_a_bank_that_cannot_write_its_air_log_ends_saying_so(hw_sim_bank: StartBank) -> None:
    """A simulator that goes on without recording would lie."""
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there to stand for a full disk")
    bank = hw_sim_bank("--air", "0", "--air-log", "/dev/full", modems=1)
    port = open_port(bank.ports[0])
    os.write(port, b"AT+CMGS=18\r")
    read_until(port, b"> ")
    os.write(port, b"0001000B918405214365F7000005E8329BFD06\x1a")
    wait_for(Path(bank.ports[0]), there=False)
    assert bank.wait() == 1


def test_a_file_that_is_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "modem0").write_text("precious")
    assert "modem0 is in the way" in hw_sim("--dir", str(tmp_path), expect=1)
    assert (tmp_path / "modem0").read_text() == "precious"


def test_the_documentation_names_every_fault_personality_and_scenario_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hw-sim.md").read_text("utf-8")
    tables = (Scenario, Radio, ServicePlan, Recipient, CarrierPlan, ModemPlan)
    keys = {entry.name for table in tables for entry in fields(table)} - {"plans", "recipients", "faults"}
    assert {name for name in {*kinds(), *profile_names(), *keys} if f"`{name}`" not in page} == set()
