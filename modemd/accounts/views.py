"""What an account holds as the account sees it: the same in the API, in its export and in webhooks."""

from __future__ import annotations

from typing import Any

import orjson

from modemd import ids
from modemd.accounts import letter
from modemd.accounts.api_keys import ApiKey
from modemd.accounts.directory import Account
from modemd.accounts.groups import Group
from modemd.accounts.opt_outs import OptOut
from modemd.accounts.passwords import LENGTH
from modemd.accounts.recipients import Recipient
from modemd.accounts.vault import Box
from modemd.clock import rfc3339
from modemd.queue import Message

View = dict[str, Any]
"""A JSON object (interface: HTTP API)."""


def message(found: Message, box: Box) -> View:
    """A message; a password in it is hidden."""
    sms, tag, password, _ = letter.opened(found, box)
    error = {"code": found.error_code, "detail": found.error_detail or ""} if found.error_code else None
    return {
        "id": ids.encode("m", found.id),
        "to": sms.to,
        "text": sms.text.replace(letter.BLANK, "•" * LENGTH) if password else sms.text,
        "parts": found.parts,
        "state": found.state.label,
        "lane": found.lane.name.lower(),
        "tag": tag,
        "created_at": rfc3339(found.created),
        "sent_at": rfc3339(found.sent_at),
        "delivered_at": rfc3339(found.delivered_at),
        "error": error,
    }


def inbound(number: int, created: int, body: bytes) -> View:
    """An inbound SMS, of what was sealed of it."""
    sender, text, sent_at = orjson.loads(body)
    return {
        "id": ids.encode("i", number),
        "from": sender,
        "text": text,
        "sent_at": rfc3339(sent_at),
        "received_at": rfc3339(created),
    }


def account(one: Account) -> View:
    """The account itself."""
    return {
        "id": ids.encode("a", one.id),
        "email": one.email,
        "phone": one.phone,
        "created_at": rfc3339(one.created),
    }


def api_key(key: ApiKey) -> View:
    """What is known of a key; of the key itself there is only a hash."""
    return {
        "id": ids.encode("k", key.id),
        "name": key.name,
        "created_at": rfc3339(key.created),
        "last_used_at": rfc3339(key.used),
    }


def recipient(one: Recipient) -> View:
    """A card of the address book."""
    card = one.card
    return {
        "id": ids.encode("r", one.id),
        "number": card.number,
        "name": card.name,
        "fields": card.fields,
        "created_at": rfc3339(one.created),
    }


def group(one: Group) -> View:
    """A group, and how many are in it."""
    return {
        "id": ids.encode("g", one.id),
        "name": one.name,
        "recipients": one.members,
        "created_at": rfc3339(one.created),
    }


def opt_out(one: OptOut) -> View:
    """A number that the account may not send to, and how that came."""
    return {
        "id": ids.encode("o", one.id),
        "number": one.number,
        "how": one.how.name.lower(),
        "created_at": rfc3339(one.created),
    }
