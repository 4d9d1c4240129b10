"""Copies of the key store in places the operator names: always the newest only, so that no copy outlives an erasure.

A place that cannot be written is behind until it can; what was erased meanwhile is not yet erased there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from modemd import log
from modemd.accounts.durable_file import replace, scrap
from modemd.errors import KeyStoreError


class Mirrors:
    """The places. A folder has to exist: a missing one is a disk that is not mounted."""

    def __init__(self, name: str, folders: Iterable[Path]) -> None:
        self._name = name
        self._generations = {folder: self._found(folder) for folder in folders}

    @property
    def folders(self) -> list[Path]:
        """The places, in the order they were named."""
        return list(self._generations)

    def behind(self, generation: int) -> list[Path]:
        """The places that do not hold this generation."""
        return [folder for folder, written in self._generations.items() if written != generation]

    def add(self, folder: Path) -> None:
        """One more place; it is behind."""
        self._generations.setdefault(folder, 0)

    def remove(self, folder: Path) -> None:
        """Give a place up, and overwrite the copy there if it is in reach."""
        if self._generations.pop(folder, None) is not None and folder.is_dir():
            scrap(folder / self._name)

    def write(self, content: bytes, generation: int) -> None:
        """Bring every place up to date; those that cannot be are told in the log."""
        for folder in self.behind(generation):
            try:
                if not folder.is_dir():
                    raise KeyStoreError(f"{folder} is not there", cure="mount it, or modemd keys forget-mirror")
                replace(folder / self._name, content)
            except KeyStoreError as error:
                log.failed("keys.mirror_behind", error, level="WARNING", mirror=str(folder))
            else:
                self._generations[folder] = generation

    def _found(self, folder: Path) -> int:
        """The generation that lies there; 0 if there is none that can be read."""
        try:
            _, _, content = (folder / self._name).read_bytes().partition(b"\n")
            return int(orjson.loads(content)["generation"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
