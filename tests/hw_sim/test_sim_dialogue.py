"""The dialogue of a modem, byte for byte: echo, command lines, the prompt, errors."""

from __future__ import annotations

import pytest
from sim_host import HELLO, Host


def test_echo_repeats_the_command_with_its_cr_before_the_answer(host: Host) -> None:
    assert host.write(b"AT\r") == b"AT\r\r\nOK\r\n"


def test_ate0_is_still_echoed_itself(host: Host) -> None:
    assert host.write(b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert host.write(b"AT\r") == b"\r\nOK\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_slices_of_any_size_make_the_same_dialogue(host: Host, size: int) -> None:
    typed = b"ATE0\rAT+CMEE=1;+CMEE?\rAT+CMGS=18\r" + HELLO + b"\x1aAT\r"
    for at in range(0, len(typed), size):
        host.modem.dialogue.feed(typed[at : at + size])
    host.clock.advance(1)
    said = host.read()
    assert said == b"ATE0\r\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n> \r\n+CMGS: 0\r\n\r\nOK\r\n\r\nOK\r\n"


def test_what_is_typed_while_a_message_is_on_the_air_waits_for_its_answer(host: Host) -> None:
    host.write(b"ATE0\rAT+CMGS=18\r")
    host.write(HELLO + b"\x1a")
    assert host.write(b"AT\r") == b""
    assert host.wait(1) == b"\r\n+CMGS: 0\r\n\r\nOK\r\n\r\nOK\r\n"


def test_a_command_line_may_hold_several_commands_and_stops_at_the_first_error(host: Host) -> None:
    assert host.ask("ATE0V1&D2S0=0+CMEE=1;+CMEE?;+NONSENSE;+CSQ") == ["+CMEE: 1", "ERROR"]


def test_a_slash_repeats_the_last_command_line(host: Host) -> None:
    host.write(b"ATE0\r")
    host.write(b"AT+CMEE?\r")
    assert host.write(b"A/") == b"\r\n+CMEE: 0\r\n\r\nOK\r\n"


def test_what_does_not_begin_with_at_is_not_answered(host: Host) -> None:
    host.write(b"ATE0\r")
    assert host.write(b"hello\r\x1b\r\r") == b""


@pytest.mark.parametrize("command", ["ATZ", "AT&F"])
def test_atz_and_at_f_bring_back_the_settings_of_power_up_echo_among_them(host: Host, command: str) -> None:
    host.write(b"ATE0\rAT+CMEE=1;+CMMS=2\r")
    host.ask(command)
    assert host.write(b"AT+CMEE?;+CMMS?\r") == b"AT+CMEE?;+CMMS?\r\r\n+CMEE: 0\r\n\r\n+CMMS: 0\r\n\r\nOK\r\n"


def test_with_atv0_results_are_numbers(host: Host) -> None:
    host.write(b"ATE0V0\r")
    assert host.write(b"AT\r") == b"0\r"
    assert host.write(b"AT+NONSENSE\r") == b"4\r"


def test_escape_at_the_prompt_sends_nothing(host: Host) -> None:
    host.write(b"ATE0\r")
    assert host.write(b"AT+CMGS=18\r") == b"\r\n> "
    assert host.write(HELLO + b"\x1b") == b"\r\nOK\r\n"
    assert host.wait(5) == b""


def test_a_cr_at_the_prompt_prompts_again(host: Host) -> None:
    host.write(b"ATE0\r")
    host.write(b"AT+CMGS=18\r")
    assert host.write(b"\r") == b"\r\n> "


@pytest.mark.parametrize(
    "entered", [b"", b"00", HELLO[:-2], HELLO + b"00", b"hello", HELLO.replace(b"0001", b"0000", 1)]
)
def test_a_pdu_that_does_not_fit_its_length_or_is_no_submit_is_cms_304(host: Host, entered: bytes) -> None:
    host.write(b"ATE0\r")
    host.write(b"AT+CMGS=18\r")
    assert host.write(entered + b"\x1a") == b"\r\n+CMS ERROR: 304\r\n"


def test_in_text_mode_a_length_is_taken_for_a_number(host: Host) -> None:
    """What befalls every gateway that does not notice that its modem has restarted."""
    host.write(b"ATE0\rAT+CMGF=1\r")
    assert host.write(b"AT+CMGS=71\r") == b"\r\n> "
    host.write(HELLO + b"\x1a")
    assert host.wait(1) == b"\r\n+CMGS: 0\r\n\r\nOK\r\n"


def test_cmee_chooses_between_no_reason_a_number_and_words(host: Host) -> None:
    host.modem.sim.pin_enabled = True
    assert host.ask("AT+CIMI") == ["ERROR"]
    host.ask("AT+CMEE=1")
    assert host.ask("AT+CIMI") == ["+CME ERROR: 11"]
    host.ask("AT+CMEE=2")
    assert host.ask("AT+CIMI") == ["+CME ERROR: SIM PIN required"]


def test_the_message_reference_counts_up_on_the_sim_and_wraps_at_255(host: Host) -> None:
    host.modem.sim.last_mr = 253
    host.write(b"ATE0\r")
    references = []
    for _ in range(4):
        host.write(b"AT+CMGS=18\r")
        host.write(HELLO + b"\x1a")
        references.append(host.wait(1).split()[1])
    assert references == [b"254", b"255", b"0", b"1"]


def test_a_link_kept_by_cmms_2_is_released_after_the_gap_and_by_cmms_1_the_setting_falls_back(host: Host) -> None:
    def seconds_on_air() -> float:
        host.write(b"AT+CMGS=18\r")
        host.write(HELLO + b"\x1a")
        began = host.clock.now()
        while b"OK" not in host.read():
            host.clock.advance(0.005)
        return round(host.clock.now() - began, 2)

    host.write(b"ATE0\rAT+CMMS=2\r")
    host.read()
    assert [seconds_on_air() for _ in range(3)] == [0.5, 0.23, 0.23]
    host.wait(6)
    assert seconds_on_air() == 0.5
    assert host.ask("AT+CMMS?")[0] == "+CMMS: 2"
    host.ask("AT+CMMS=1")
    assert seconds_on_air() == 0.23
    host.wait(6)
    assert host.ask("AT+CMMS?")[0] == "+CMMS: 0"
