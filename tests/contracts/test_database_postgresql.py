"""What only a server can do to us: go away, come back, answer too late, refuse."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from modemd.clock import ManualClock
from modemd.db import Database, Reader, Transaction, connect
from modemd.errors import ReadTooLong, StorageBusy, StorageError, StorageUnreachable

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def insert(name: str) -> Callable[[Transaction], int]:
    return lambda tx: tx.execute("INSERT INTO tally (name, value) VALUES (?, 1)", (name,)).rowcount


def names(reader: Reader) -> list[str]:
    return [name for (name,) in reader.execute("SELECT name FROM tally ORDER BY name")]


def backend(session: Reader) -> int:
    return int(session.execute("SELECT pg_backend_pid()").fetchone()[0])


def end(url: str, pid: int) -> None:
    """End a backend as an administrator or a restart of the server would, and wait until it is gone."""
    with psycopg.connect(url, autocommit=True) as admin:
        assert admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,)).fetchone() == (True,)


async def test_a_connection_lost_while_idle_is_opened_again_unnoticed(database: Database, database_url: str) -> None:
    end(database_url, await database.write(backend))
    assert await database.write(insert("a")) == 1
    for _ in range(4):
        end(database_url, await database.read(backend))
    assert await database.read(names) == ["a"]


async def test_a_connection_lost_within_a_transaction_fails_all_of_it_and_the_next_succeeds(database_url: str) -> None:
    database = connect(database_url, clock=ManualClock())  # standing still, it lets all that waits share a transaction
    await database.open()
    handed_in = threading.Event()

    def first(tx: Transaction) -> None:
        insert("first")(tx)
        assert handed_in.wait(10)

    def losing(tx: Transaction) -> None:
        end(database_url, backend(tx))
        insert("second")(tx)

    futures = [database.submit(first), database.submit(losing)]
    handed_in.set()
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [StorageUnreachable, StorageUnreachable]
    assert await database.write(insert("third")) == 1
    assert await database.read(names) == ["third"]
    await database.close()


async def test_a_closure_that_swallows_a_failed_statement_is_not_taken_for_written(database_url: str) -> None:
    database = connect(database_url, clock=ManualClock())
    await database.open()
    handed_in = threading.Event()

    def swallowing(tx: Transaction) -> None:
        insert("b")(tx)
        with suppress(psycopg.Error):
            insert("b")(tx)

    closures = (lambda tx: handed_in.wait(10), insert("a"), swallowing, insert("c"), swallowing)
    futures = [database.submit(closure) for closure in closures]
    handed_in.set()
    _, first, swallowed, third, last = await asyncio.gather(*futures, return_exceptions=True)
    assert (first, third) == (1, 1)
    assert [error.code for error in (swallowed, last) if isinstance(error, StorageError)] == ["not_committed"] * 2
    assert await database.read(names) == ["a", "c"]
    with pytest.raises(StorageError):
        await database.write(swallowing)
    await database.close()


async def test_another_session_s_lock_ends_in_busy_not_in_waiting_for_ever(
    database: Database, database_url: str
) -> None:
    await database.write(insert("a"))
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE tally SET value = 2")

        def blocked(tx: Transaction) -> None:
            tx.execute("SET LOCAL lock_timeout = '50ms'")
            tx.execute("UPDATE tally SET value = 3")

        with pytest.raises(StorageBusy):
            await database.write(blocked)
    assert await database.write(insert("b")) == 1


async def test_a_read_that_takes_too_long_is_ended(database: Database) -> None:
    def slow(reader: Reader) -> None:
        reader.execute("SET LOCAL statement_timeout = '50ms'")
        reader.execute("SELECT pg_sleep(10)")

    with pytest.raises(ReadTooLong):
        await database.read(slow)
    assert await database.read(names) == []


async def test_a_server_that_does_not_wait_for_its_disk_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:

        async def fsync(value: str) -> None:
            admin.execute(f"ALTER SYSTEM SET fsync = {value}")
            admin.execute("SELECT pg_reload_conf()")
            while admin.execute("SHOW fsync").fetchone() != (value,):
                await asyncio.sleep(0.01)

        await fsync("off")
        try:
            with pytest.raises(StorageError) as caught:
                await connect(database_url).open()
        finally:
            await fsync("on")
    assert caught.value.code == "not_durable"


class Proxy:
    """Stands between modemd and the server, and can lose the answer to a COMMIT that the server has carried out."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.losing = threading.Event()
        self.refusing = threading.Event()
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while octets := _receive(client):
            server.sendall(octets)
        _shut(server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        while octets := _receive(server):
            if self.losing.is_set() and b"COMMIT\0" in octets:  # the tag of CommandComplete
                self.losing.clear()
                break
            client.sendall(octets)
        _shut(client)
        _shut(server)

    def close(self) -> None:
        self._listener.close()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()


@pytest.fixture
def proxy(postgresql_server: Any, database_url: str) -> Iterator[Proxy]:
    directory = postgresql_server.get_postmaster_info().socket_path
    folder = directory.parent.parent / f"proxy-{os.urandom(3).hex()}"
    folder.mkdir()
    proxy = Proxy(directory, folder)
    yield proxy
    proxy.close()


@pytest.fixture
def url_through_proxy(proxy: Proxy, database_url: str) -> str:
    folder = Path(proxy._listener.getsockname()).parent
    head, _, tail = database_url.partition("host=")
    return f"{head}host={folder}&{tail.partition('&')[2]}"


async def test_a_commit_whose_answer_is_lost_is_asked_for_and_found_written(
    proxy: Proxy, url_through_proxy: str, database_url: str
) -> None:
    database = connect(url_through_proxy)
    await database.open()
    proxy.losing.set()
    assert await database.write(insert("a")) == 1
    assert not proxy.losing.is_set()
    assert await database.read(names) == ["a"]
    await database.close()


async def test_a_commit_the_server_broke_off_is_an_error_and_nothing_is_written(
    database: Database, database_url: str
) -> None:
    """A deferred trigger holds the backend within COMMIT until it is ended there."""
    await database.write(
        lambda tx: tx.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        )
    )
    await database.write(
        lambda tx: tx.execute(
            "CREATE CONSTRAINT TRIGGER waiting AFTER INSERT ON tally DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait()"
        )
    )
    pid = await database.write(backend)
    writing = database.submit(insert("a"))
    with psycopg.connect(database_url, autocommit=True) as admin:
        while not admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", (pid,)
        ).fetchone():
            await asyncio.sleep(0.01)
    end(database_url, pid)
    with pytest.raises(StorageError):
        await writing
    assert await database.read(names) == []


async def test_a_commit_nobody_can_tell_about_is_called_unknown(
    proxy: Proxy, url_through_proxy: str, database_url: str
) -> None:
    database = connect(url_through_proxy)
    await database.open()
    proxy.refusing.set()
    proxy.losing.set()
    with pytest.raises(StorageUnreachable) as caught:
        await database.write(insert("a"))
    assert caught.value.code == "commit_unknown"
    with pytest.raises(StorageUnreachable):
        await database.write(insert("b"))
    proxy.refusing.clear()
    assert await database.write(insert("c")) == 1
    assert await database.read(names) == ["a", "c"]
    await database.close()
