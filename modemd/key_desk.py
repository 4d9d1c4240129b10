"""What the command line may ask of the key store, of a running daemon or of none: show, mirror, rotate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from modemd import log
from modemd.accounts import key_ceremonies
from modemd.accounts.keychain import KeyStore
from modemd.accounts.master_key import MasterKey
from modemd.errors import Conflict, InvalidField

Arguments = Mapping[str, Any]


class KeyDesk:
    """The verbs. None of them ever gives out a key."""

    def __init__(self, store: KeyStore, master: MasterKey, state_dir: Path) -> None:
        self._store = store
        self._master = master
        self._state_dir = state_dir

    @property
    def verbs(self) -> dict[str, Callable[[Arguments], Awaitable[dict[str, Any]]]]:
        """Every verb by its name on the control socket."""
        return {
            "keys.show": self.show,
            "keys.mirror": self.mirror,
            "keys.forget_mirror": self.forget_mirror,
            "keys.rotate": self.rotate,
        }

    async def show(self, _: Arguments) -> dict[str, Any]:
        """Where the keys and their mirrors are, and which mirror is behind."""
        store, behind = self._store, self._store.behind()
        return {
            "directory": str(store.directory),
            "master_key": str(self._master.path),
            "master_key_waiting": str(self._master.waiting) if self._master.waiting.exists() else None,
            "generation": store.generation,
            "accounts": len(store.accounts()),
            "erased": len(store.erased()),
            "mirrors": [{"directory": str(folder), "current": folder not in behind} for folder in store.mirrors],
        }

    async def mirror(self, args: Arguments) -> dict[str, Any]:
        """Keep a copy in one more place. Raises KeyStoreError, Conflict."""
        folder = _folder(args)
        if folder.resolve().is_relative_to(self._state_dir.resolve()):
            raise Conflict(
                f"{folder} lies in the state directory, and copies of that must hold no key", cure="name another place"
            )
        await asyncio.to_thread(self._store.mirror, folder)
        log.event("keys.mirror_added", mirror=str(folder))
        return await self.show(args)

    async def forget_mirror(self, args: Arguments) -> dict[str, Any]:
        """Keep no copy there any more; ``overwritten`` tells whether it is gone. Raises NotFound, Conflict."""
        folder = _folder(args)
        overwritten = await asyncio.to_thread(self._store.forget_mirror, folder)
        log.event("keys.mirror_forgotten", mirror=str(folder), overwritten=overwritten)
        return {**await self.show(args), "overwritten": overwritten}

    async def rotate(self, args: Arguments) -> dict[str, Any]:
        """Wrap every key anew under a new master key. Raises KeyStoreError, Conflict."""
        await asyncio.to_thread(key_ceremonies.rotate, self._store, self._master)
        log.event("keys.rotated", generation=self._store.generation)
        return await self.show(args)


def _folder(args: Arguments) -> Path:
    folder = Path(str(args.get("directory", "")))
    if not folder.is_absolute():
        raise InvalidField("directory", "the daemon does not know where you are", cure="give the whole path")
    return folder
