"""The search in a child process: finds in every form, tells names of files only, disturbs nobody, and always ends."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from modemd.accounts.file_search import MOST_NAMED, FileSearch, Findings, Places
from modemd.at.pdu import segments
from modemd.at.pdu.alphabet import DEFAULT
from modemd.values import Sms

EMAIL, PHONE, NUMBER, TEXT = "wilhelmina.zgrzyt@example.org", "+48600200300", "+48600777123", "kwiecisty jarmark 4711"
WORDS = [EMAIL, PHONE, NUMBER, TEXT]
PDU = segments(Sms(NUMBER, f"xyz{TEXT}"), reference=1)[0].pdu
PLANTED = {
    "utf-8": b"to=" + EMAIL.encode(),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "digits": b"0048600200300",
    "a PDU": bytes.fromhex(PDU),
    "a PDU as hex": PDU.encode(),
    "a PDU as lower hex": PDU.lower().encode(),
    "semi-octets as hex": b"8406707721F3",
    "hex": TEXT.encode().hex().encode(),
    "base64": base64.b64encode(b"ab" + EMAIL.encode()),
    "UCS-2 as HEX": TEXT.encode("utf-16-be").hex().upper().encode(),
    "an entry of a phone book": b"\x07\x91" + bytes.fromhex("8406200003F0"),
}
NOISE = random.Random(11)


def searching(*paths: Path, left_out: tuple[Path, ...] = (), limit_s: float = 60.0) -> FileSearch:
    return FileSearch(lambda: Places(paths, left_out), DEFAULT.encode, limit_s)


def large(folder: Path, mebibytes: int) -> None:
    """A file that takes a while: what sealed rows look like, and a log."""
    piece = NOISE.randbytes(1 << 19) + (b"2026-11-22T22:46:31.123Z INFO message.sent\n" * 13_000)[: 1 << 19]
    with (folder / "large").open("wb") as file:
        for _ in range(mebibytes):
            file.write(piece)


def children() -> list[int]:
    """The searches that are children of this process."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"file_search" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


@asynccontextmanager
async def under_way(search: FileSearch) -> AsyncIterator[tuple[asyncio.Task[Findings | None], int]]:
    """A search that has begun, and its process."""
    task = asyncio.create_task(search.search(WORDS))
    try:
        yield task, await _one_child()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _one_child(but: int = 0) -> int:
    async with asyncio.timeout(20):
        while not (found := [child for child in children() if child != but]):
            await asyncio.sleep(0.01)
    return found[0]


async def reads(child: int, mebibytes: int) -> None:
    """Wait until a search has read so much."""
    async with asyncio.timeout(20):
        while int((Path("/proc") / str(child) / "io").read_text().split()[1]) < mebibytes << 20:
            await asyncio.sleep(0.01)


async def test_what_was_planted_is_found_in_each_form_and_only_its_file_is_named(tmp_path: Path) -> None:
    clean = NOISE.randbytes(100_000)
    (tmp_path / "clean").write_bytes(clean)
    for name, planted in PLANTED.items():
        (tmp_path / name).write_bytes(clean + planted + clean)
    findings = await searching(tmp_path).search(WORDS)
    assert findings == Findings(sorted(str(tmp_path / name) for name in PLANTED))


async def test_where_nothing_is_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(NOISE.randbytes(3_000_000))
    (tmp_path / "others").write_text("somebody.else@example.org +48600200301 kwiecisty jarmark 4712")
    assert await searching(tmp_path).search(WORDS) == Findings()


async def test_a_file_whose_name_tells_is_found_and_not_named(tmp_path: Path) -> None:
    (tmp_path / "48600200300.txt").write_text("nothing in it")
    folder = tmp_path / f"of {EMAIL}"
    folder.mkdir()
    (folder / "notes").write_text(TEXT)
    findings = await searching(tmp_path).search(WORDS)
    assert findings == Findings([f"{tmp_path}/…"])


async def test_the_operators_own_configuration_is_left_out(tmp_path: Path) -> None:
    for name in ("modemd.toml", "notes.txt"):
        (tmp_path / name).write_text(f'seller = "{EMAIL}"')
    search = searching(tmp_path, left_out=(tmp_path / "modemd.toml",))
    assert await search.search(WORDS) == Findings([str(tmp_path / "notes.txt")])


async def test_what_cannot_be_read_is_named_and_the_rest_is_searched(tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(PHONE)
    away = tmp_path / "unplugged"
    assert await searching(away, tmp_path).search(WORDS) == Findings([str(tmp_path / "leak")], [str(away)])


async def test_zeros_and_rulers_are_nobodys_words(tmp_path: Path) -> None:
    """An SMS of twenty @ is zeros in septets, as are the free pages of a database."""
    (tmp_path / "zeros").write_bytes(bytes(100_000) + b"=" * 100)
    assert await searching(tmp_path).search(["@" * 30, "=" * 30]) == Findings()


async def test_a_multitude_of_files_is_told_by_the_first_ones(tmp_path: Path) -> None:
    for number in range(MOST_NAMED + 5):
        (tmp_path / f"{number:03}").write_text(PHONE)
    findings = await searching(tmp_path).search(WORDS)
    assert findings is not None
    assert [*findings.found[:2], findings.found[-1]] == [str(tmp_path / "000"), str(tmp_path / "001"), "and 5 more"]


async def test_no_word_is_in_the_arguments_or_the_environment_of_a_process_of_lowest_priority(tmp_path: Path) -> None:
    large(tmp_path, 200)
    async with under_way(searching(tmp_path)) as (_, child):
        await reads(child, 10)
        process = Path("/proc") / str(child)
        told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert [word for word in WORDS if word.encode() in told] == []
        assert os.getpriority(os.PRIO_PROCESS, child) == 19
        assert "Max core file size        0" in (process / "limits").read_text()
    assert children() == []


async def test_the_loop_goes_on_while_200_mb_are_searched(tmp_path: Path) -> None:
    large(tmp_path, 200)
    task = asyncio.create_task(searching(tmp_path).search(WORDS))
    late, start = [], time.monotonic()
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        late.append(time.monotonic() - before - 0.001)
    assert await task == Findings()
    assert len(late) > 100, f"the search was over after {time.monotonic() - start:.1f} s"
    late.sort()
    assert late[len(late) * 95 // 100] < 0.01, "a modem would notice"


async def test_a_search_that_is_killed_is_begun_anew(tmp_path: Path) -> None:
    large(tmp_path, 100)
    (tmp_path / "leak").write_text(PHONE)
    async with under_way(searching(tmp_path)) as (task, child):
        os.kill(child, signal.SIGKILL)
        await _one_child(but=child)
        assert await task == Findings([str(tmp_path / "leak")])


async def test_one_that_is_killed_again_and_again_is_given_up(tmp_path: Path) -> None:
    large(tmp_path, 200)
    async with under_way(searching(tmp_path)) as (task, _):
        while not task.done():
            for child in children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            await asyncio.sleep(0.005)
        assert await task is None


async def test_one_that_takes_too_long_says_how_far_it_came(tmp_path: Path) -> None:
    large(tmp_path, 200)
    (tmp_path / "a leak").write_text(PHONE)
    start = time.monotonic()
    findings = await searching(tmp_path, limit_s=0.5).search(WORDS)
    assert time.monotonic() - start < 5, "a second one would take as long"
    how_far = f"{tmp_path / 'large'} and what comes after it, the time was up"
    assert findings == Findings([str(tmp_path / "a leak")], [how_far])


async def test_one_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large(tmp_path, 200)
    monkeypatch.setattr("modemd.accounts.file_search.GRACE_S", 0.0)
    async with under_way(searching(tmp_path, limit_s=1.0)) as (task, child):
        os.kill(child, signal.SIGSTOP)
        assert await asyncio.wait_for(task, 10) is None
    assert children() == []


async def test_a_name_that_is_no_utf_8_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"zg\xb3oszenia")
    folder.mkdir()
    (folder / "leak").write_text(PHONE)
    assert await searching(folder).search(WORDS) == Findings([f"{tmp_path}/zg\ufffdoszenia/leak"])


async def test_it_ends_with_the_daemon(tmp_path: Path, ended: Callable[[int], None]) -> None:
    """What is left of a daemon that was killed is a pipe that is closed."""
    large(tmp_path, 200)
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DAEMON, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert daemon.stdout is not None
    child = int(await asyncio.wait_for(daemon.stdout.readline(), 20))
    await reads(child, 5)
    daemon.kill()
    await daemon.wait()
    await asyncio.to_thread(ended, child)


_DAEMON = """
import asyncio, sys
from pathlib import Path
from modemd.accounts import file_search
from modemd.accounts.file_search import FileSearch, Places
real = file_search._exchange
async def exchange(child, order):
    print(child.pid, flush=True)
    return await real(child, order)
file_search._exchange = exchange
asyncio.run(FileSearch(lambda: Places([Path(sys.argv[1])]), lambda word: None).search(["kwiecisty jarmark"]))
"""


@pytest.fixture
def ended() -> Callable[[int], None]:
    """Wait until a process that is nobody's child is gone."""

    def wait(number: int) -> None:
        deadline = time.monotonic() + 10
        status = Path("/proc") / str(number) / "status"
        while status.exists() and "zombie" not in status.read_text():
            assert time.monotonic() < deadline, "it is still searching"
            time.sleep(0.01)

    return wait
