"""Carries out one ceremony on a key store and dies before its n-th change of a file: a program of its own.

Every n in its turn, in a child process that is really killed and on a fresh copy of the store; after each, the store
is opened as a start would open it. Prints what was found then, a JSON line for each n; the last child lived.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from modemd import log
from modemd.accounts import key_ceremonies, keystore, master_key
from modemd.errors import Unreadable

CHANGES = ("open", "fsync", "link", "replace", "unlink")
"""The functions of ``os`` that change a file or its name, or make a change durable."""
ACCOUNT, GONE = 7, 8


def rotate(house: Path) -> None:
    """A new master key."""
    key_ceremonies.rotate(keystore.load(house / "keys"), master_key.locate(house / "keys", {}))


def rotate_credential(house: Path) -> None:
    """A new master key that the operator has to put in place."""
    key = master_key.locate(house / "keys", {"CREDENTIALS_DIRECTORY": str(house / "credentials")})
    key_ceremonies.rotate(keystore.load(house / "keys", key), key)


def destroy(house: Path) -> None:
    """An account is erased."""
    keystore.load(house / "keys").destroy(GONE)


def restore(house: Path) -> None:
    """The store has been lost."""
    (house / "keys" / keystore.STORE).unlink(missing_ok=True)
    key_ceremonies.restore(house / "keys", house / "usb", master_key.locate(house / "keys", {}))


CEREMONIES: dict[str, Callable[[Path], None]] = {
    "rotate": rotate,
    "rotate_credential": rotate_credential,
    "destroy": destroy,
    "restore": restore,
}


def die_before(change: int) -> None:
    """From now on, SIGKILL comes just before the n-th change."""
    left = change

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))


def killed(ceremony: Callable[[Path], None], house: Path, change: int) -> bool:
    """Carry it out in a child process; whether that was killed before its end.

    Raises ChildProcessError if it failed.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_before(change)
            ceremony(house)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
        raise ChildProcessError(f"the ceremony failed with change {change}")
    return os.WIFSIGNALED(status)


def found(house: Path, ceremony: str) -> dict[str, Any]:
    """What a start finds: the account's key, what is left of another's, and every file there is."""
    credentials = {"CREDENTIALS_DIRECTORY": str(house / "credentials")} if ceremony == "rotate_credential" else {}
    key = master_key.locate(house / "keys", credentials)
    if not (house / "keys" / keystore.STORE).exists():
        key_ceremonies.restore(house / "keys", house / "usb", key)
    store = keystore.load(house / "keys", key)
    store.catch_up()
    return {
        "key": store.data_key(ACCOUNT).hex(),
        "gone": not has(store, GONE),
        "same": (house / "keys" / keystore.STORE).read_bytes() == (house / "usb" / keystore.STORE).read_bytes(),
        "files": sorted(str(path.relative_to(house)) for path in house.rglob("*") if path.is_file()),
    }


def has(store: keystore.KeyStore, account: int) -> bool:
    """Whether an account has a key."""
    try:
        store.data_key(account)
    except Unreadable:
        return False
    return True


def main(name: str, house: Path) -> None:
    """Every change in its turn."""
    log.set_up("ERROR")
    for change in count():
        copy = house.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(house, copy)
        house.rename(house.with_name("kept"))  # the mirror is known by its whole path
        copy.rename(house)
        cut_off = killed(CEREMONIES[name], house, change)
        print(json.dumps({"change": change, "killed": cut_off, **found(house, name)}))
        shutil.rmtree(house)
        house.with_name("kept").rename(house)
        if not cut_off:
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
