"""Sealing: bound to place, row and account; look-up tags that die with the account."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modemd.accounts import keystore
from modemd.accounts.keystore import KeyStore
from modemd.accounts.vault import Vault, expand
from modemd.errors import Unreadable


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    store = keystore.create(tmp_path / "state.keys")
    store.add(7, {})
    store.add(8, {})
    return store


def test_what_is_sealed_opens_only_where_it_belongs(store: KeyStore) -> None:
    vault = Vault(store)
    sealed = vault.seal(7, "message.body", 1, b"secret")
    assert vault.open(7, "message.body", 1, sealed) == b"secret"
    assert b"secret" not in sealed
    for account, place, row in ((8, "message.body", 1), (7, "account.email", 1), (7, "message.body", 2)):
        with pytest.raises(Unreadable):
            vault.open(account, place, row, sealed)


def test_an_altered_value_does_not_open(store: KeyStore) -> None:
    vault = Vault(store)
    sealed = vault.seal(7, "message.body", 1, b"secret")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(Unreadable):
            vault.open(7, "message.body", 1, bytes(altered))
    for length in range(len(sealed)):
        with pytest.raises(Unreadable):
            vault.open(7, "message.body", 1, sealed[:length])


def test_equal_values_are_sealed_differently(store: KeyStore) -> None:
    vault = Vault(store)
    assert len({vault.seal(7, "message.body", 1, b"") for _ in range(100)}) == 100


def test_tags_are_equal_only_within_one_account_and_purpose(store: KeyStore) -> None:
    vault = Vault(store)
    tag = vault.tag(7, "to", "+48600100200")
    assert len(tag) == 16
    assert tag == vault.tag(7, "to", b"+48600100200")
    assert tag not in {
        vault.tag(8, "to", "+48600100200"),
        vault.tag(7, "tag", "+48600100200"),
        vault.tag(7, "to", "+48600100201"),
    }


def test_each_purpose_has_a_key_of_its_own() -> None:
    key = bytes(range(32))
    assert expand(key, "look-up to") == hashlib.blake2b(b"modemd look-up to", digest_size=32, key=key).digest()
    assert len({expand(key, "look-up to"), expand(key, "look-up tag"), expand(bytes(32), "look-up to"), key}) == 4


def test_nothing_can_be_done_after_the_unit_of_work(store: KeyStore) -> None:
    with Vault(store).unit(7) as box:
        sealed = box.seal("message.body", 1, b"secret")
    with pytest.raises(Unreadable):
        box.open("message.body", 1, sealed)
    with pytest.raises(Unreadable):
        box.seal("message.body", 1, b"secret")
    with pytest.raises(Unreadable):
        box.tag("to", "+48600100200")


def test_an_account_without_key_is_unreadable(store: KeyStore) -> None:
    with pytest.raises(Unreadable):
        Vault(store).unit(9)


def test_many_threads_open_at_once(store: KeyStore) -> None:
    vault = Vault(store)
    sealed = [
        (account, row, vault.seal(account, "message.body", row, b"%d" % row))
        for account in (7, 8)
        for row in range(300)
    ]

    def right(one: tuple[int, int, bytes]) -> bool:
        account, row, value = one
        return vault.open(account, "message.body", row, value) == b"%d" % row

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(right, sealed * 5))
