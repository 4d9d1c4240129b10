"""An invoice as it is printed: plain text, 76 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modemd.accounts.billing.tariff import Tariff

WIDTH = 76
DRAFT = "DRAFT of the month that has not ended - no invoice"


def printed(document: Mapping[str, Any]) -> str:
    """The text of an invoice as ``Invoices.issue`` gives it."""
    return "\n".join(line.rstrip() for line in _lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    number, buyer = document["number"], document["buyer"]
    yield f"INVOICE {number}" if number else DRAFT
    yield ""
    if number:
        yield f"Issued    {document['issued_at'][:10]}"
    yield f"Services  {document['month']}"
    yield ""
    yield from _party("Seller", document["seller"] or "–")
    yield from _party("Buyer", f"{buyer['name']}\n{buyer['address']}")
    if buyer["vat_id"]:
        yield f"          VAT id {buyer['vat_id']}"
    yield ""
    yield from _sums(document)
    yield ""
    yield "Paid from prepaid credit. Nothing is due."


def _party(name: str, lines: str) -> Iterator[str]:
    for place, line in enumerate(lines.splitlines()):
        yield f"{name if place == 0 else '':<10}{line}"


def _sums(document: Mapping[str, Any]) -> Iterator[str]:
    money = Tariff(currency=document["currency"], decimals=document["decimals"]).money
    yield f"{'':<34}{'segments':>10}{'price':>14}{'amount':>18}"
    yield "-" * WIDTH
    for line in document["lines"]:
        what = "SMS" if line["segments"] > 0 else "SMS not sent, given back"
        yield f"{what:<34}{line['segments']:>10}{money(line['price']):>14}{money(line['amount']):>18}"
    yield "-" * WIDTH
    yield f"{'Total':<58}{money(document['total']):>18}"
    if document["vat_percent"]:
        rate = f"of which VAT {document['vat_percent']} %"
        yield f"{rate:<58}{money(document['vat']):>18}"
