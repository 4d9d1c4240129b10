"""The ceremonies of the key store: cut off at every change of a file, on a store in use, with a credential."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from modemd.accounts import durable_file, key_ceremonies, keystore, master_key
from modemd.accounts.keystore import MASTER, NEXT, STORE
from modemd.accounts.master_key import MasterKey
from modemd.accounts.vault import Vault
from modemd.errors import Conflict, KeyStoreError, NotFound

KEPT = ["keys/master.key", "keys/store", "usb/store"]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A key store with two accounts and a mirror."""
    house = tmp_path / "house"
    (house / "usb").mkdir(parents=True)
    store = keystore.create(house / "keys", master_key.locate(house / "keys", {}))
    store.mirror(house / "usb")
    store.add(7, {"phone": b"p" * 16})
    store.add(8, {"phone": b"q" * 16})
    return house


def placed(house: Path) -> MasterKey:
    return master_key.locate(house / "keys", {})


def credential(house: Path) -> MasterKey:
    """The master key moved to where systemd puts a credential."""
    folder = house / "credentials"
    folder.mkdir()
    (house / "keys" / MASTER).rename(folder / MASTER)
    (folder / MASTER).chmod(0o440)  # as systemd sets it where it grants access by an ACL
    return master_key.locate(house / "keys", {"CREDENTIALS_DIRECTORY": str(folder)})


def cut_off_everywhere(name: str, house: Path) -> list[dict[str, Any]]:
    """What a start finds after a SIGKILL before each change of a file."""
    program = Path(__file__).with_name("key_crash.py")
    ran = subprocess.run([sys.executable, program, name, house], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("name", ["rotate", "destroy", "restore"])
def test_a_ceremony_that_is_killed_at_any_change_of_a_file_is_done_or_undone(house: Path, name: str) -> None:
    key = keystore.load(house / "keys", placed(house)).data_key(7).hex()
    seen = cut_off_everywhere(name, house)
    assert len(seen) > 10
    assert not seen[-1]["killed"]
    assert all(one["killed"] for one in seen[:-1])
    for one in seen:
        assert one["key"] == key, one["change"]
        assert one["same"], "the mirror holds what the store holds"
        assert one["files"] == KEPT, "nothing else is left"
    gone = [one["gone"] for one in seen]
    assert gone == sorted(gone)
    assert gone[-1] is (name == "destroy")


def test_a_rotation_to_a_credential_that_is_killed_leaves_a_key_that_fits(house: Path) -> None:
    key = keystore.load(house / "keys", placed(house)).data_key(7).hex()
    credential(house)
    seen = cut_off_everywhere("rotate_credential", house)
    assert {one["key"] for one in seen} == {key}
    assert "keys/master.key.next" not in seen[0]["files"]
    assert "keys/master.key.next" in seen[-1]["files"]


def test_the_old_master_key_is_overwritten_in_its_own_blocks(house: Path) -> None:
    store = keystore.load(house / "keys", placed(house))
    places = (house / "keys" / MASTER, house / "keys" / STORE, house / "usb" / STORE)
    with contextlib.ExitStack() as held:  # the old blocks can be read without their names
        former = [held.enter_context(place.open("rb")) for place in places]
        key_ceremonies.rotate(store, placed(house))
        assert not any(any(file.read()) for file in former)


def test_a_store_in_use_is_rotated_under_those_who_read_it(house: Path) -> None:
    store = keystore.load(house / "keys", placed(house))
    vault = Vault(store)
    sealed = vault.seal(7, "message.body", 1, b"secret")
    failures: list[BaseException] = []
    reads, over = 0, threading.Event()

    def read() -> None:
        nonlocal reads
        try:
            while not over.is_set():
                assert vault.open(7, "message.body", 1, sealed) == b"secret"
                store.secret("directory")
                reads += 1
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(10):
        key_ceremonies.rotate(store, placed(house))
        store.add(100 + number, {})
    over.set()
    reader.join(10)
    assert failures == []
    assert reads > 10
    assert keystore.load(house / "keys", placed(house)).accounts() == store.accounts()


@pytest.mark.parametrize("written", [False, True], ids=["before it is written", "after it is written"])
@pytest.mark.parametrize("failing", range(4))
def test_a_rotation_for_which_there_is_no_room_changes_no_key_and_can_be_repeated(
    house: Path, monkeypatch: pytest.MonkeyPatch, failing: int, written: bool
) -> None:
    store = keystore.load(house / "keys", placed(house))
    key, calls, real = store.data_key(7), 0, durable_file.replace

    def full(path: Path, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls <= failing or written:
            real(path, content)
        if calls > failing:
            raise KeyStoreError("no space")

    with monkeypatch.context() as patch:
        for module in ("keychain", "master_key"):
            patch.setattr(f"modemd.accounts.{module}.replace", full)
        with contextlib.suppress(KeyStoreError):
            key_ceremonies.rotate(store, placed(house))
    assert store.data_key(7) == key
    copy = shutil.copytree(house / "keys", house / "copy")
    assert keystore.load(copy, master_key.locate(copy, {})).data_key(7) == key, "as a crash now would leave it"
    key_ceremonies.rotate(store, placed(house))
    assert keystore.load(house / "keys", placed(house)).data_key(7) == key == store.data_key(7)
    assert not (house / "keys" / NEXT).exists()


def test_the_master_key_may_be_a_credential_and_its_successor_waits_until_it_is_in_place(house: Path) -> None:
    master = credential(house)
    store = keystore.load(house / "keys", master)
    key = store.data_key(7)
    assert not (house / "keys" / MASTER).exists()
    key_ceremonies.rotate(store, master)
    waiting = (house / "keys" / NEXT).read_bytes()
    assert master.path.read_bytes() != waiting
    assert keystore.load(house / "keys", master).data_key(7) == key, "a restart meanwhile works"
    with pytest.raises(Conflict, match="waits"):
        key_ceremonies.rotate(keystore.load(house / "keys", master), master)
    master.path.chmod(0o600)
    master.path.write_bytes(waiting)
    assert keystore.load(house / "keys", master).data_key(7) == key
    assert not (house / "keys" / NEXT).exists()


def test_a_credential_that_everybody_may_read_is_refused(house: Path) -> None:
    master = credential(house)
    master.path.chmod(0o444)
    with pytest.raises(KeyStoreError, match="open to others"):
        keystore.load(house / "keys", master)


def test_an_old_copy_of_the_store_is_refused_while_a_mirror_knows_better(house: Path) -> None:
    old = (house / "keys" / STORE).read_bytes()
    keystore.load(house / "keys", placed(house)).destroy(8)
    (house / "keys" / STORE).write_bytes(old)
    with pytest.raises(KeyStoreError, match=r"newer.*keys restore"):
        keystore.load(house / "keys", placed(house))
    assert key_ceremonies.restore(house / "keys", house / "usb", placed(house)).accounts() == [7]


def test_an_old_mirror_is_refused_while_another_knows_better(house: Path) -> None:
    store = keystore.load(house / "keys", placed(house))
    (house / "nas").mkdir()
    store.mirror(house / "nas")
    away = (house / "usb").rename(house / "drawer")
    store.destroy(8)
    away.rename(house / "usb")
    (house / "keys" / STORE).unlink()
    with pytest.raises(KeyStoreError, match=f"{house / 'nas'} is newer"):
        key_ceremonies.restore(house / "keys", house / "usb", placed(house))
    assert not (house / "keys" / STORE).exists()
    assert key_ceremonies.restore(house / "keys", house / "nas", placed(house)).accounts() == [7]


def test_what_lies_in_a_mirrors_place_and_is_none_is_never_overwritten(house: Path) -> None:
    other = house / "other"
    other.mkdir()
    keystore.create(house / "others.keys", master_key.locate(house / "others.keys", {}), mirrors=[other])
    store = keystore.load(house / "keys", placed(house))
    before = (other / STORE).read_bytes()
    with pytest.raises(KeyStoreError, match="something else"):
        store.mirror(other)
    configured = keystore.load(house / "keys", placed(house), mirrors=[other])
    configured.add(9, {})
    assert configured.behind() == [other]
    (house / "letters").mkdir()
    (house / "letters" / STORE).write_text("a list of shops")
    with pytest.raises(KeyStoreError, match="something else"):
        store.mirror(house / "letters")
    assert (other / STORE).read_bytes() == before
    with pytest.raises(KeyStoreError):
        store.mirror(house / "keys")


def test_only_a_mirror_that_was_named_by_hand_is_forgotten_by_hand(house: Path) -> None:
    store = keystore.load(house / "keys", placed(house), mirrors=[house / "usb"])
    with pytest.raises(Conflict, match="configuration"):
        store.forget_mirror(house / "usb")
    store = keystore.load(house / "keys", placed(house))
    with pytest.raises(NotFound):
        store.forget_mirror(house / "nowhere")
    away = (house / "usb").rename(house / "drawer")
    assert store.forget_mirror(house / "usb") is False
    assert (away / STORE).exists(), "it is said that it could not be reached"
    assert store.mirrors == []


def test_paper_and_a_mirror_are_enough_on_a_new_machine(house: Path) -> None:
    key = keystore.load(house / "keys", placed(house)).data_key(7)
    written_down = master_key.paper(placed(house).read())
    new = house / "new" / "state.keys"
    master = master_key.locate(new, {})
    with pytest.raises(KeyStoreError, match=r"master key.*cannot be read.*paper"):
        key_ceremonies.restore(new, house / "usb", master)
    assert not new.exists()
    store = key_ceremonies.restore(new, house / "usb", master, typed=master_key.from_paper(written_down))
    assert store.data_key(7) == key
    assert (new / MASTER).stat().st_mode & 0o777 == 0o600


def test_paper_brings_a_lost_master_key_back_to_the_store_that_is_here(house: Path) -> None:
    typed = placed(house).read()
    (house / "keys" / MASTER).unlink()
    with pytest.raises(KeyStoreError, match="cannot be read"):
        keystore.load(house / "keys", placed(house))
    before = (house / "keys" / STORE).read_bytes()
    key_ceremonies.restore(house / "keys", house / "usb", placed(house), typed=typed)
    assert (house / "keys" / STORE).read_bytes() == before
    assert keystore.load(house / "keys", placed(house)).accounts() == [7, 8]


def test_the_paper_of_another_store_changes_nothing(house: Path) -> None:
    with pytest.raises(KeyStoreError, match="another one's"):
        key_ceremonies.restore(house / "keys", house / "usb", placed(house), typed=b"x" * 32)
    other = house / "others.keys"
    keystore.create(other, master_key.locate(other, {}))
    with pytest.raises(Conflict, match="another key store"):
        key_ceremonies.restore(other, house / "usb", master_key.locate(other, {}), typed=placed(house).read())
    assert keystore.load(other, master_key.locate(other, {})).accounts() == []
    assert keystore.load(house / "keys", placed(house)).accounts() == [7, 8]


def test_a_damaged_store_is_replaced_by_its_mirror(house: Path) -> None:
    (house / "keys" / STORE).write_bytes(b"")
    assert key_ceremonies.restore(house / "keys", house / "usb", placed(house)).accounts() == [7, 8]
