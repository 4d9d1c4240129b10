"""The tables of result codes: every code says something, and words stand for the same as numbers."""

from __future__ import annotations

import itertools

import pytest

from modemd.at.codes import CME, CMS, UNKNOWN, VENDORS, meaning, number_of


@pytest.mark.parametrize(
    ("family", "number"), [("cms", 400), ("cme", 999), ("error", None), ("error", 3), ("cms", None)]
)
def test_a_code_in_no_table_is_unknown(family: str, number: int | None) -> None:
    assert meaning(family, number) is UNKNOWN


def test_a_vendor_nobody_knows_uses_the_common_table() -> None:
    assert meaning("cms", 512, vendor="acme") is CMS[512]


@pytest.mark.parametrize(
    ("family", "text", "number"),
    [
        ("cms", "(U)SIM PIN required", 311), ("cms", "SIM PIN required", 311), ("cms", "USIM BUSY", 314),
        ("cms", "network timeout", 332), ("cms", "Network time-out", 332), ("cms", "unknown error", 500),
        ("cms", "SMSC address unknown", 330), ("cms", "Network out of order", 38), ("cms", " 322 ", 322),
        ("cms", "no +CNMA acknowledgement expected", 340), ("cms", "it rains", 500),
        ("cme", "SIM not inserted", 10), ("cme", "network timeout", 31), ("cme", "SIM PUK required", 12),
        ("cme", "incorrect password", 16), ("cme", "unknown", 100), ("cme", "it rains", 100),
        ("error", "COMMAND NOT SUPPORT", None),
    ],
)  # fmt: skip
def test_errors_in_words_are_the_numbers_they_stand_for(family: str, text: str, number: int | None) -> None:
    assert number_of(family, text) == number


def test_every_name_in_the_tables_is_understood_when_given_in_words() -> None:
    for family, table in (("cms", CMS), ("cme", CME)):
        for number, code in table.items():
            assert table[number_of(family, code.name) or 0].name == code.name, (family, number)


def test_every_entry_says_something_to_the_operator() -> None:
    for code in itertools.chain(CMS.values(), CME.values(), *(own.values() for own in VENDORS.values())):
        assert code.name
        assert code.words.endswith(".")
