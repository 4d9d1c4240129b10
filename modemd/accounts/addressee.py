"""To whom a queued message goes, without making anything of it."""

from __future__ import annotations

from modemd.accounts import letter
from modemd.accounts.vault import Vault
from modemd.queue import Message
from modemd.values import Sms


class Addressee:
    """Opens messages to read their recipient and validity, as status reports need it.

    Unlike `Sending.open` it mints no password: that is for a message about to be sent, once.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def open(self, message: Message) -> Sms:
        """The message as it was accepted; for any thread. Raises Unreadable."""
        return letter.decode(self._vault.open(message.account, letter.BODY, message.id, message.body)).sms
