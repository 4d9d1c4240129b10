"""E-mail addresses and phones of accounts."""

from __future__ import annotations

import pytest

from modemd.accounts import contact
from modemd.accounts.numbers import Numbers
from modemd.errors import InvalidField


@pytest.mark.parametrize(
    "address",
    ["a@b.pl", "first.last+tag@sub.example.org", "o'brien@example.ie", "żółw@przykład.pl", "x@xn--bcher-kva.example"],
)
def test_addresses_in_use_are_taken(address: str) -> None:
    assert contact.email(f"  {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "a@", "@b.pl", "a@b", "a b@c.pl", "a@b..pl", ".a@b.pl", "a..b@c.pl", "a@-b.pl", "a@b-.pl"),
        *("a@@b.pl", "a@b.pl\r\nBcc: c@d.pl", "a@b.pl,c@d.pl", "<a@b.pl>", "x" * 65 + "@b.pl"),
        "a@" + "b." * 130 + "pl",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidField) as refused:
        contact.email(address)
    assert (refused.value.field, refused.value.code) == ("email", "invalid_email")


def test_an_address_is_looked_up_however_it_is_capitalised() -> None:
    assert contact.email_key("Jan.Kowalski@Example.ORG") == contact.email_key("jan.kowalski@example.org ")


def test_a_phone_is_no_short_code() -> None:
    numbers = Numbers("PL", ["7101"])
    assert contact.phone("600 100 200", numbers) == "+48600100200"
    with pytest.raises(InvalidField) as refused:
        contact.phone("7101", numbers)
    assert refused.value.field == "phone"
