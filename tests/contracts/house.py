"""A house in which accounts live and are forgotten, with a mirror of its key store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from modemd.accounts import erasing_rows, keystore
from modemd.accounts import request as requests
from modemd.accounts.directory import Account
from modemd.accounts.file_search import FileSearch
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Outside, Terms
from modemd.accounts.receipts import Swept
from modemd.at.pdu import count
from modemd.clock import ManualClock
from modemd.db import Database
from modemd.errors import StorageBusy
from modemd.queue import Queue

EMAIL, PHONE, OTHER = "wilhelmina.zgrzyt@example.org", "+48600200300", "+48600200301"
TEXT, TAG, NUMBER, KEY_NAME = "kwiecisty jarmark 4711", "tajna-akcja", "+48600777123", "kasa w Gdyni"


class House:
    """Accounts with a mirror of their key store, and what other parts do for an erasure."""

    def __init__(self, database: Database, folder: Path, files: FileSearch | None = None) -> None:
        self.database, self.folder, self.clock, self.files = database, folder, ManualClock(), files
        self.mirror = folder / "usb"
        self.mirror.mkdir()
        self.store = keystore.create(folder / "state.keys", mirrors=[self.mirror])
        self.scrubbed, self.busy = 0, False
        self.sims = {"8948000000000000011": "modem1", "8948000000000000033": "modem3"}
        self.absent: set[str] = set()
        self.refusing: set[str] = set()
        self.swept: list[str] = []
        self.accounts = self._built()

    def _built(self) -> Accounts:
        async def scrub() -> None:
            if self.busy:
                raise StorageBusy("another program reads")
            self.scrubbed += 1

        async def sweep(sim: str) -> Swept:
            if sim in self.absent:
                return Swept.AWAY
            self.swept.append(sim)
            return Swept.REFUSED if sim in self.refusing else Swept.DONE

        self.queue = Queue(self.database, self.clock, "node")
        return Accounts(
            self.database,
            self.store,
            self.queue,
            Terms(Numbers("PL")),
            count=lambda text: count(text).parts,
            capacity=lambda: 1e6,
            clock=self.clock,
            outside=Outside(scrub, lambda: self.sims, sweep, self.files),
        )

    async def restart(self) -> None:
        """As after a crash: only what is on disk is known."""
        self.accounts.close()
        self.store = keystore.load(self.folder / "state.keys", mirrors=[self.mirror])
        self.accounts = self._built()
        await self.accounts.start()

    async def lived(self, phone: str = PHONE, messages: int = 250) -> tuple[Account, str]:
        """An account that has used everything, and its API key."""
        account = await self.accounts.directory.create(EMAIL, phone)
        await asyncio.to_thread(self.accounts.credentials.issue, account.id)
        await self.accounts.sessions.open(account.id)
        _, key = await self.accounts.keys.mint(account.id, KEY_NAME)
        numbers = [NUMBER, *(f"+4860{place:07}" for place in range(messages - 1))]
        body = {"to": numbers, "text": TEXT, "tag": TAG}
        await self.accounts.sending.submit(account.id, requests.read(body, self.clock.now()), "once")
        later = {"to": NUMBER, "text": TEXT, "send_at": "2027-01-16T08:00:00Z"}
        await self.accounts.sending.submit(account.id, requests.read(later, self.clock.now()))
        await self._ended(account.id, messages // 2)
        return account, key

    async def _ended(self, account: int, messages: int) -> None:
        """Some of its messages have been sent; counted as the queue counts."""

        def end(tx: Any) -> None:
            rows = tx.execute("SELECT id FROM message WHERE account = ? AND state = 1 LIMIT ?", (account, messages))
            numbers = [row[0] for row in rows.fetchall()]
            for number in numbers:
                tx.execute("UPDATE message SET state = 4, sent_at = 1 WHERE id = ?", (number,))
                tx.execute(
                    "INSERT INTO event (message, account, at, part, what, code, detail)"
                    " VALUES (?, ?, 1, 1, 'x', '', '')",
                    (number, account),
                )
            tx.tally("state.queued", -messages)
            tx.tally("lane.1", -messages)
            tx.tally("total.sent", messages)

        await self.database.write(end)

    async def rows(self, account: int) -> dict[str, int]:
        return await self.database.read(lambda reader: erasing_rows.count(reader, account))

    async def everything(self) -> bytes:
        """Every value of every table, and every file of keys."""

        def dump(reader: Any) -> bytes:
            found = []
            for table in [*erasing_rows.tables(reader), "erasure", "tally"]:
                for row in reader.execute(f"SELECT * FROM {table}").fetchall():
                    found += [bytes(one) if isinstance(one, (bytes, memoryview)) else str(one).encode() for one in row]
            return b"\n".join(found)

        files = b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())
        return await self.database.read(dump) + files
