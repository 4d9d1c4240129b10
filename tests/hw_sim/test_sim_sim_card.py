"""The SIM: PIN and PUK counters, what they forbid, and what survives a restart."""

from __future__ import annotations

import pytest
from hw_sim.sim_card import SimCard, luhn
from sim_host import HELLO, Host, lines_of


@pytest.fixture
def locked() -> Host:
    host = Host(modem=[{"which": 0, "pin": "4711"}])
    host.write(b"ATE0\rAT+CMEE=1\r")
    host.read()
    return host


def test_without_its_pin_a_modem_neither_registers_nor_sends(locked: Host) -> None:
    assert locked.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert locked.ask("AT+CREG?")[0] == "+CREG: 0,0"
    assert locked.ask("AT+CMGS=18") == ["+CMS ERROR: 311"]
    assert locked.ask("AT+CIMI") == ["+CME ERROR: 11"]


def test_the_right_pin_opens_it(locked: Host) -> None:
    assert locked.ask('AT+CPIN="4711"') == ["OK"]
    locked.wait(2)
    assert locked.ask("AT+CREG?")[0] == "+CREG: 0,1"
    assert b"+CMGS: 0" in locked.send(HELLO)


def test_three_wrong_pins_want_the_puk_and_a_restart_does_not_help(locked: Host) -> None:
    answers = [locked.ask('AT+CPIN="0000"')[0] for _ in range(3)]
    assert answers == ["+CME ERROR: 16", "+CME ERROR: 16", "+CME ERROR: 12"]
    locked.modem.restart()
    locked.wait(5)
    assert locked.ask("ATE0;+CPIN?")[-2] == "+CPIN: SIM PUK"
    locked.ask("AT+CMEE=1")
    assert locked.ask('AT+CPIN="4711"') == ["+CME ERROR: 12"]
    assert locked.ask('AT+CPIN="12345678","9999"') == ["OK"]
    assert locked.ask("AT+CPIN?")[0] == "+CPIN: READY"


def test_ten_wrong_puks_destroy_it(locked: Host) -> None:
    for _ in range(3):
        locked.ask('AT+CPIN="0000"')
    answers = [locked.ask('AT+CPIN="00000000","1111"')[0] for _ in range(10)]
    assert answers == ["+CME ERROR: 12"] * 9 + ["+CME ERROR: 13"]
    assert locked.ask("AT+CPIN?") == ["+CME ERROR: 13"]


def test_a_right_pin_gives_the_tries_back(locked: Host) -> None:
    locked.ask('AT+CPIN="0000"')
    locked.ask('AT+CPIN="4711"')
    assert locked.modem.sim.pin_tries == 3


@pytest.mark.parametrize(
    ("make", "question", "answer"),
    [
        ("huawei-e3372", "AT^CPIN?", "^CPIN: SIM PIN,2,10,2,10,3"),
        ("zte-mf180", "AT+ZPINPUK=?", "+ZPINPUK: 2,10"),
        ("simcom-sim800", "AT+SPIC", "+SPIC: 2,10,3,10"),
        ("telit-he910", "AT#PCT", "#PCT: 2"),
        ("quectel-ec25", "AT+QPINC?", '+QPINC: "SC",2,10'),
        ("generic", 'AT+CPINR="SIM PIN"', "+CPINR: SIM PIN,2,3"),
        ("generic", 'AT+CSIM=10,"0020000100"', '+CSIM: 4,"63C2"'),
    ],
)
def test_every_makers_way_tells_the_tries_left(make: str, question: str, answer: str) -> None:
    host = Host(make, modem=[{"which": 0, "pin": "4711"}])
    host.ask("ATE0")
    host.ask('AT+CPIN="0000"')
    assert host.ask(question)[0] == answer


def test_a_generic_modem_knows_no_makers_own_commands() -> None:
    host = Host()
    assert host.ask("AT^CPIN?")[-1] == "ERROR"
    assert [line for line in host.ask("AT+CLAC") if not line.startswith("+")] == ["OK"]


def test_the_pin_is_asked_again_after_a_restart_and_the_lock_can_be_taken_off(locked: Host) -> None:
    locked.ask('AT+CPIN="4711"')
    locked.modem.restart()
    locked.wait(5)
    assert locked.ask("ATE0;+CPIN?")[-2] == "+CPIN: SIM PIN"
    locked.ask('AT+CPIN="4711"')
    assert locked.ask('AT+CLCK="SC",2')[0] == "+CLCK: 1"
    assert locked.ask('AT+CLCK="SC",0,"4711"') == ["OK"]
    locked.modem.restart()
    locked.wait(5)
    assert locked.ask("AT+CPIN?")[0] == "+CPIN: READY"


def test_a_stick_busy_after_its_pin_says_so_for_a_while() -> None:
    host = Host("huawei-e173", modem=[{"which": 0, "pin": "4711"}])
    host.ask("ATE0")
    host.ask("AT+CMEE=1")
    assert host.ask('AT+CPIN="4711"') == ["OK"]
    assert host.ask("AT+CPMS?") == ["+CMS ERROR: 314"]
    assert host.ask("AT+CIMI") == ["+CME ERROR: 14"]
    host.wait(4)
    assert host.ask("AT+CIMI")[-1] == "OK"


def test_identity_is_told_in_the_usual_ways(locked: Host) -> None:
    locked.ask('AT+CPIN="4711"')
    sim = locked.modem.sim
    assert locked.ask("AT+CGSN;+CIMI;+CCID;+ICCID;+CNUM") == [
        *("350000000000001", sim.imsi, f"+CCID: {sim.iccid}", f"+ICCID: {sim.iccid}"),
        *(f'+CNUM: "","{sim.msisdn}",145', "OK"),
    ]


def test_invented_numbers_have_right_check_digits() -> None:
    assert luhn("7992739871") == "3"
    assert luhn("49015420323751") == "8"
    iccid = SimCard.numbered(17).iccid
    assert luhn(iccid[:-1]) == iccid[-1]


def test_an_empty_smsc_is_cms_330_unless_the_pdu_brings_one() -> None:
    host = Host(modem=[{"which": 0, "smsc": ""}])
    host.write(b"ATE0\r")
    assert host.send() == b"\r\n+CMS ERROR: 330\r\n"
    host.write(b"AT+CMGS=18\r")
    host.write(b"07918406010013F0" + HELLO[2:] + b"\x1a")
    assert lines_of(host.wait(1)) == ["+CMGS: 0", "OK"]
    host.ask('AT+CSCA="48601000310",145')
    assert host.ask("AT+CSCA?")[0] == '+CSCA: "+48601000310",145'
