"""Copies of the key store in places the operator names: always the newest only, so that no copy outlives an erasure.

A place that cannot be written is behind until it can; what was erased meanwhile is not yet erased there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modemd import log
from modemd.accounts.durable_file import replace, scrap, tidy
from modemd.accounts.key_ring import whose
from modemd.errors import KeyStoreError


class Mirrors:
    """The places. A folder has to exist: a missing one is a disk that is not mounted."""

    def __init__(self, name: str, store: str, generation: int, folders: Iterable[Path]) -> None:
        """For the store of this id. Raises KeyStoreError if a copy is newer than ``generation``, what lies here."""
        self._name = name
        self._store = store
        self._generations = {folder: self._found(folder) for folder in folders}
        newer = [folder for folder, found in self._generations.items() if found > generation]
        if newer:
            raise KeyStoreError(
                f"the mirror in {newer[0]} is newer than this copy of the key store",
                cure=f"modemd keys restore {newer[0]}, or accounts that were erased since would come back",
                code="older_than_mirror",
            )

    @property
    def folders(self) -> list[Path]:
        """The places, in the order they were named."""
        return list(self._generations)

    def behind(self, generation: int) -> list[Path]:
        """The places that do not hold this generation."""
        return [folder for folder, written in self._generations.items() if written != generation]

    def check(self, folder: Path) -> None:
        """Raises KeyStoreError if this cannot be a place for a copy."""
        if not folder.is_dir():
            raise KeyStoreError(f"{folder} is not there", cure="mount it or make it, or modemd keys forget-mirror")
        held = self._held(folder)
        if held is not None and held[0] != self._store:
            raise KeyStoreError(
                f"{folder} holds something else under the name {self._name}", cure="name another directory"
            )

    def add(self, folder: Path) -> None:
        """One more place; it is behind."""
        self._generations.setdefault(folder, 0)

    def remove(self, folder: Path) -> None:
        """Give a place up, and overwrite the copy there if it is in reach and ours."""
        if self._generations.pop(folder, None) is not None and self._found(folder):
            scrap(folder / self._name)

    def write(self, content: bytes, generation: int) -> None:
        """Bring every place up to date; those that cannot be are told in the log."""
        for folder in self.behind(generation):
            try:
                self.check(folder)
                replace(folder / self._name, content)
            except KeyStoreError as error:
                log.failed("keys.mirror_behind", error, level="WARNING", mirror=str(folder))
            else:
                self._generations[folder] = generation

    def _found(self, folder: Path) -> int:
        """The generation of this store that lies there, and nothing older beside it; 0 if none does."""
        held = self._held(folder)
        if held is None or held[0] != self._store:
            return 0
        try:
            tidy(folder / self._name)
        except KeyStoreError:
            return 0  # an older copy, of which a crash left a part, cannot be removed
        return held[1]

    def _held(self, folder: Path) -> tuple[str, int] | None:
        """What lies there under our name: a store's id and generation; None if nothing does, or it cannot be read."""
        try:
            return whose((folder / self._name).read_bytes())
        except OSError:
            return None
