"""Limits of SIMs and of accounts on a running service: what the network sees of them, and what users are told.

Where a limit ends with the calendar, every part of the service runs in this process on a clock that is near the end of
a month; everywhere else it is the daemon as a process.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from hw_sim.sim_card import SimCard
from journey import Daemon, numbers, until

from modemd import config
from modemd.clock import SECOND, SystemClock
from modemd.service.service import Service

KATHMANDU = ZoneInfo("Asia/Kathmandu")
"""A zone whose hours begin at a quarter past: 5:45 from UTC."""
TURN = datetime(2026, 12, 1, tzinfo=KATHMANDU)
"""When a minute, an hour, a day and a month begin there all at once."""
SIMS = [SimCard.numbered(index).iccid for index in range(4)]
AHEAD_S = 10
"""How long before it the clock is put: time enough to send what the old month allows, on a busy machine too."""
LONG = "seven hundred and sixty-five characters take five segments, " * 12


class ShiftedClock(SystemClock):
    """The machine's clock, so many microseconds off."""

    shift = 0

    def now(self) -> int:
        return super().now() + self.shift

    def put(self, moment: datetime) -> None:
        """Let it be this moment now."""
        self.shift = round(moment.timestamp() * SECOND) - super().now()

    def shown(self, real: float) -> datetime:
        """What it shows at a moment of the real clock, in unix seconds."""
        return datetime.fromtimestamp(real + self.shift / SECOND, UTC)


@asynccontextmanager
async def serving(folder: Path, bank: BankProcess, clock: ShiftedClock, toml: str) -> AsyncIterator[Service]:
    """Every part of the daemon in this process, all modems ready."""
    (folder / "state").mkdir(exist_ok=True)
    (folder / "limits.toml").write_text(toml)
    options: dict[str, dict[str, Any]] = {
        "modems": {"ports": bank.ports, "discover": False},
        "server": {"listen": "127.0.0.1:0"},
    }
    service = Service(config.load(folder / "state", folder / "limits.toml", options=options), clock)
    await service.start()
    try:
        async with asyncio.timeout(20):
            await service.floor.pool.until(lambda modems: all(modem.may_send for modem in modems))
        yield service
    finally:
        await service.stop()


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)


async def post(service: Service, key: str, to: Sequence[str], text: str) -> httpx.Response:
    """POST /v1/messages over HTTP."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}") as client:
        body = {"to": list(to), "text": text}
        return await client.post("/v1/messages", json=body, headers={"Authorization": f"Bearer {key}"})


async def an_account(service: Service) -> str:
    account = await service.accounts.directory.create("limits@example.org", "+48600999111")
    return (await service.accounts.keys.mint(account.id))[1]


async def test_each_sim_sends_what_its_minute_hour_day_and_month_allow_in_the_operators_zone(
    hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    bank, clock = hw_sim_bank("--air", "0.05", modems=4), ShiftedClock()
    units = zip(SIMS, ("minute", "hour", "day", "month"), strict=True)
    toml = '[limits]\ntime_zone = "Asia/Kathmandu"\n'
    toml += "".join(f'[sim."{sim}"]\nper_{unit} = 2\n' for sim, unit in units)
    after_a_month = TURN.replace(year=2027, month=1)
    ends = [*(TURN + timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days")), after_a_month]

    async with serving(tmp_path, bank, clock, toml) as service:
        key = await an_account(service)
        clock.put(TURN - timedelta(seconds=AHEAD_S))
        assert (await post(service, key, numbers(20), "by the calendar")).status_code == 202
        await eventually(lambda: _limited(service, [TURN] * 4))
        await eventually(lambda: _queued(service, 12))
        assert service.floor.able == 0
        await eventually(lambda: _limited(service, ends))
        await eventually(lambda: _queued(service, 4))

    by_modem: dict[int, list[bool]] = defaultdict(list)
    for entry in sorted(bank.air(), key=lambda entry: entry.started):
        by_modem[entry.modem].append(clock.shown(entry.started) >= TURN)
    assert by_modem == {modem: [False, False, True, True] for modem in range(4)}

    async with serving(tmp_path, bank, clock, toml) as service:
        await eventually(lambda: _limited(service, ends))
        assert (await service.status())["queue"]["queued"] == 4
    assert len(bank.air()) == 16, "a restart gives nothing free"


async def _queued(service: Service, count: int) -> bool:
    return int((await service.status())["queue"]["queued"]) == count


async def _limited(service: Service, ends: Sequence[datetime]) -> bool:
    """Whether the status says of each modem that it is limited until then."""
    said = [modem["limited_until"] for modem in (await service.status())["modems"]]
    return all(one is not None and datetime.fromisoformat(one) == end for one, end in zip(said, ends, strict=True))


async def test_an_accounts_day_ends_at_the_operators_midnight(hw_sim_bank: StartBank, tmp_path: Path) -> None:
    bank, clock = hw_sim_bank("--air", "0.05", modems=1), ShiftedClock()
    toml = '[limits]\ntime_zone = "Asia/Kathmandu"\naccount_per_day = 6\n'
    async with serving(tmp_path, bank, clock, toml) as service:
        key = await an_account(service)
        clock.put(TURN - timedelta(seconds=AHEAD_S))
        assert (await post(service, key, numbers(4), "this is within it")).status_code == 202
        refused = await post(service, key, numbers(3), "one too many")
        assert (refused.status_code, refused.json()["code"]) == (429, "limit_per_day")
        assert 1 <= int(refused.headers["Retry-After"]) <= AHEAD_S
        assert "2026-11-30T18:15:00.000Z" in refused.json()["cure"]
        assert (await post(service, key, numbers(2), "what was left")).status_code == 202
        await asyncio.sleep(int(refused.headers["Retry-After"]))  # as a client that obeys it does
        assert (await post(service, key, numbers(6), "a new day")).status_code == 202


def test_a_gap_is_kept_and_a_sim_meets_no_more_recipients_than_it_may(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = configured(daemon(bank), f'[sim."{SIMS[0]}"]\ngap = 0.5\n[sim."{SIMS[1]}"]\nrecipients_per_month = 2\n')
    modemd.begin(2)
    assert modemd.settled(modemd.send(numbers(6), "to six people")) == {"sent": 6}
    met = [entry.to for entry in bank.air() if entry.modem == 1]
    assert len(met) == 2
    assert modemd.modem("modem1")["limited_until"] is not None, "until the month ends it may send to nobody new"
    for known in met * 3:
        modemd.settled(modemd.send(known, "to one it has met"))
    assert {entry.to for entry in bank.air() if entry.modem == 1} == set(met)
    assert len([entry for entry in bank.air() if entry.modem == 1]) > 2
    begun = sorted(entry.started for entry in bank.air() if entry.modem == 0)
    assert len(begun) >= 4
    assert min(after - before for before, after in pairwise(begun)) > 0.45


def test_what_can_never_fit_is_refused_at_once_and_nothing_of_it_is_kept(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    toml = "[limits]\nper_day = 4\naccount_per_day = 9\naccount_per_month = 9\n"
    modemd = configured(daemon(hw_sim_bank("--air", "0.05", modems=1)), toml)
    modemd.start()
    modemd.open_account()
    modemd.private.numbers |= set(numbers(20))
    for to, text, field, code in (
        (numbers(1), LONG, "text", "text_too_long"),
        (numbers(10), "more than any month", "to", "limit_per_month"),
    ):
        answer = modemd.post(to, text)
        assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code), answer.text
        assert "Retry-After" not in answer.headers
    assert modemd.status()["totals"]["accepted"] == 0
    ids = modemd.send(numbers(9), "all it may")
    assert modemd.post(numbers(1), "one more").status_code == 429
    until(lambda: modemd.states()["sent"] == 4)
    assert modemd.modem("modem0")["limited_until"] is not None
    waiting = next(one for one in ids if modemd.message(one)["state"] == "queued")
    assert f"at its limit until {modemd.modem('modem0')['limited_until']}" in modemd.ask("why", id=waiting)["summary"]
    taken_back = [modemd.request("DELETE", f"/v1/messages/{one}").status_code for one in ids]
    assert Counter(taken_back) == {200: 5, 409: 4}
    assert modemd.post(numbers(5), "what was taken back is free again").status_code == 202


def test_an_account_has_its_own_sim_and_a_number_is_served_by_its_own_network(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=4)
    modemd = daemon(bank)
    modemd.start()
    strict_key = modemd.open_account("strict@example.org", "+48600999001")
    strict = modemd.ask("accounts.show", who="strict@example.org")["accounts"][0]["id"]
    other_key = modemd.open_account("other@example.org", "+48600999002")
    modemd.stop()
    configured(
        modemd,
        f'[sim."{SIMS[0]}"]\naccounts = ["{strict}"]\n'
        f'[sim."{SIMS[1]}"]\nhome = ["+48601"]\n[sim."{SIMS[2]}"]\nhome = ["+48602", "+4860199"]\n',
    ).start()
    modemd.ready(4)

    modemd.key = strict_key
    for_strict = numbers(6)
    modemd.settled(modemd.send(for_strict, "through its own SIM"))
    modemd.key = other_key
    homes = {f"+48601{place:06}": 1 for place in range(3)} | {f"+48602{place:06}": 2 for place in range(3)}
    homes |= {f"+4860199{place:04}": 2 for place in range(3)}
    for number in homes:
        modemd.settled(modemd.send(number, "one after the other"))
    crowd = numbers(12, first=100)
    modemd.settled(modemd.send(crowd, "all at once"))

    served = {entry.to: entry.modem for entry in bank.air()}
    assert {served[number] for number in for_strict} == {0}
    assert {number: served[number] for number in homes} == homes
    assert {served[number] for number in crowd} == {1, 2, 3}, "what is bound to an account serves nobody else"


def test_a_recipient_is_always_served_by_the_same_sim_where_that_is_set(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.03", modems=3)
    modemd = configured(daemon(bank), "[pool]\nsticky_sim = true\n")
    modemd.begin(3)
    recipients = numbers(15)
    for turn in range(3):
        modemd.settled(modemd.send(recipients, f"turn {turn}"))
        if turn == 1:
            modemd.stop()
            modemd.start()
            modemd.ready(3)
    served: dict[str, set[int]] = defaultdict(set)
    for entry in bank.air():
        served[entry.to].add(entry.modem)
    assert all(len(modems) == 1 for modems in served.values()), served
    assert len(set.union(*served.values())) == 3, "and yet each SIM has its share"


def configured(modemd: Daemon, toml: str) -> Daemon:
    """The daemon with this file in its state directory."""
    modemd.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (modemd.state_dir / "modemd.toml").write_text(toml)
    return modemd
