"""Mirrors of the key store, and what an operator does to it by hand."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import pytest

from modemd.accounts import key_ceremonies, keystore, master_key
from modemd.accounts.keystore import MASTER, STORE, KeyStore
from modemd.accounts.master_key import MasterKey, from_paper, paper
from modemd.accounts.vault import Vault
from modemd.errors import InvalidField, KeyStoreError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state.keys"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    place = tmp_path / "usb"
    place.mkdir()
    return place


def key_of(folder: Path) -> MasterKey:
    return master_key.locate(folder, {})


def same(store: KeyStore, mirror: Path) -> bool:
    return (mirror / STORE).read_bytes() == (store.directory / STORE).read_bytes()


def test_a_mirror_holds_the_newest_copy_and_no_master_key(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder, mirrors=[mirror])
    store.add(7, {})
    assert same(store, mirror)
    assert [file.name for file in mirror.iterdir()] == [STORE]
    assert store.behind() == []
    assert keystore.load(folder, mirrors=[mirror]).behind() == []


def test_a_mirror_that_was_away_catches_up(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder, mirrors=[mirror])
    store.add(7, {})
    wrapped = store._document["accounts"]["7"]["key"].encode()
    away = mirror.rename(mirror.with_name("unplugged"))
    store.destroy(7)
    assert store.behind() == [mirror]
    assert not mirror.exists(), "nothing is written where a disk should be mounted"
    store = keystore.load(folder, mirrors=[mirror])
    assert store.behind() == [mirror]
    away.rename(mirror)
    assert wrapped in (mirror / STORE).read_bytes()
    store.catch_up()
    assert store.behind() == []
    assert same(store, mirror)
    assert wrapped not in (mirror / STORE).read_bytes()


def test_a_mirror_named_later_is_remembered_and_can_be_given_up(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder)
    store.mirror(mirror)
    store.mirror(mirror)
    assert keystore.load(folder).mirrors == [mirror]
    assert same(store, mirror)
    store.forget_mirror(mirror)
    assert keystore.load(folder).mirrors == []
    assert list(mirror.iterdir()) == []
    with pytest.raises(KeyStoreError):
        store.mirror(mirror / "missing")


def test_the_store_is_restored_from_a_mirror(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder, mirrors=[mirror])
    store.add(7, {"phone": b"p" * 16})
    key = store.data_key(7)
    (folder / STORE).unlink()
    assert key_ceremonies.restore(folder, mirror, key_of(folder)).data_key(7) == key


def test_an_older_mirror_brings_no_erased_account_back(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder, mirrors=[mirror])
    store.add(7, {})
    older = shutil.copytree(mirror, mirror.with_name("older"))
    store.destroy(7)
    with pytest.raises(KeyStoreError, match="as new as"):
        key_ceremonies.restore(folder, older, key_of(folder))
    assert keystore.load(folder).accounts() == []


def test_what_is_no_mirror_of_this_store_is_refused(folder: Path, mirror: Path, tmp_path: Path) -> None:
    keystore.create(folder)
    keystore.create(tmp_path / "other.keys", mirrors=[mirror])
    for place in (mirror, tmp_path / "nowhere"):
        with pytest.raises(KeyStoreError):
            key_ceremonies.restore(folder, place, key_of(folder))


def test_a_new_master_key_opens_what_the_old_one_sealed_and_the_old_one_nothing(folder: Path, mirror: Path) -> None:
    store = keystore.create(folder, mirrors=[mirror])
    store.add(7, {"phone": b"p" * 16})
    sealed, own = Vault(store).seal(7, "message.body", 1, b"secret"), store.secret("directory")
    old = (folder / MASTER).read_bytes()
    key_ceremonies.rotate(store, key_of(folder))
    again = keystore.load(folder, mirrors=[mirror])
    assert Vault(again).open(7, "message.body", 1, sealed) == b"secret"
    assert again.secret("directory") == own
    assert again.owners("phone", b"p" * 16) == [7]
    assert same(again, mirror)
    (folder / MASTER).write_bytes(old)
    with pytest.raises(KeyStoreError):
        keystore.load(folder)


@pytest.mark.parametrize("occurrence", range(6))
def test_a_rotation_that_is_cut_off_is_finished_or_undone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, occurrence: int
) -> None:
    store = keystore.create(folder)
    store.add(7, {})
    sealed, calls, fsync = Vault(store).seal(7, "message.body", 1, b"secret"), 0, os.fsync

    def crash(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > occurrence:
            raise KeyboardInterrupt
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            key_ceremonies.rotate(store, key_of(folder))
    assert Vault(keystore.load(folder)).open(7, "message.body", 1, sealed) == b"secret"
    assert not (folder / keystore.NEXT).exists()


def test_the_master_key_can_be_written_down_and_typed_in() -> None:
    for _ in range(50):
        master = secrets.token_bytes(32)
        text = paper(master)
        assert from_paper(text) == master
        assert from_paper(text.lower().replace(" ", "")) == master
        wrong = ("B" if text[7] != "B" else "C").join((text[:7], text[8:]))
        with pytest.raises(InvalidField) as refused:
            from_paper(wrong)
        assert text[:9] not in str(refused.value)
    for wrong in ("", "żółw", "A" * 56, "=" * 8):
        with pytest.raises(InvalidField):
            from_paper(wrong)
