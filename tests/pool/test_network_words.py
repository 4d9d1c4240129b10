"""Registration, signal and operator as modems tell them; USSD in its three codings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.errors import InvalidField
from modemd.pool import registration, ussd
from modemd.pool.registration import Registration
from modemd.pool.ussd import End, Reply, Style


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("+CREG: 0,1", Registration.HOME),
        ('+CREG: 2,5,"792D","04947221"', Registration.ROAMING),
        ("+CREG: 2,1,4CA,81DE445", Registration.HOME),
        ("+CREG: 0,0", Registration.NONE),
        ("+CREG: 0,2", Registration.SEARCHING),
        ("+CREG: 0,3", Registration.DENIED),
        ("+CGREG: 0,8", Registration.DENIED),
        ("+CEREG: 1,6", Registration.HOME),
        ("+CEREG: 1,10", Registration.ROAMING),
        ("+CREG:", Registration.NONE),
    ],
)
def test_an_answer_has_its_state_second(line: str, state: Registration) -> None:
    assert registration.answered(line) is state


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("+CREG: 5", ("+CREG:", Registration.ROAMING)),
        ('+CREG: 1,"4CA","81DE445"', ("+CREG:", Registration.HOME)),
        ("+CEREG: 2", ("+CEREG:", Registration.SEARCHING)),
        ("+CSQ: 5", None),
        ("RING", None),
    ],
)
def test_an_unsolicited_code_has_its_state_first(line: str, told: tuple[str, Registration] | None) -> None:
    assert registration.told(line) == told


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 21,99", -71), ("+CSQ: 0,0", -113), ("+CSQ: 31,0", -51), ("+CSQ: 99,99", None), ("+CSQ:", None)],
)
def test_signal_strength(line: str, dbm: int | None) -> None:
    assert registration.dbm(line) == dbm


@pytest.mark.parametrize(
    ("line", "name"), [('+COPS: 0,0,"Acme, Ltd",7', "Acme, Ltd"), ("+COPS: 0", None), ('+COPS: 0,2,"26001"', "26001")]
)
def test_the_operators_name(line: str, name: str | None) -> None:
    assert registration.operator(line) == name


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ('+CUSD: 0,"Your balance is 12.50 PLN",15', Reply(End.DONE, "Your balance is 12.50 PLN")),
        ('+CUSD: 1,"1. Balance",15', Reply(End.MORE_WANTED, "1. Balance")),
        ("+CUSD: 4", Reply(End.NOT_SUPPORTED, "")),
        ('+CUSD: 0,"E8329BFD06",15', Reply(End.DONE, "hello")),
        ('+CUSD: 0,"00420061006C0061006E00630065",72', Reply(End.DONE, "Balance")),
        ('+CUSD: 2,"",0', Reply(End.ENDED_BY_NETWORK, "")),
    ],
)
def test_ussd_answers(line: str, reply: Reply) -> None:
    assert ussd.decode(line) == reply


def test_ussd_codes_in_each_style() -> None:
    assert ussd.encode("*100#", Style.TEXT) == "*100#"
    assert ussd.encode("*100#", Style.PACKED) == "AA180C3602"
    assert ussd.encode("*100#", Style.UCS2) == "002A0031003000300023"


@given(st.text("0123456789*#", min_size=1, max_size=100))
def test_packed_codes_come_back(code: str) -> None:
    assert ussd.decode(f'+CUSD: 0,"{ussd.encode(code, Style.PACKED)}",15').text in {
        code,
        ussd.encode(code, Style.PACKED),
    }


@pytest.mark.parametrize("code", ["", "*100#\r", '*100#",15;+CMGS=1', "hello", "*" * 161])
def test_what_is_no_ussd_code_never_reaches_the_command_line(code: str) -> None:
    with pytest.raises(InvalidField):
        ussd.encode(code, Style.TEXT)


@given(st.text(max_size=80))
def test_no_ussd_answer_breaks_the_reading(text: str) -> None:
    ussd.decode(f"+CUSD: {text}")


@pytest.mark.parametrize(
    ("text", "pattern", "amount"),
    [
        ("Your balance is 12.50 PLN", r"balance is ([\d.,]+)", Decimal("12.50")),
        ("Konto: 3,20 zl", r"Konto: ([\d.,]+)", Decimal("3.20")),
        ("Konto: 1 234,5 zl", r"Konto: (.*) zl", Decimal("1234.5")),
        ("Credit 1,234.50 left", r"Credit (\S+)", Decimal("1234.50")),
        ("Credit 1.234 left", r"Credit (\S+)", Decimal(1234)),
        ("Saldo -0,10", r"Saldo (.*)", Decimal("-0.10")),
        ("Sorry", r"([\d.,]+)", None),
        ("x.y", r"x(\.)y", None),
        ("12", r"12", None),
    ],
)
def test_the_balance_in_an_answer(text: str, pattern: str, amount: Decimal | None) -> None:
    assert ussd.balance(text, pattern) == amount
