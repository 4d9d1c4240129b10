"""Personalities: every fact has a source, and each make behaves as its facts say."""

from __future__ import annotations

import pytest
from hw_sim.profile import BadProfile, load_profile, profile_names, read_profile
from sim_host import HELLO_REPORT, Host, lines_of

NEEDED = {
    *("generic", "huawei-e173", "huawei-e3531", "simcom-sim800", "quectel-ec25"),
    *("zte-mf180", "simcom-sim7600", "wavecom-q2403", "telit-he910"),
}


def quiet(personality: str) -> Host:
    host = Host(personality)
    host.write(b"ATE0\r")
    return host


def test_the_makes_that_were_promised_are_there() -> None:
    assert set(profile_names()) >= NEEDED


@pytest.mark.parametrize("name", profile_names())
def test_every_make_answers_its_literal_answers_and_sends(name: str) -> None:
    host = quiet(name)
    for command, answer in load_profile(name).answers.items():
        said = lines_of(host.write(command.encode() + b"\r"))
        assert said[: len(answer.lines)] == [
            line.format(imei=host.modem.imei, iccid=host.modem.sim.iccid) for line in answer.lines
        ]
    host.write(b"AT+CMGF=0\r")
    assert b"\r\n+CMGS: 0\r\n\r\nOK\r\n" in host.send()


@pytest.mark.parametrize("name", profile_names())
def test_every_make_starts_up_saying_its_lines_and_can_send_then(name: str) -> None:
    host = Host(name, cold=True)
    said = host.wait(30).decode()
    assert [line for _, line in host.modem.traits.boot if line not in said] == []
    host.write(b"ATE0\rAT+CMGF=0\r")
    host.read()
    assert b"+CMGS: 0" in host.send()


def test_a_fact_without_a_source_is_refused() -> None:
    with pytest.raises(BadProfile, match="AT\\+CGMI names no source"):
        read_profile("mine", {"answer": [{"to": "AT+CGMI", "lines": ["x"]}]})
    with pytest.raises(BadProfile, match="no trait 'colour'"):
        read_profile("mine", {"trait": [{"name": "colour", "value": 1, "source": "x"}]})
    with pytest.raises(BadProfile, match="no personality 'nokia'"):
        load_profile("nokia")


def test_guesses_say_so() -> None:
    sources = load_profile("telit-he910").sources
    assert sources["ATI"].startswith("guessed: ")
    assert not sources["AT+CGMI"].startswith("guessed")


def test_a_wavecom_says_cpin_without_ok_takes_two_storages_and_gives_four_numbers() -> None:
    host = quiet("wavecom-q2403")
    assert host.ask("AT+CPIN?") == ["+CPIN: READY"]
    assert host.ask("AT") == ["OK"]
    assert host.ask('AT+CPMS="SM","SM","SM"') == ["ERROR"]
    assert host.ask('AT+CPMS="SM","SM"') == ["+CPMS: 0,50,0,50", "OK"]
    assert host.ask('AT+CPMS="SM"') == ["+CPMS: 0,50,0,50", "OK"]
    assert host.ask("AT+CGMI") == [" WAVECOM MODEM", "OK"]


def test_an_e1752_has_its_own_words_and_no_cmms() -> None:
    host = quiet("huawei-e1752")
    assert host.ask("AT+NONSENSE") == ["COMMAND NOT SUPPORT"]
    assert host.ask("AT+CMMS=2") == ["+CMS ERROR: 500"]
    assert b"+CMGS: 0" in host.send()


def test_a_huawei_wants_ussdmode_0_and_packs_ussd_in_hex() -> None:
    host = quiet("huawei-e173")
    assert host.ask('AT+CUSD=1,"AA180C3602",15') == ["ERROR"]
    host.ask("AT^USSDMODE=0")
    host.ask('AT+CUSD=1,"AA180C3602",15')
    assert lines_of(host.wait(2)) == ['+CUSD: 0,"D9775D0E1287D961F7B80C4ACF4130170C06",15']


def test_a_balong_refuses_direct_routing_in_mode_2_though_it_lists_it() -> None:
    host = quiet("huawei-e3372")
    assert host.ask("AT+CNMI=2,1,0,1,0") == ["+CMS ERROR: 303"]
    assert host.ask("AT+CNMI=2,2,0,0,0") == ["+CMS ERROR: 303"]
    assert host.ask("AT+CNMI=1,2,0,1,0") == ["OK"]
    host.modem.restart()
    host.wait(20)
    assert host.ask("AT+CNMI?")[-2] == "+CNMI: 0,0,0,0,0"


def test_a_balong_says_that_its_memory_is_full() -> None:
    host = quiet("huawei-e3372")
    host.strike("memory_full", storage="ME")
    host.phone_sends("more")
    assert lines_of(host.read()) == ['^SMMEMFULL: "ME"']


def test_an_e3531_counts_a_new_message_half_a_second_late() -> None:
    host = quiet("huawei-e3531")
    host.write(b"AT+CNMI=1,1,0,0,0\r")
    host.phone_sends("new")
    host.read()
    assert host.ask('AT+CPMS="ME","ME","ME"')[0] == "+CPMS: 0,20,0,20,0,20"
    host.wait(0.6)
    assert host.ask('AT+CPMS="ME","ME","ME"')[0] == "+CPMS: 1,20,1,20,1,20"


def test_an_e3531_never_ends_its_list_of_commands() -> None:
    assert "OK" not in quiet("huawei-e3531").ask("AT+CLAC")


def test_a_zte_refuses_set_up_before_its_pin_and_a_k3565_loses_the_smsc_to_csmp() -> None:
    host = Host("zte-k3565", modem=[{"which": 0, "pin": "4711"}])
    host.write(b"ATE0\r")
    assert [host.ask(command)[0] for command in ("ATZ", "ATS0=0", "AT&C1", "AT&D2")] == ["ERROR"] * 4
    host.ask('AT+CPIN="4711"')
    host.wait(20)
    assert host.ask("ATZ") == ["OK"]
    host.write(b"ATE0\r")
    host.ask("AT+CSMP=49,167,0,0")
    assert host.ask("AT+CSCA?")[0] == '+CSCA: "",129'
    assert host.send() == b"\r\n+CMS ERROR: 330\r\n"


def test_a_zte_puts_a_comma_too_many_into_its_reports() -> None:
    host = quiet("zte-mf180")
    host.write(b"AT+CNMI=1,1,0,1,0\r")
    assert any(line.startswith("+CDS: ,") for line in lines_of(host.send(HELLO_REPORT, seconds=5)))


def test_a_sim800_has_no_ds_2_and_says_512_before_it_is_ready() -> None:
    host = quiet("simcom-sim800")
    host.write(b"AT+CMEE=1\r")
    assert host.ask("AT+CNMI=2,1,0,2,0") == ["+CMS ERROR: 303"]
    host.modem.restart()
    host.wait(3)
    assert host.ask("AT+CMGS=18")[-1] == "+CMS ERROR: 512"


def test_a_sim7600_uses_words_and_denies_circuit_registration() -> None:
    host = quiet("simcom-sim7600")
    host.strike("sim_out")
    assert host.ask("AT+CIMI") == ["+CME ERROR: SIM not inserted"]
    host = quiet("simcom-sim7600")
    assert host.ask("AT+CREG?;+CEREG?") == ["+CREG: 0,3", "+CEREG: 0,5", "OK"]
    assert host.ask("AT+CGMR")[0] == "+CGMR: LE20B04SIM7600G22"


def test_an_ec25_names_the_wrong_storage_for_its_reports() -> None:
    host = quiet("quectel-ec25")
    host.write(b"AT+CNMI=2,1,0,2,0\r")
    assert '+CDSI: "SM",1' in lines_of(host.send(HELLO_REPORT, seconds=5))
    host.ask('AT+CPMS="SM","SM","SM"')
    assert host.ask("AT+CMGL=4") == ["OK"]
    host.ask('AT+CPMS="SR","SM","SM"')
    assert len(host.ask("AT+CMGL=4")) == 3


def test_a_cinterion_leaves_out_a_blank_and_reads_free_places_as_ff() -> None:
    host = quiet("cinterion-mc75i")
    assert host.ask("AT+CNMI=2,1,0,0,0") == ["+CMS ERROR:538"]
    assert host.ask("AT+CNMI=2,1,0,0,1") == ["OK"]
    assert set(host.ask("AT+CMGR=3")[1]) == {"F"}


def test_a_stick_chatters_and_never_stops() -> None:
    host = quiet("huawei-e173")
    assert host.wait(95).count(b"\r\n^RSSI:18\r\n") == 3
    host.ask("AT^CURC=0")
    assert host.wait(95) == b""


def test_registration_is_unquoted_on_an_e173() -> None:
    assert quiet("huawei-e173").ask("AT+CREG=2;+CREG?")[0] == "+CREG: 2,1,C3,A1B2"
