"""VAT ids of the EU: form and check digits, offline."""

from __future__ import annotations

import pytest

from modemd.accounts.billing.buyers import vat_id
from modemd.errors import InvalidField

GOOD = [
    *("ATU13585627", "BE0411905847", "BG175074752", "CY10259033P", "CZ25123891", "DE136695976", "DK13585628"),
    *("EE100931558", "EL094259216", "ES54362315K", "FI20774740", "FR83404833048", "HR33392005961", "HU12892312"),
    *("IE6433435F", "IT00743110157", "LT119511515", "LU15027442", "LV40003521600", "MT11679112", "NL004495445B01"),
    *("PL5260250274", "PT501964843", "RO18547290", "SE123456789701", "SI50223054", "SK2022749619"),
]
"""One of each country: published examples of their formats."""


@pytest.mark.parametrize("good", GOOD)
def test_an_id_of_each_country_is_taken_however_it_is_spaced(good: str) -> None:
    assert vat_id(good) == good
    assert vat_id(f" {good[:2].lower()} {good[2:5]}-{good[5:]} ") == good


@pytest.mark.parametrize("good", GOOD)
def test_a_wrong_digit_is_found(good: str) -> None:
    """In every country one digit of some place changes the check digit, or is it."""
    wrong = 0
    for place, character in enumerate(good):
        if place < 2 or not character.isdigit():
            continue
        try:
            vat_id(good[:place] + str((int(character) + 1) % 10) + good[place + 1 :])
        except InvalidField:
            wrong += 1
    assert wrong >= 5


@pytest.mark.parametrize("bad", ["", "x", "PL", "PL526025027", "5260250274", "CHE123456788", "US1", "ą" * 39, "1" * 41])
def test_what_is_none_is_refused_with_a_cure(bad: str) -> None:
    with pytest.raises(InvalidField) as caught:
        vat_id(bad)
    assert (caught.value.field, caught.value.code) == ("vat_id", "invalid_vat_id")
    assert "PL5260250274" in caught.value.cure
