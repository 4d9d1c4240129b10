"""What the service itself sends to its users: passwords, and word that an account exists. Nothing else."""

from __future__ import annotations

from modemd.accounts import letter
from modemd.accounts.directory import Account
from modemd.accounts.letter import Letter
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.errors import NotFound
from modemd.queue import Draft, Envelope, Idempotency, IfUncertain, Queue, Repeated
from modemd.values import Lane, Sms

LIFE = 15 * 60
"""Seconds a password waits to be sent; who asked has given up by then."""

FIRST = f"Your modemd password is {letter.BLANK} - log in with it and this number, or your e-mail address."
RESET = f"Your new modemd password is {letter.BLANK} - it replaces the old one when you use it within 30 minutes."
KNOWN = "Somebody, probably you, tried to register this number with modemd. It has an account: ask for a new password."


class Notices:
    """Writes to the phones of accounts, in the lane before all others."""

    def __init__(self, queue: Queue, vault: Vault, clock: Clock) -> None:
        self._queue = queue
        self._vault = vault
        self._clock = clock

    async def send(self, account: Account, text: str, cause: str) -> bool:
        """Queue a notice of one segment, once for each ``cause``; whether it was not queued before.

        Where the text has a blank, a password is made when the message is prepared for the air. An uncertain one
        counts as failed: the user asks again. Raises NotFound if the account has no phone, StorageError.
        """
        if account.phone is None:
            raise NotFound("the account has no phone", cure="the operator's own account is used by its keys")
        now, number = self._clock.now(), self._queue.ids.next()
        sms = Sms(account.phone, text, valid_for=LIFE)
        with self._vault.unit(account.id) as box:
            body = box.seal(letter.BODY, number, letter.encode(Letter(sms, password=letter.BLANK in text)))
            draft = Draft(number, body, 1, box.tag("to", account.phone))
            once = Idempotency(box.tag("notice", cause), box.tag("notice", text))
        envelope = Envelope(account.id, Lane.SYSTEM, now, now + LIFE * SECOND, IfUncertain.FAIL)
        try:
            await self._queue.submit(envelope, [draft], once)
        except Repeated:
            return False
        return True
