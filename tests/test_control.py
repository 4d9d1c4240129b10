"""The control socket, from both ends: a real socket, the command line's own client in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from modemd import control, errors
from modemd.cli import daemon
from modemd.control import Control, Verb
from modemd.errors import AlreadyRunning, CommandFailed, Conflict, InvalidField, ModemdError, NotRunning, UsageError
from modemd.state_dir import control_socket

DEADLINE = 5


async def echo(args: dict[str, Any]) -> dict[str, Any]:
    return args


async def count(args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for number in range(args["to"]):
        yield {"number": number}


@asynccontextmanager
async def listening(state_dir: Path, **verbs: Verb) -> AsyncIterator[Control]:
    server = Control(control_socket(state_dir), {"echo": echo, "count": count, **verbs})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def ask(state_dir: Path, verb: str, **args: Any) -> dict[str, Any]:
    return await asyncio.to_thread(daemon.call, state_dir, verb, **args)


def say(state_dir: Path, words: bytes) -> bytes:
    """Write anything and read until the daemon closes."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(DEADLINE)
        raw.connect(str(control_socket(state_dir)))
        try:
            raw.sendall(words)
            return b"".join(iter(lambda: raw.recv(4096), b""))
        except (BrokenPipeError, ConnectionResetError):
            return b""


async def test_a_verb_answers_once(tmp_path: Path) -> None:
    async with listening(tmp_path):
        assert await ask(tmp_path, "echo", text="zażółć 🙂", to=["1"]) == {"text": "zażółć 🙂", "to": ["1"]}


async def test_a_verb_streams(tmp_path: Path) -> None:
    async with listening(tmp_path):
        answers = await asyncio.to_thread(lambda: list(daemon.stream(tmp_path, "count", to=3)))
    assert answers == [{"number": 0}, {"number": 1}, {"number": 2}]


async def test_nobody_else_can_reach_the_socket(tmp_path: Path) -> None:
    async with listening(tmp_path):
        assert stat.S_IMODE(control_socket(tmp_path).stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_peer_of_another_user_is_not_listened_to(tmp_path: Path) -> None:
    stranger = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('control.sock'); print(s.recv(100))"
    async with listening(tmp_path):
        tmp_path.chmod(0o755)
        control_socket(tmp_path).chmod(0o666)
        process = await asyncio.create_subprocess_exec(
            "/usr/bin/env", "python3", "-c", stranger, cwd=tmp_path, user=65534, stdout=asyncio.subprocess.PIPE
        )
        written, _ = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert written == b"b''\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may always command")
async def test_a_peer_that_is_not_our_user_is_not_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    async with listening(tmp_path):
        with pytest.raises(NotRunning):
            await ask(tmp_path, "echo")


@pytest.mark.parametrize(
    "error",
    [
        Conflict("it is sent", cure="leave it", code="not_cancellable"),
        InvalidField("to", "is no number", cure="write +48…"),
        NotRunning("x"),
        UsageError("x"),
    ],
)
async def test_an_error_arrives_as_what_it_was(tmp_path: Path, error: ModemdError) -> None:
    async def fails(_: dict[str, Any]) -> dict[str, Any]:
        raise error

    async with listening(tmp_path, fails=fails):
        with pytest.raises(type(error)) as caught:
            await ask(tmp_path, "fails")
    assert control.told(caught.value) == control.told(error)


async def test_an_error_with_a_signature_of_its_own_arrives_with_its_words(tmp_path: Path) -> None:
    async def fails(_: dict[str, Any]) -> dict[str, Any]:
        raise CommandFailed("cms", 38, command="AT+CMGS")

    async with listening(tmp_path, fails=fails):
        with pytest.raises(ModemdError, match="AT\\+CMGS was answered with cms-38"):
            await ask(tmp_path, "fails")


async def test_a_verb_that_stumbles_is_told_by_type_and_the_daemon_goes_on(tmp_path: Path) -> None:
    async def stumbles(_: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("a text")

    async with listening(tmp_path, stumbles=stumbles):
        with pytest.raises(ModemdError, match="KeyError") as caught:
            await ask(tmp_path, "stumbles")
        assert "a text" not in str(caught.value)
        assert await ask(tmp_path, "echo", a=1) == {"a": 1}


async def test_a_verb_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with pytest.raises(UsageError, match="does not know"):
            await ask(tmp_path, "fly")


async def test_an_error_in_the_middle_of_a_stream_comes_after_what_was_streamed(tmp_path: Path) -> None:
    async def breaks(_: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"number": 1}
        raise Conflict("no more")

    seen: list[dict[str, Any]] = []

    def read() -> None:
        seen.extend(iter(daemon.stream(tmp_path, "breaks")))

    async with listening(tmp_path, breaks=breaks):
        answers = await asyncio.to_thread(say, tmp_path, b'{"verb": "breaks", "args": {}}\n')
        with pytest.raises(Conflict):
            await asyncio.to_thread(read)
    assert [next(iter(json.loads(line))) for line in answers.splitlines()] == ["data", "error", "end"]


async def test_without_a_daemon_the_client_says_so(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / ("x" * 120)):
        with pytest.raises(NotRunning, match="modemd start"):
            await ask(place, "echo")


async def test_a_daemon_that_dies_before_it_answers_is_not_running(tmp_path: Path) -> None:
    waits = asyncio.Event()

    async def never(_: dict[str, Any]) -> dict[str, Any]:
        waits.set()
        await asyncio.Event().wait()
        return {}

    async with listening(tmp_path, never=never) as server:
        asked = asyncio.create_task(ask(tmp_path, "never"))
        await asyncio.wait_for(waits.wait(), DEADLINE)
        await server.stop()
        with pytest.raises(NotRunning):
            await asyncio.wait_for(asked, DEADLINE)


@pytest.fixture
def leave_a_stale_socket() -> Callable[[Path], None]:
    def leave(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))

    return leave


async def test_a_socket_left_by_a_dead_daemon_is_no_daemon_and_gives_way(
    tmp_path: Path, leave_a_stale_socket: Callable[[Path], None]
) -> None:
    leave_a_stale_socket(control_socket(tmp_path))
    with pytest.raises(NotRunning):
        await ask(tmp_path, "echo")
    async with listening(tmp_path):
        assert await ask(tmp_path, "echo", a=1) == {"a": 1}


async def test_a_second_daemon_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with pytest.raises(AlreadyRunning, match="already running"):
            await Control(control_socket(tmp_path), {}).start()
        assert await ask(tmp_path, "echo", a=1) == {"a": 1}


async def test_a_file_in_the_place_of_the_socket_is_left_alone(tmp_path: Path) -> None:
    control_socket(tmp_path).write_text("mine")
    with pytest.raises(errors.ConfigError, match="is no socket"):
        await Control(control_socket(tmp_path), {}).start()
    assert control_socket(tmp_path).read_text() == "mine"


async def test_a_stop_takes_the_socket_away_and_leaves_anothers(tmp_path: Path) -> None:
    async with listening(tmp_path):
        pass
    assert not control_socket(tmp_path).exists()
    async with listening(tmp_path):
        control_socket(tmp_path).unlink()
        async with listening(tmp_path):
            pass
        successor = Control(control_socket(tmp_path), {"echo": echo})
        await successor.start()
    assert await ask(tmp_path, "echo", a=1) == {"a": 1}
    await successor.stop()


async def test_a_state_directory_with_a_very_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path
    while len(os.fsencode(deep)) < 300:
        deep /= "deep" * 10
    deep.mkdir(parents=True)
    async with listening(deep):
        assert await ask(deep, "echo", a=1) == {"a": 1}
        with pytest.raises(AlreadyRunning):
            await Control(control_socket(deep), {}).start()
    assert not control_socket(deep).exists()


async def test_a_client_that_goes_away_ends_its_stream(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def endless(_: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"number": 0}
            await asyncio.Event().wait()
        finally:
            ended.set()

    def first() -> dict[str, Any]:
        answers: Iterator[dict[str, Any]] = daemon.stream(tmp_path, "endless")
        return next(answers)  # and drop it

    async with listening(tmp_path, endless=endless):
        assert await asyncio.to_thread(first) == {"number": 0}
        await asyncio.wait_for(ended.wait(), DEADLINE)


async def test_a_client_that_does_not_read_holds_nobody_else_up(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def flood(_: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                yield {"x": "x" * 10_000}
        finally:
            ended.set()

    async with listening(tmp_path, flood=flood):
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(str(control_socket(tmp_path)))
            deaf.sendall(b'{"verb": "flood", "args": {}}\n')
            assert await asyncio.wait_for(ask(tmp_path, "echo", a=1), DEADLINE) == {"a": 1}
        await asyncio.wait_for(ended.wait(), DEADLINE)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff\xfe\n",
        b"[1, 2]\n",
        b'{"verb": 1, "args": {}}\n',
        b'{"verb": "echo", "args": []}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (control.MAX_REQUEST * 3) + b"\n",
    ],
    ids=lambda words: repr(words[:12]),
)
async def test_garbage_is_refused_and_does_no_harm(tmp_path: Path, garbage: bytes) -> None:
    async with listening(tmp_path):
        answer = await asyncio.to_thread(say, tmp_path, garbage)
        assert answer == b"" or json.loads(answer.splitlines()[0])["error"]["code"] == "bad_request"
        assert await ask(tmp_path, "echo", a=1) == {"a": 1}


async def test_a_request_of_ten_thousand_recipients_fits(tmp_path: Path) -> None:
    numbers = [f"+4860{number:07}" for number in range(10_000)]
    async with listening(tmp_path):
        assert (await ask(tmp_path, "echo", to=numbers))["to"] == numbers


async def test_a_client_that_connects_and_leaves_does_no_harm(tmp_path: Path) -> None:
    async with listening(tmp_path):
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(control_socket(tmp_path)))
        assert await ask(tmp_path, "echo", a=1) == {"a": 1}
