"""Brings one modem up in named steps, so that a log line can name the one that failed.

Each step is one method, tried in the order of ``Step``; each command carries its own time-out (at/commands.py). What
27.005 leaves open is chosen from what the modem lists, never assumed.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum

from modemd import log
from modemd.at import codes, commands, grammar
from modemd.at.commands import Command
from modemd.at.dialect import Dialect
from modemd.at.link import Link
from modemd.errors import BringUpError, CommandFailed, CommandTimeout, ModemLost
from modemd.pool import storage
from modemd.pool.modem import Modem
from modemd.pool.network import Network
from modemd.pool.questions import Questions
from modemd.pool.settings import Settings

QUIET_S = 0.1
"""Silence that ends the answers to what was sent before: a modem answers ESC and AT within milliseconds."""
AWAKE_TRIES = 3
"""How often a modem that was awake is sent ``AT``, a second apart, before it counts as silent."""


class Step(StrEnum):
    """The steps, in their order."""

    LISTEN = "listen"
    SYNC = "sync"
    ECHO = "echo"
    ERRORS = "errors"
    IDENTITY = "identity"
    SETUP = "setup"
    SIM = "sim"
    SUBSCRIBER = "subscriber"
    SERVICE = "service"
    MODE = "mode"
    STORAGE = "storage"
    NOTIFY = "notify"
    KEEP_LINK = "keep link"
    SMSC = "smsc"
    REGISTRATION = "registration"
    SIGNAL = "signal"


class BringUp:
    """One bring-up of one modem over a fresh link."""

    def __init__(self, modem: Modem, link: Link, settings: Settings, *, booting: bool) -> None:
        """``booting``: the modem may just have been switched on, and is given the time for it."""
        self.link = link
        self.network = Network(modem, link, roaming=settings.roaming)
        self._modem = modem
        self._link = link
        self._questions = Questions(link)
        self._settings = settings
        self._booting = booting
        self._iccid: str | None = None
        self._steps: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.LISTEN: self._listen,
            Step.SYNC: self._sync,
            Step.ECHO: self._echo,
            Step.ERRORS: self._errors,
            Step.IDENTITY: self._identity,
            Step.SETUP: self._setup,
            Step.SIM: self._sim,
            Step.SUBSCRIBER: self._subscriber,
            Step.SERVICE: self._service,
            Step.MODE: self._mode,
            Step.STORAGE: self._storage,
            Step.NOTIFY: self._notify,
            Step.KEEP_LINK: self._keep_link,
            Step.SMSC: self._smsc,
            Step.REGISTRATION: self._registration,
            Step.SIGNAL: self.network.signal,
        }

    async def run(self, before: Callable[[Step], None]) -> None:
        """Take every step; ``before`` is told each. Raises BringUpError naming the step, or what lost the link."""
        for step in Step:
            before(step)
            try:
                await self._steps[step]()
            except CommandFailed as refusal:
                meaning = codes.meaning(refusal.family, refusal.number, vendor=self._link.dialect.vendor)
                raise BringUpError(step, f"{refusal.detail}: {meaning.words}", code=refusal.code) from None

    async def _listen(self) -> None:
        """Nothing is sent before a predecessor's Ctrl-Z is answered, where one is owed, and the modem is silent."""
        await self._link.overhear(self._settings.owed_s(self._modem.port))
        quiet_s = self._settings.listen_s(self._modem.port)
        await self._link.listen(quiet_s, max(quiet_s, self._settings.listen_at_most_s))

    async def _sync(self) -> None:
        """Leave a prompt that a predecessor left open, then agree on who speaks."""
        self._link.escape()
        await self._link.listen(max(QUIET_S, self._link.dialect.escape_rest_s), 1.0)
        await self._link.attend(self._link.dialect.attention_tries if self._booting else AWAKE_TRIES)
        await self._link.listen(QUIET_S, 2.0)
        self._link.watch_restarts()

    async def _echo(self) -> None:
        """Where ``ATE0`` works, a later echo proves a restart. Some phones want it twice (N900, ModemManager)."""
        for attempt in (commands.ECHO_OFF, commands.ECHO_ON, commands.ECHO_OFF):
            await self._questions.attempt(attempt)
            self._link.echoed = False
            await self._link.ask(commands.ATTENTION)
            if not self._link.echoed:
                break
        self._link.echo_proves_restart = not self._link.echoed

    async def _errors(self) -> None:
        await self._questions.attempt(commands.ERRORS_BY_NUMBER)

    async def _identity(self) -> None:
        modem = self._modem
        modem.maker = await self._questions.text(commands.MAKER)
        modem.model = await self._questions.text(commands.MODEL)
        modem.revision = await self._questions.text(commands.REVISION)
        modem.imei = commands.imei_of(await self._questions.first(commands.SERIAL_NUMBER))
        if modem.maker is None and modem.model is None:
            raise BringUpError(
                Step.IDENTITY, "the port answers, but names no maker and no model", cure="use the modem's other port"
            )
        dialect = self._settings.dialects.of(" ".join(filter(None, (modem.maker, modem.model, modem.revision))))
        self._link.dialect = dialect
        modem.dialect = dialect.name

    async def _setup(self) -> None:
        for text in self._dialect.setup:
            await self._questions.attempt(Command(text))
        try:
            taken = await self._questions.accepts(commands.characters("GSM"))
        except CommandTimeout:
            taken = await self._questions.accepts(commands.characters("GSM"))
        if not taken:
            await self._questions.attempt(commands.characters("IRA"))

    async def _sim(self) -> None:
        """The ICCID comes first, for a PIN may belong to one SIM."""
        self._iccid = await self._read_iccid()
        await self._settings.pins.unlock(self._link, self._iccid, f"imei:{self._modem.imei} {self._modem.port}")

    async def _subscriber(self) -> None:
        iccid = self._iccid or await self._read_iccid()
        imsi = commands.imsi_of(await self._questions.first(commands.SUBSCRIBER))
        self._modem.sim = iccid or imsi or f"port:{self._modem.port}"

    async def _service(self) -> None:
        await self._questions.attempt(commands.SERVICE)

    async def _mode(self) -> None:
        """PDU mode, read back: in text mode the length of a PDU would become a number."""
        await self._questions.patiently(commands.PDU_MODE)
        answer = await self._link.ask(commands.MODE)
        if not answer:
            raise ModemLost("answers come one command late", code="out_of_step")
        if grammar.after("+CMGF:", answer[0]) != "0":
            raise BringUpError(Step.MODE, "the modem stays in text mode", cure="it cannot be used in PDU mode")
        if self._dialect.one_line and self._modem.takes_one_line:
            proof = await self._questions.attempt(commands.MODE_SET_AND_READ)
            self._link.one_line = [grammar.after("+CMGF:", line) for line in proof] == ["0"]

    async def _storage(self) -> None:
        modem = self._modem
        listed = await self._questions.first(commands.STORAGES)
        modem.storage_setting = ()
        for names in storage.preferences(listed):
            if await self._questions.accepts(commands.use_storage(*names)):
                modem.storage_setting = names
                break
        deaf = storage.cannot_receive(listed)
        modem.storages_to_read = () if deaf else storage.readable(listed, modem.storage_setting)
        use = await self._questions.attempt(commands.STORAGE_USE)
        if use:
            modem.storage_used, modem.storage_total = storage.use(use[0])
            modem.storage_setting = storage.names(use[0]) or modem.storage_setting

    async def _notify(self) -> None:
        listed = await self._questions.attempt(commands.NOTIFY_VALUES)
        for setting in _offered(self._dialect.notify, listed[0] if listed else ""):
            if await self._questions.accepts(commands.notify(*setting)):
                return
        log.event("modem.no_notifications", level="WARNING", modem=self._modem.name)

    async def _keep_link(self) -> None:
        self._modem.keeps_link = self._dialect.keep_link and await self._questions.accepts(commands.KEEP_LINK)

    async def _smsc(self) -> None:
        """Read only: a missing SMSC refuses every message with CMS 330."""
        answer = await self._questions.patiently(commands.SMSC)
        number = grammar.fields(grammar.after("+CSCA:", answer[0]))[0] if answer else None
        self._modem.smsc_known = bool(number)
        if number == "":
            raise BringUpError(
                Step.SMSC, "the SIM holds no SMSC number", cure="set it, or use another SIM", code="smsc_unknown"
            )

    async def _registration(self) -> None:
        await self.network.follow()
        await self.network.joined()

    async def rejoin(self) -> None:
        """The network was lost: wait for it, and read again what it may have changed."""
        await self.network.joined()
        await self._smsc()
        await self.network.signal()

    @property
    def _dialect(self) -> Dialect:
        return self._link.dialect

    async def _read_iccid(self) -> str | None:
        for text in self._dialect.iccid:
            for line in await self._questions.attempt(commands.iccid(text)):
                if found := commands.iccid_of(line):
                    return found
        return None


def _offered(wanted: Iterable[tuple[int, ...]], listed: str) -> Iterable[tuple[int, ...]]:
    """The settings to try, best first: those the modem lists, then the others, for lists are not always true."""
    sets = grammar.value_sets(grammar.after("+CNMI:", listed))
    if len(sets) != 5:
        return wanted
    *rest, buffering = sets
    fitting = [(*setting[:4], setting[4] if setting[4] in buffering else min(buffering)) for setting in wanted]
    good = [setting for setting in fitting if all(value in group for value, group in zip(setting, rest, strict=False))]
    return dict.fromkeys(itertools.chain(good, fitting))
