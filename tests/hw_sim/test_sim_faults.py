"""Every named fault, seen from the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from hw_sim.air_log import AirEntry
from hw_sim.fault_kinds import BadFault, kinds, make_fault
from sim_host import HELLO, HELLO_REPORT, Host, lines_of

ACCEPTED = b"\r\n+CMGS: 0\r\n\r\nOK\r\n"


class Log:
    """An air log that is only remembered."""

    def __init__(self) -> None:
        self.entries: list[AirEntry] = []
        self.write = self.entries.append


@pytest.fixture
def quiet() -> Host:
    """A host that has switched the echo off."""
    host = Host()
    host.write(b"ATE0\r")
    return host


@pytest.fixture
def air(quiet: Host, monkeypatch: pytest.MonkeyPatch) -> list[AirEntry]:
    log = Log()
    monkeypatch.setattr(quiet.network, "_air_log", log)
    return log.entries


@pytest.mark.parametrize(
    ("name", "prompt"),
    [("hang_before_prompt", b""), ("hang_after_prompt", b"\r\n> ")],
)
def test_a_hang_around_the_prompt_ends_after_its_seconds_and_nothing_was_sent(
    quiet: Host, air: list[AirEntry], name: str, prompt: bytes
) -> None:
    quiet.strike(name, seconds=20, message=1)
    assert quiet.write(b"AT+CMGS=18\r") == prompt
    assert quiet.write(HELLO + b"\x1aAT\r") == b""
    assert quiet.wait(20) == b""
    assert quiet.write(b"AT\r") == b"\r\nOK\r\n"
    assert quiet.send() == ACCEPTED
    assert len(air) == 1


def test_a_hang_after_ctrl_z_keeps_the_message_off_the_air(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("hang_after_ctrl_z", seconds=20, message=1)
    assert quiet.send(seconds=20) == b""
    assert quiet.write(b"AT\r") == b"\r\nOK\r\n"
    assert air == []


def test_a_lost_answer_leaves_the_message_on_the_air_and_the_modem_alive(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("answer_lost", message=1)
    assert quiet.send() == b""
    assert quiet.write(b"AT\r") == b"\r\nOK\r\n"
    assert [(entry.outcome, entry.cause) for entry in air] == [("lost_answer", "answer_lost")]


def test_a_hang_in_the_middle_of_a_transmission_loses_its_answer(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("hang", at=0.2)
    assert quiet.send(seconds=5) == b""
    assert [(entry.outcome, entry.cause) for entry in air] == [("lost_answer", "hang")]


def test_a_restart_in_the_middle_brings_echo_back_and_loses_the_answer(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("restart", at=0.2)
    assert quiet.send(seconds=5) == b""
    assert quiet.write(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert [entry.outcome for entry in air] == ["lost_answer"]


def test_a_restart_into_a_stored_profile_takes_the_length_for_a_number(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("restart", text_mode=True, silent=True)
    quiet.wait(5)
    assert quiet.write(b"AT+CMGS=71\r") == b"AT+CMGS=71\r\r\n> "
    quiet.write(HELLO + b"\x1a")
    quiet.wait(1)
    assert [(entry.to, entry.text) for entry in air] == [("71", HELLO.decode())]


def test_the_prompt_may_come_late_twice_bare_or_not_at_all(quiet: Host) -> None:
    quiet.strike("late_prompt", seconds=3, message=1)
    quiet.strike("double_prompt", message=2)
    quiet.strike("bare_prompt", message=3)
    quiet.strike("no_prompt", message=4)
    said = []
    for _ in range(4):
        said.append(quiet.write(b"AT+CMGS=18\r") + quiet.wait(3))
        assert quiet.write(b"\x1b") == b"\r\nOK\r\n"
    assert said == [b"\r\n> ", b"\r\n> \r\n> ", b">", b""]


def test_a_prompt_may_be_left_open_by_a_host_that_died(quiet: Host) -> None:
    quiet.strike("open_prompt")
    assert quiet.write(b"AT+CREG?\r") == b"\r\n> "
    assert quiet.write(b"\x1b") == b"\r\nOK\r\n"
    assert quiet.ask("AT") == ["OK"]


def test_a_modem_with_a_weak_supply_restarts_again_and_again() -> None:
    host = Host("huawei-e173", fault=[{"name": "restart", "every": 4, "times": 5}])
    assert host.wait(30).count(b"^BOOT:") == 10


@pytest.mark.parametrize("code", [1, 8, 21, 38, 42, 98, 197, 211, 255, 300, 331, 332, 350, 500, 512, 2051])
def test_every_cms_code_can_be_the_networks_answer(quiet: Host, air: list[AirEntry], code: int) -> None:
    quiet.strike("cms_error", code=code)
    assert quiet.send() == f"\r\n+CMS ERROR: {code}\r\n".encode()
    assert [(entry.outcome, entry.cause) for entry in air] == [("rejected", code)]


def test_an_error_may_come_only_after_more_than_two_minutes(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("cms_error", code=350, seconds=135)
    assert quiet.send(seconds=134) == b""
    assert quiet.wait(2) == b"\r\n+CMS ERROR: 350\r\n"


def test_an_error_may_be_untrue(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("false_error", code=332, seconds=40)
    assert quiet.send(seconds=40) == b""
    assert quiet.wait(2) == b"\r\n+CMS ERROR: 332\r\n"
    assert [(entry.outcome, entry.cause) for entry in air] == [("lost_answer", "false_error")]


def test_the_modem_itself_may_refuse_before_and_after_the_prompt(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("cms_error_before_prompt", code=314, message=1)
    quiet.strike("cms_error_at_once", code=304, message=2)
    assert quiet.write(b"AT+CMGS=18\r") == b"\r\n+CMS ERROR: 314\r\n"
    assert quiet.send(seconds=0) == b"\r\n+CMS ERROR: 304\r\n"
    assert air == []


def test_an_answer_may_be_slow(quiet: Host, air: list[AirEntry]) -> None:
    quiet.strike("slow_answer", seconds=60)
    assert quiet.send(seconds=60) == b""
    assert quiet.wait(1) == ACCEPTED
    assert [entry.outcome for entry in air] == ["accepted"]


def test_one_command_may_go_unanswered_or_fail_while_others_do_not(quiet: Host) -> None:
    quiet.write(b"AT+CMEE=1\r")
    quiet.strike("silent", command="+CREG")
    quiet.strike("cme_error", command="+CSQ", code=13)
    assert quiet.write(b"AT+CREG?\r") == b""
    assert quiet.ask("AT+CSQ") == ["+CME ERROR: 13"]
    assert quiet.ask("AT") == ["OK"]


def test_an_unsolicited_line_may_come_before_the_echo_before_the_answer_and_after_the_prompt() -> None:
    host = Host()
    host.strike("unsolicited", on="input", times=1)
    assert host.write(b"AT\r") == b"\r\n^RSSI: 18\r\nAT\r\r\nOK\r\n"
    host.strike("unsolicited", times=1)
    assert host.write(b"AT\r") == b"AT\r\r\n^RSSI: 18\r\n\r\nOK\r\n"
    host.strike("unsolicited", on="prompt", times=1)
    assert host.write(b"AT+CMGS=18\r") == b"AT+CMGS=18\r\r\n> \r\n^RSSI: 18\r\n"


def test_a_line_may_come_between_a_report_and_its_pdu(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,1,0\r")
    quiet.strike("interjected", on="report", text="^BOOT: 1")
    quiet.send(HELLO_REPORT)
    lines = lines_of(quiet.wait(5))
    assert lines[1].startswith("+CDS: ")
    assert lines[2] == "^BOOT: 1"
    assert set(lines[3]) <= set("0123456789ABCDEF")


def test_unsolicited_lines_wait_while_data_is_entered(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,0,0\rAT+CMGS=18\r")
    quiet.phone_sends("hello")
    assert quiet.read() == b""
    assert lines_of(quiet.write(b"\x1b")) == ["OK", '+CMTI: "SM",1']


def test_a_line_may_be_slow_a_byte_at_a_time(quiet: Host) -> None:
    quiet.strike("slow_line", seconds=0.02)
    assert quiet.write(b"AT\r") == b"\r"
    assert quiet.wait(0.05) == b"\nO"
    assert quiet.wait(1) == b"K\r\n"


def test_bytes_may_be_lost_or_turn_to_garbage_at_a_given_position(quiet: Host) -> None:
    quiet.strike("lost_bytes", byte=3, count=2)
    assert quiet.write(b"AT\r") == b"\r\nO\n"
    quiet.strike("garbage", byte=2, count=3)
    said = quiet.write(b"AT\r")
    assert len(said) == 9
    assert all(octet >= 0x80 for octet in said[2:5])


def test_a_share_of_lines_may_be_disturbed_the_same_in_every_run() -> None:
    def run() -> list[bytes]:
        host = Host()
        host.write(b"ATE0\r")
        host.strike("noisy_line", share=0.3)
        return [host.write(b"AT\r") for _ in range(50)]

    said = run()
    assert 5 < sum(line != b"\r\nOK\r\n" for line in said) < 30
    assert said == run()


def test_a_fault_may_strike_at_a_share_of_its_opportunities_and_a_number_of_times(quiet: Host) -> None:
    quiet.strike("cms_error", code=42, rate=0.5, times=10)
    answers = [quiet.send() for _ in range(60)]
    assert sum(b"ERROR" in answer for answer in answers) == 10


def test_a_fault_may_hold_for_a_time(quiet: Host) -> None:
    quiet.strike("cms_error", code=42, at=2, for_=4)
    outcomes = [b"ERROR" in quiet.send(seconds=1) for _ in range(9)]
    assert outcomes == [False, False, True, True, True, True, False, False, False]


def test_memory_may_be_full_and_frees_itself_by_deleting(quiet: Host) -> None:
    quiet.strike("memory_full")
    assert quiet.ask("AT+CPMS?")[0] == '+CPMS: "SM",50,50,"SM",50,50,"SM",50,50'
    quiet.write(b"AT+CNMI=2,1,0,0,0\r")
    quiet.phone_sends("later")
    assert quiet.read() == b""
    assert lines_of(quiet.write(b"AT+CMGD=7\r")) == ['+CMTI: "SM",7', "OK"]


def test_the_sim_may_be_busy_or_lose_contact(quiet: Host) -> None:
    quiet.write(b"AT+CMEE=1\r")
    quiet.strike("sim_busy", seconds=5)
    assert quiet.ask("AT+CPIN?") == ["+CME ERROR: 14"]
    assert quiet.ask("AT+CMGS=18") == ["+CMS ERROR: 314"]
    quiet.wait(6)
    quiet.strike("sim_out", seconds=5)
    assert quiet.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    quiet.wait(6)
    assert quiet.send() == ACCEPTED


def test_registration_may_be_lost_and_come_back(quiet: Host) -> None:
    quiet.write(b"AT+CREG=1\r")
    quiet.strike("no_network", seconds=10, stat=2)
    assert lines_of(quiet.read()) == ["+CREG: 2"]
    assert quiet.send() == b"\r\n+CMS ERROR: 331\r\n"
    assert lines_of(quiet.wait(10)) == ["+CREG: 1"]


def test_switching_on_a_radio_that_is_on_does_not_bring_a_lost_network_back(quiet: Host) -> None:
    quiet.strike("no_network", seconds=60)
    quiet.ask("AT+CFUN=1")
    quiet.wait(10)
    assert quiet.ask("AT+CREG?")[0] == "+CREG: 0,2"
    quiet.ask("AT+CFUN=4")
    assert quiet.ask("AT+CREG?")[0] == "+CREG: 0,0"


def test_circuit_services_may_be_denied_while_messages_go(quiet: Host) -> None:
    quiet.strike("circuit_denied")
    assert quiet.ask("AT+CREG?;+CEREG?") == ["+CREG: 0,3", "+CEREG: 0,5", "OK"]
    assert quiet.send() == ACCEPTED


def test_the_reference_may_jump_the_signal_fade_echo_and_text_mode_come_on(quiet: Host) -> None:
    quiet.strike("jump_mr", to=200)
    quiet.strike("signal", rssi=3)
    assert quiet.send() == b"\r\n+CMGS: 200\r\n\r\nOK\r\n"
    assert quiet.ask("AT+CSQ")[0] == "+CSQ: 3,99"
    quiet.strike("echo_on")
    quiet.strike("text_mode_on")
    assert quiet.write(b"AT+CMGF?\r") == b"AT+CMGF?\r\r\n+CMGF: 1\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("fault", "settings", "reports"),
    [
        ("report_lost", {}, 0),
        ("report_twice", {}, 2),
        ("report_late", {"seconds": 30}, 0),
        ("report_early", {}, 1),
    ],
)
def test_reports_may_be_lost_doubled_late_or_early(
    quiet: Host, fault: str, settings: dict[str, float], reports: int
) -> None:
    quiet.write(b"AT+CNMI=2,1,0,1,0\r")
    quiet.strike(fault, **settings)
    said = quiet.send(HELLO_REPORT, seconds=5)
    assert said.count(b"+CDS:") == reports
    if fault == "report_early":
        assert said.index(b"+CDS:") < said.index(b"+CMGS:")
    if fault == "report_late":
        assert quiet.wait(30).count(b"+CDS:") == 1


def test_a_report_may_be_half_there(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,1,0\r")
    quiet.strike("report_broken")
    lines = lines_of(quiet.send(HELLO_REPORT, seconds=5))
    assert [line for line in lines if line.startswith("+CDS:")] == ["+CDS: 12"]


def test_a_phone_may_send_a_text_from_a_scenario() -> None:
    host = Host(fault=[{"name": "receive", "at": 3, "sender": "+48600700800", "text": "ping"}])
    host.write(b"ATE0\rAT+CNMI=2,2,0,0,0;+CMGF=1\r")
    host.read()
    assert lines_of(host.wait(3))[0].startswith('+CMT: "+48600700800",,"')


def test_a_command_may_be_slow(quiet: Host) -> None:
    quiet.strike("slow_command", command="+CSQ", seconds=2)
    assert quiet.write(b"AT+CSQ\r") == b""
    assert lines_of(quiet.wait(2)) == ["+CSQ: 21,99", "OK"]


def test_every_fault_has_a_test_and_a_meaning() -> None:
    tests = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_sim_*.py"))
    assert {name for name in kinds() if f'"{name}"' not in tests} == set()
    assert [name for name, kind in kinds().items() if not kind.meaning.endswith((".", ";"))] == []


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"name": "nonsense"}, "no fault 'nonsense'; there are answer_lost, "),
        ({"name": "hang", "colour": "red"}, "fault hang takes no colour; it takes seconds, at, "),
        ({"name": "hang", "seconds": "soon"}, "fault hang: could not convert string to float: 'soon'"),
        ({"name": "hang", "on": "moon"}, "fault hang: 'moon' is not a valid Point"),
        ({"name": "unplug", "other_path": "maybe"}, "fault unplug: 'maybe' is neither true nor false"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_saying_what_can(table: dict[str, object], told: str) -> None:
    with pytest.raises(BadFault) as refused:
        make_fault(table)
    assert str(refused.value).startswith(told)
