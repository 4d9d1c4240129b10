"""A stolen database: every column of every table, on both engines, after a life in which everything was used."""

from __future__ import annotations

import hashlib
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from life import EMAIL, NAME, NUMBER, NUMBERS, PHONE, TEXT, WORDS, lives, mistakes

from modemd.accounts.search import forms
from modemd.at.pdu.alphabet import DEFAULT

USED = {
    *("account", "credential", "session", "api_key", "message", "segment", "idempotency", "recipient"),
    *("recipient_group", "membership", "opt_out", "inbound", "billing_data", "tally"),
}
"""Tables that a life must have filled, or nothing was looked at."""

HASHES = ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s", "sha3_256")

Cell = tuple[str, bytes]
"""``table.column``, and a value in octets."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The database of a daemon, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'modemd.db'}"
    server = request.getfixturevalue("postgresql_server")
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA stolen")
    return f"{server.get_uri()}&options=-csearch_path%3Dstolen"


def cells(url: str) -> Iterator[Cell]:
    """Every value of every column of every table."""
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite://"))) as connection:
            names = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (table,) in connection.execute(names).fetchall():
                rows = connection.execute(f"SELECT * FROM {table}")
                yield from _cells(table, [column[0] for column in rows.description], rows.fetchall())
        return
    with psycopg.connect(url) as server:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        for (table,) in server.execute(names).fetchall():
            found = server.execute(f"SELECT * FROM {table}".encode())
            columns = [column.name for column in found.description or ()]
            yield from _cells(table, columns, found.fetchall())


def _cells(table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> Iterator[Cell]:
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            if value is not None:
                octets = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                yield f"{table}.{column}", octets


def telling(words: list[str]) -> dict[bytes, str]:
    """What must not be in a stolen database: the words in every form, and every hash of them that needs no key."""
    found: dict[bytes, str] = {}
    for word in words:
        spelled = {word, word.removeprefix("+"), word[3:] if word.startswith("+") else word, word.lower()}
        for one in spelled:
            found |= {octets: f"{word} as {form}" for form, octets in forms(one, DEFAULT.encode).items()}
            for name in HASHES:
                digest = hashlib.new(name, one.encode()).digest()
                for form in (digest[:16], digest.hex()[:32].encode(), b64encode(digest)[:20]):
                    found[form] = f"{name} of {word}"
    return found


def found_in(cells: list[Cell], words: list[str]) -> set[str]:
    """Which columns hold something of these words."""
    needles = telling(words)
    return {f"{where}: {what}" for where, octets in cells for needle, what in needles.items() if needle in octets}


def test_no_column_of_a_stolen_database_tells_what_a_user_has_typed(
    hw_sim_bank: StartBank, daemon: StartDaemon, url: str
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = daemon(bank)
    modemd.environ["MODEMD_DATABASE__URL"] = url
    modemd.private.words |= set(WORDS)
    modemd.private.numbers |= set(NUMBERS)
    modemd.start()
    modemd.ready(2)
    _, password = lives(modemd, bank)
    mistakes(modemd)
    stolen = list(cells(url))
    assert USED - {where.partition(".")[0] for where, _ in stolen} == set()
    assert found_in(stolen, [*WORDS, *NUMBERS, NAME, password]) == set()


def test_two_accounts_with_the_same_words_have_no_value_in_common(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=1))
    modemd.private.words |= {TEXT, NAME}
    modemd.start()
    for email, phone in ((EMAIL, PHONE), ("other@example.org", "+48601000001")):
        modemd.open_account(email, phone)
        for path, body in (
            ("/v1/recipients", {"number": NUMBER, "name": NAME}),
            ("/v1/groups", {"name": NAME}),
            ("/v1/opt-outs", {"number": "+48605000001"}),
            ("/v1/messages", {"to": NUMBER, "text": TEXT, "tag": NAME, "send_at": "2027-01-16T08:00:00Z"}),
        ):
            assert modemd.request("POST", path, json=body, headers={"Idempotency-Key": path}).status_code < 300
    columns: dict[str, list[bytes]] = {}
    for where, octets in cells(f"sqlite://{modemd.state_dir / 'modemd.db'}"):
        if len(octets) >= 16 and not octets.isdigit():  # keyed forms, sealed values, hashes of keys; no moments
            columns.setdefault(where, []).append(octets)
    assert {"message.to_key", "message.tag_key", "recipient.number_key", "opt_out.number_key"} <= columns.keys()
    shared = {where for where, values in columns.items() if len(set(values)) < len(values)}
    assert shared == set()


@pytest.mark.parametrize("form", ["utf-8", "utf-16-le", "utf-16-be", "hex utf-8", "base64 1 utf-8", "septets 3"])
def test_what_lies_in_a_column_in_the_clear_is_found(form: str) -> None:
    octets = b"before" + forms(NAME, DEFAULT.encode)[form] + b"after"
    assert any(NAME in hit for hit in found_in([("recipient.body", octets)], [NAME]))


def test_a_hash_without_a_key_is_found() -> None:
    octets = hashlib.sha256(PHONE.encode()).digest()
    assert found_in([("account.phone", octets)], [PHONE]) == {f"account.phone: sha256 of {PHONE}"}
