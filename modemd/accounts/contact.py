"""The e-mail address and the phone of an account: checked, and brought to the form they are looked up by."""

from __future__ import annotations

import re
from collections.abc import Collection

import phonenumbers

from modemd.accounts.numbers import Numbers
from modemd.errors import InvalidField

_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?")
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
_CURE = "write it like name@example.org"


def email(raw: str) -> str:
    """The address without surrounding blanks (RFC 5321 4.5.3.1 sizes, no quoted local part). Raises InvalidField."""
    address = raw.strip()
    local, _, domain = address.rpartition("@")
    labels = domain.split(".")
    good = (
        len(address) <= 254
        and _LOCAL.fullmatch(local)
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
    )
    if not good:
        raise InvalidField("email", "this is no e-mail address", cure=_CURE, code="invalid_email")
    return address


def email_key(address: str) -> str:
    """The form under which an address is looked up: people do not remember how they capitalised it."""
    return address.strip().casefold()


def mobile(raw: str, numbers: Numbers, countries: Collection[str]) -> str:
    """E.164 of a mobile number of one of these countries: only such may register. Raises InvalidField."""
    number = phonenumbers.parse(phone(raw, numbers))
    if phonenumbers.region_code_for_number(number) not in countries:
        cure = "numbers of " + ", ".join(sorted(countries)) + " may"
        raise InvalidField("phone", "numbers of this country may not register", cure=cure, code="country_not_allowed")
    if phonenumbers.number_type(number) not in _MOBILE:
        cure = "give a number that receives SMS"
        raise InvalidField("phone", "this is no mobile number", cure=cure, code="not_mobile")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone(raw: str, numbers: Numbers) -> str:
    """E.164. Raises InvalidField."""
    number = numbers.normalise(raw, "phone")
    if not number.startswith("+"):
        raise InvalidField("phone", "a short code is no phone", cure="give a mobile number", code="invalid_number")
    return number
