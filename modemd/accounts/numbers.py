"""Mobile numbers as people write them, brought to E.164 by libphonenumber's tables.

A number is refused when it has not the length of a mobile number of its country, unless it is a valid number of
another kind. Whether it is assigned only the network knows: numbering plans open new ranges before any table learns
of them, and a wrong refusal here could not be healed by the user, while one by the network is cheap and tells why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypedDict

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, PhoneNumberType, ValidationResult

from modemd.errors import ConfigError, InvalidField

_FORM = re.compile(r"\s*\+?[\d\s().\-/\u2010-\u2015]{2,38}\s*")
_CURE = "write it as + and country code and number, for example +48600100200"


class Rejected(TypedDict):
    """A recipient that cannot be sent to; ``to`` as the caller wrote it.

    A plain dictionary, as every row of a receipt: ten thousand objects of a class would be walked by each full garbage
    collection, which stops the loop for tens of milliseconds.
    """

    to: str
    code: str
    detail: str


class Numbers:
    """Reads numbers; those without a country code belong to the home region."""

    def __init__(self, region: str = "PL", short_codes: Iterable[str] = ()) -> None:
        if not phonenumbers.country_code_for_region(region):
            raise ConfigError("the home region is no ISO 3166 country code", cure='write it like "PL"')
        self.region = region
        self.short_codes = frozenset(short_codes)
        self._home = _home(region)

    def normalise(self, raw: str, field: str = "to") -> str:
        """E.164 with the plus sign, or a configured short code. Raises InvalidField, code ``invalid_number``."""
        compact = raw.strip()
        if compact in self.short_codes or self._home.fullmatch(compact):
            return compact
        detail = self._fault(compact)
        if isinstance(detail, str):
            raise InvalidField(field, detail, cure=_CURE, code="invalid_number")
        return phonenumbers.format_number(detail, PhoneNumberFormat.E164)

    def _fault(self, raw: str) -> str | phonenumbers.PhoneNumber:
        """The number, or why it is none."""
        if not _FORM.fullmatch(raw):
            return "this is not a telephone number"
        try:
            number = phonenumbers.parse(raw, self.region)
        except NumberParseException as error:
            if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
                return "no country has this country code"
            return "this is not a telephone number"
        length = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
        if length == ValidationResult.IS_POSSIBLE or phonenumbers.is_valid_number(number):
            return number
        return _LENGTH_FAULTS.get(length, "no number of this country looks like this")


def _home(region: str) -> re.Pattern[str]:
    """E.164 numbers of the home region that need no look-up, a tenth of the cost: most of what is sent.

    Only where no national prefix could hide behind the country code; a number in this form stands for itself.
    """
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.national_prefix_for_parsing is not None or metadata.mobile is None:
        return re.compile(r"(?!)")
    lengths = "|".join(rf"[1-9][0-9]{{{length - 1}}}" for length in metadata.mobile.possible_length)
    return re.compile(rf"\+{metadata.country_code}(?:{lengths})")


_LENGTH_FAULTS = {
    ValidationResult.TOO_SHORT: "the number is too short for its country",
    ValidationResult.TOO_LONG: "the number is too long for its country",
    ValidationResult.INVALID_LENGTH: "no number of this country has this length",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.INVALID_COUNTRY_CODE: "no country has this country code",
}


def sort(numbers: Numbers, raws: Iterable[str]) -> tuple[list[str], list[Rejected]]:
    """Normalised numbers, each once, in order; and what is none."""
    accepted: dict[str, None] = {}
    rejected: list[Rejected] = []
    for raw in raws:
        try:
            accepted[numbers.normalise(raw)] = None
        except InvalidField as error:
            rejected.append(Rejected(to=raw, code=error.code, detail=error.detail))
    return list(accepted), rejected
