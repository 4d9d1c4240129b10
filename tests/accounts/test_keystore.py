"""The key store: one file that holds what makes sealed data readable, and forgets for good."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from modemd.accounts import durable_file, keystore
from modemd.accounts.vault import Vault
from modemd.errors import KeyStoreError, Unreadable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state.keys"


def test_what_was_added_is_there_after_a_restart(folder: Path) -> None:
    store = keystore.create(folder)
    store.add(7, {"phone": b"p" * 16, "email": b"e" * 16})
    store.add(8, {"phone": b"q" * 16, "email": b"e" * 16})
    again = keystore.load(folder)
    assert again.data_key(7) == store.data_key(7) != again.data_key(8)
    assert again.owners("phone", b"p" * 16) == [7]
    assert again.owners("phone", b"x" * 16) == []
    assert again.owners("email", b"e" * 16) == [7, 8]
    assert again.generation == store.generation


def test_only_the_owner_may_read_it(folder: Path) -> None:
    keystore.create(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_no_key_lies_in_it_in_the_clear(folder: Path) -> None:
    store = keystore.create(folder)
    store.add(7, {"phone": b"p" * 16})
    content = (folder / keystore.STORE).read_bytes()
    for secret in (store.data_key(7), store.secret("directory")):
        assert secret not in content
        assert secret.hex().encode() not in content


def test_a_destroyed_key_is_gone_from_memory_and_disk(folder: Path) -> None:
    store = keystore.create(folder)
    store.add(7, {"phone": b"p" * 16})
    sealed = Vault(store).seal(7, "message.body", 1, b"secret")
    wrapped = store._document["accounts"]["7"]["key"]
    store.destroy(7)
    for one in (store, keystore.load(folder)):
        with pytest.raises(Unreadable):
            Vault(one).open(7, "message.body", 1, sealed)
        assert one.owners("phone", b"p" * 16) == []
        assert one.erased() == {7}
    assert not any(wrapped.encode() in file.read_bytes() for file in folder.iterdir())


def test_a_key_can_be_tagged_later_and_dropped_without_a_trace(folder: Path) -> None:
    store = keystore.create(folder)
    store.add(7, {})
    key = store.data_key(7)
    store.tag(7, {"phone": b"p" * 16})
    store.tag(7, {"phone": b"q" * 16})
    for one in (store, keystore.load(folder)):
        assert one.data_key(7) == key
        assert one.owners("phone", b"q" * 16) == [7]
        assert one.owners("phone", b"p" * 16) == []
    store.destroy(7, remember=False)
    for one in (store, keystore.load(folder)):
        assert (one.accounts(), one.erased(), one.owners("phone", b"q" * 16)) == ([], frozenset(), [])
    with pytest.raises(Unreadable):
        store.tag(7, {})


def test_the_former_content_is_overwritten_in_its_own_blocks(tmp_path: Path) -> None:
    path = tmp_path / "store"
    durable_file.replace(path, b"former secret")
    with path.open("rb") as held:  # keeps the old inode readable after its name is gone
        durable_file.replace(path, b"fresh")
        assert held.read() == bytes(len(b"former secret"))
    assert path.read_bytes() == b"fresh"
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("call", ["fsync", "link", "replace", "unlink"])
@pytest.mark.parametrize("occurrence", range(4))
def test_a_crash_at_any_step_leaves_the_old_or_the_new_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, occurrence: int
) -> None:
    path = tmp_path / "store"
    durable_file.replace(path, b"old content")
    calls = 0
    real = getattr(os, call)

    def crash(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > occurrence:
            raise KeyboardInterrupt  # nothing catches it on the way: as if the process ended here
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, crash)
        with suppress(KeyboardInterrupt):
            durable_file.replace(path, b"new content")
    durable_file.tidy(path)
    assert path.read_bytes() in {b"old content", b"new content"}
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_a_failed_write_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = keystore.create(folder)
    store.add(7, {"phone": b"p" * 16})
    generation = store.generation

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyStoreError, match="No space left"):
            store.add(8, {"phone": b"q" * 16})
        with pytest.raises(KeyStoreError):
            store.destroy(7)
    assert store.accounts() == [7] == keystore.load(folder).accounts()
    assert store.generation == generation
    assert store.owners("phone", b"q" * 16) == []
    store.add(8, {"phone": b"q" * 16})
    assert keystore.load(folder).accounts() == [7, 8]


def test_a_missing_store_never_starts_empty_beside_accounts(folder: Path) -> None:
    with pytest.raises(KeyStoreError, match=r"missing.*keys restore"):
        keystore.open_or_create(folder, fresh=False)
    assert not (folder / keystore.STORE).exists()
    assert keystore.open_or_create(folder, fresh=True).accounts() == []
    assert keystore.open_or_create(folder, fresh=False).accounts() == []


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "other master"])
def test_a_damaged_store_is_refused(folder: Path, damage: str) -> None:
    keystore.create(folder).add(7, {})
    path, master = folder / keystore.STORE, folder / keystore.MASTER
    content = path.read_bytes()
    match damage:
        case "truncated":
            path.write_bytes(content[:-5])
        case "altered":
            path.write_bytes(content.replace(b'"generation":2', b'"generation":9'))
        case "empty":
            path.write_bytes(b"")
        case "other master":
            master.write_text("00" * 32)
    with pytest.raises(KeyStoreError, match="damaged"):
        keystore.load(folder)


def test_an_unusable_master_key_is_refused_with_its_cure(folder: Path) -> None:
    keystore.create(folder)
    master = folder / keystore.MASTER
    master.chmod(0o640)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        keystore.load(folder)
    master.chmod(0o600)
    master.write_text("not hex")
    with pytest.raises(KeyStoreError, match="64 hex digits"):
        keystore.load(folder)
    master.unlink()
    with pytest.raises(KeyStoreError, match="cannot be read"):
        keystore.load(folder)


def test_a_second_store_is_not_made_over_the_first(folder: Path) -> None:
    keystore.create(folder).add(7, {})
    with pytest.raises(KeyStoreError, match="already holds"):
        keystore.create(folder)
    assert keystore.load(folder).accounts() == [7]


def test_secrets_of_a_kind_are_destroyed_but_for_one_family_and_stay_so(folder: Path) -> None:
    store = keystore.create(folder)
    names = ["recipients 1 sim-a", "recipients 1 sim-b", "recipients 2 sim-a", "recipients 2 sim-b", "directory"]
    before = {name: store.secret(name) for name in names}
    wrapped = dict(store._document["secrets"])
    store.drop_secrets("recipients", but="recipients 2 ")
    for one in (store, keystore.load(folder)):
        assert {name: one.secret(name) for name in names[2:]} == {name: before[name] for name in names[2:]}
        assert names[0] not in one._document["secrets"]
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    assert not any(wrapped[name].encode() in content for name in names[:2])
    assert store.secret(names[0]) != before[names[0]], "a month that comes again has another key"


def test_dropping_secrets_that_are_not_there_writes_nothing(folder: Path) -> None:
    store = keystore.create(folder)
    store.secret("recipients 2 sim-a")
    generation = store.generation
    store.drop_secrets("recipients", but="recipients 2 ")
    assert store.generation == generation
