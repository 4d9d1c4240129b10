"""What reaches a modem from its network: routing, storages, acknowledgement, reports, text mode."""

from __future__ import annotations

import pytest
from gsmmodem.pdu import decodeSmsPdu  # type: ignore[import-untyped]  # ships no types
from hw_sim.phone import joined
from sim_host import HELLO_REPORT, Host, lines_of

LONG = "Zażółć gęślą jaźń 😀 " * 12


@pytest.fixture
def quiet() -> Host:
    host = Host()
    host.write(b"ATE0\r")
    return host


def test_a_message_is_stored_and_announced_read_and_deleted(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,0,0\r")
    quiet.phone_sends("ping €")
    assert lines_of(quiet.read()) == ['+CMTI: "SM",1']
    header, pdu, ok = quiet.ask("AT+CMGR=1")
    assert (header.split(",")[0], ok) == ("+CMGR: 0", "OK")
    message = decodeSmsPdu(pdu)
    assert (message["number"], message["text"]) == ("+48600700800", "ping €")
    assert int(header.split(",")[2]) == len(pdu) // 2 - 1 - int(pdu[:2], 16)
    assert quiet.ask("AT+CMGR=1")[0].startswith("+CMGR: 1,")
    assert quiet.ask("AT+CMGD=1") == ["OK"]
    assert quiet.ask("AT+CMGL=4") == ["OK"]


def test_a_deleted_record_keeps_its_octets_until_another_takes_its_place(quiet: Host) -> None:
    quiet.phone_sends("secret")
    octets = quiet.modem.sim.records.remnants()
    quiet.ask("AT+CMGD=1")
    assert quiet.ask("AT+CPMS?")[0].startswith('+CPMS: "SM",0,50')
    assert quiet.modem.sim.records.remnants() == octets
    quiet.phone_sends("x")
    assert octets not in quiet.modem.sim.records.remnants()


def test_a_long_text_comes_in_segments_that_join_to_it(quiet: Host) -> None:
    quiet.phone_sends(LONG)
    pdus = [line for line in quiet.ask("AT+CMGL=4") if not line.startswith(("+CMGL", "OK"))]
    messages = [decodeSmsPdu(pdu) for pdu in pdus]
    assert len(pdus) == 4
    assert [message["udh"][0].number for message in messages] == [1, 2, 3, 4]
    assert joined([message["text"] for message in messages]) == LONG


def test_a_message_may_be_routed_directly(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,2,0,0,0\r")
    quiet.phone_sends("now")
    header, pdu = lines_of(quiet.read())
    assert header == f"+CMT: ,{len(pdu) // 2 - 8}"
    assert decodeSmsPdu(pdu)["text"] == "now"
    assert quiet.ask("AT+CMGL=4") == ["OK"]


@pytest.mark.parametrize("mode", [0, 1])
def test_indications_wait_in_mode_0_and_come_or_go_when_another_is_set(quiet: Host, mode: int) -> None:
    quiet.write(b"AT+CNMI=0,1,0,0,0\r")
    quiet.phone_sends("later")
    assert quiet.read() == b""
    said = lines_of(quiet.write(f"AT+CNMI=2,1,0,0,{mode}\r".encode()))
    assert said == (['+CMTI: "SM",1', "OK"] if mode == 0 else ["OK"])


def test_phase_2_service_stops_routing_when_a_message_is_not_acknowledged(quiet: Host) -> None:
    quiet.write(b"AT+CSMS=1;+CNMI=2,2,0,1,0\r")
    quiet.phone_sends("one")
    quiet.read()
    assert quiet.ask("AT+CNMA") == ["OK"]
    assert quiet.ask("AT+CNMA") == ["+CMS ERROR: 340"]
    quiet.phone_sends("two")
    assert b"+CMT:" in quiet.wait(60)
    assert quiet.ask("AT+CNMI?")[0] == "+CNMI: 2,0,0,0,0"
    quiet.phone_sends("three")
    assert quiet.read() == b""


def test_the_next_message_waits_for_the_acknowledgement_of_the_one_before(quiet: Host) -> None:
    quiet.write(b"AT+CSMS=1;+CNMI=2,2,0,1,0\r")
    quiet.read()
    quiet.phone_sends("one")
    quiet.phone_sends("two")
    assert quiet.read().count(b"+CMT:") == 1
    assert quiet.write(b"AT+CNMA\r").count(b"+CMT:") == 1


@pytest.mark.parametrize(("ds", "indication"), [(0, None), (1, "+CDS: "), (2, '+CDSI: "SR",1')])
def test_a_status_report_goes_where_cnmi_says(quiet: Host, ds: int, indication: str | None) -> None:
    quiet.write(f"AT+CNMI=2,1,0,{ds},0\r".encode())
    reports = [line for line in lines_of(quiet.send(HELLO_REPORT, seconds=5)) if line.startswith("+CD")]
    assert len(reports) == (0 if indication is None else 1)
    assert all(line.startswith(indication or "-") for line in reports)


def test_a_stored_status_report_is_read_from_its_storage(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,2,0\r")
    quiet.send(HELLO_REPORT, seconds=5)
    quiet.ask('AT+CPMS="SR"')
    _, pdu, _ = quiet.ask("AT+CMGR=1")
    assert pdu.endswith("00")
    size = int(pdu[:2], 16) + 1
    octets = bytes.fromhex(pdu)[size:]
    assert (octets[0] & 3, octets[1], octets[-1]) == (2, 0, 0)


def test_without_tp_srr_there_is_no_report(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,1,0\r")
    assert b"+CDS" not in quiet.send(seconds=10)


def test_reports_may_come_out_of_order_get_lost_and_be_doubled_by_chance() -> None:
    reports = {"report_delay": 1.0, "report_jitter": 20.0, "reports_lost": 0.2, "reports_doubled": 0.2}
    host = Host(reports=reports, radio={"air": 0.1}, seed=4)
    host.write(b"ATE0\rAT+CNMI=2,1,0,1,0\r")
    said = "".join(host.send(HELLO_REPORT, seconds=0.2).decode() for _ in range(60)) + host.wait(60).decode()
    pdus = [line for line in said.split("\r\n") if line.startswith("07")]
    references = [int(pdu[18:20], 16) for pdu in pdus]
    assert references != sorted(references)
    assert len(set(range(60)) - set(references)) > 3
    assert len(references) - len(set(references)) > 3


def test_what_a_modem_out_of_the_network_misses_waits_for_it(quiet: Host) -> None:
    quiet.write(b"AT+CNMI=2,1,0,0,0\r")
    quiet.strike("no_network", seconds=10)
    quiet.read()
    quiet.phone_sends("waited")
    assert quiet.wait(9) == b""
    assert lines_of(quiet.wait(2)) == ['+CMTI: "SM",1']


def test_a_modem_that_sends_to_its_own_number_receives_it(quiet: Host) -> None:
    quiet.write(b"AT+CMGF=1;+CNMI=2,2,0,0,0\r")
    quiet.write(f'AT+CMGS="{quiet.modem.sim.msisdn}"\r'.encode())
    quiet.write(b"to myself\x1a")
    lines = lines_of(quiet.wait(1))
    assert lines[1] == "to myself"
    assert lines[0].startswith(f'+CMT: "{quiet.modem.sim.msisdn}",,"')


@pytest.mark.parametrize(
    ("character_set", "shown"),
    [
        ("IRA", "grün"),
        ("GSM", "gr~n"),
        ("UCS2", "00670072 00FC006E".replace(" ", "")),
        ("HEX", "67727E6E"),
    ],
)
def test_text_mode_shows_text_in_the_chosen_character_set(quiet: Host, character_set: str, shown: str) -> None:
    quiet.phone_sends("grün")
    assert quiet.ask(f'AT+CMGF=1;+CSCS="{character_set}";+CMGR=1')[1] == shown


def test_text_mode_lists_by_state_and_reads_reports(quiet: Host) -> None:
    quiet.write(b"AT+CMGF=1;+CNMI=2,1,0,2,0;+CSMP=49,167,0,0\r")
    quiet.phone_sends("one")
    quiet.read()
    assert quiet.ask('AT+CMGL="REC READ"') == ["OK"]
    assert quiet.ask('AT+CMGL="REC UNREAD"')[1] == "one"
    quiet.write(b'AT+CMGS="+48501234567"\r')
    quiet.write(b"hello\x1a")
    quiet.wait(5)
    report = quiet.ask('AT+CPMS="SR";+CMGL="ALL"')[1]
    assert report.startswith('+CMGL: 1,"REC UNREAD",6,0,"+48501234567",145,"')
    assert report.endswith(",0")


def test_messages_are_written_and_sent_from_storage(quiet: Host) -> None:
    quiet.write(b"AT+CMGW=18\r")
    assert lines_of(quiet.write(b"0001000B918405214365F7000005E8329BFD06\x1a")) == ["+CMGW: 1", "OK"]
    assert quiet.ask("AT+CMGL=2")[0] == "+CMGL: 1,2,,18"
    assert quiet.write(b"AT+CMSS=1\r") == b""
    assert lines_of(quiet.wait(1)) == ["+CMSS: 0", "OK"]
    assert quiet.ask("AT+CMGL=3")[0] == "+CMGL: 1,3,,18"
    assert quiet.ask("AT+CMSS=2") == ["+CMS ERROR: 321"]


@pytest.mark.parametrize(("flag", "left"), [(1, [0, 2, 3]), (2, [0, 2]), (3, [0]), (4, [])])
def test_cmgd_deletes_by_flag(quiet: Host, flag: int, left: list[int]) -> None:
    for state in (0, 1, 2, 3):
        quiet.write(f"AT+CMGW=18,{state}\r".encode())
        quiet.write(b"0001000B918405214365F7000005E8329BFD06\x1a")
    quiet.ask(f"AT+CMGD=1,{flag}")
    states = [int(line.split(",")[1]) for line in quiet.ask("AT+CMGL=4") if line.startswith("+CMGL")]
    assert states == left


@pytest.mark.parametrize("index", ["0", "51", "x", ""])
def test_a_place_that_does_not_exist_is_an_error(quiet: Host, index: str) -> None:
    quiet.write(b"AT+CMEE=1\r")
    assert quiet.ask(f"AT+CMGR={index}")[0].endswith(("ERROR: 321", "ERROR: 50"))
    assert quiet.ask(f"AT+CMGD={index}")[0].endswith(("ERROR: 321", "ERROR: 50"))


def test_ussd_tells_the_balance_and_a_prepaid_sim_runs_dry() -> None:
    host = Host(carrier={"balance": 0.25, "price": 0.1})
    host.write(b"ATE0\r")
    assert host.ask('AT+CUSD=1,"*100#",15') == ["OK"]
    assert lines_of(host.wait(2)) == ['+CUSD: 0,"Your balance is 0.25",15']
    assert [b"+CMGS" in host.send() for _ in range(3)] == [True, True, False]
    host.ask('AT+CUSD=1,"*100#",15')
    assert lines_of(host.wait(2)) == ['+CUSD: 0,"Your balance is 0.05",15']
    host.ask('AT+CUSD=1,"*999#",15')
    assert lines_of(host.wait(2)) == ["+CUSD: 4"]


def test_a_sim_that_ran_dry_sends_again_when_somebody_pays_in() -> None:
    host = Host(carrier={"balance": 0.05, "price": 0.1})
    host.write(b"ATE0\r")
    assert b"+CMGS" not in host.send()
    host.strike("top_up", amount=0.1)
    assert b"+CMGS" in host.send()
    host.ask('AT+CUSD=1,"*100#",15')
    assert lines_of(host.wait(2)) == ['+CUSD: 0,"Your balance is 0.05",15']


@pytest.mark.parametrize(
    ("carrier", "answer"),
    [
        ({"limit": 2, "limit_cause": 50}, b"\r\n+CMS ERROR: 50\r\n"),
        ({"limit": 2, "limit_denies": True}, b"\r\n+CMS ERROR: 331\r\n"),
    ],
)
def test_a_carrier_may_block_a_sim_after_a_number_of_messages(carrier: dict[str, object], answer: bytes) -> None:
    host = Host(carrier=carrier)
    host.write(b"ATE0\r")
    assert [b"+CMGS" in host.send() for _ in range(2)] == [True, True]
    assert host.send() == answer
    assert (host.ask("AT+CREG?")[0] == "+CREG: 0,3") == ("limit_denies" in carrier)


def test_a_bad_recipient_is_refused_and_others_are_not() -> None:
    host = Host(recipient=[{"prefix": "+48501", "cause": 21}])
    host.write(b"ATE0\r")
    assert host.send() == b"\r\n+CMS ERROR: 21\r\n"
    assert b"+CMGS" in host.send(b"0001000B918406214365F7000005E8329BFD06")


def test_a_report_may_say_that_a_message_was_not_delivered() -> None:
    host = Host(recipient=[{"prefix": "+48501", "status": 0x46}])
    host.write(b"ATE0\rAT+CNMI=2,1,0,1,0\r")
    assert lines_of(host.send(HELLO_REPORT, seconds=5))[-1].endswith("46")
