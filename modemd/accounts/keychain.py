"""The key store in memory: what makes sealed data readable.

Per account the data key, wrapped by the master key, and the look-up tags of its phone and e-mail; the operator's own
secrets, wrapped likewise; a generation that counts every change; the ids of erased accounts. Destroying an account's
entry makes everything sealed for it unreadable, wherever copies of the database are. The file is replaced as a whole
at every change, here and in its mirrors.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from modemd.accounts.durable_file import replace
from modemd.accounts.key_mirrors import Mirrors
from modemd.accounts.key_ring import KEY_BYTES, RESTORE, Document, Entry, KeyRing, in_text, of
from modemd.errors import Conflict, KeyStoreError, NotFound, Unreadable

STORE = "store"


class KeyStore:
    """The keys of one modemd; reads take no lock, changes are on disk when they return. For any thread."""

    def __init__(self, directory: Path, master: bytes, document: Document, mirrors: Iterable[Path] = ()) -> None:
        """``mirrors`` are those of the configuration. Raises KeyStoreError if one of them is newer."""
        self.directory = directory
        self._configured = list(mirrors)
        folders = dict.fromkeys([*self._configured, *map(Path, document["mirrors"])])
        self._mirrors = Mirrors(STORE, document["id"], document["generation"], folders)
        self._ring = KeyRing(master, document)
        self._owners: dict[tuple[str, str], list[int]] = {}
        for account, entry in self._accounts.items():
            self._index(int(account), entry)
        self._lock = threading.Lock()

    @property
    def _document(self) -> Document:
        return self._ring.document

    @property
    def _accounts(self) -> dict[str, Entry]:
        return self._ring.document["accounts"]

    @property
    def generation(self) -> int:
        """How many times the store has changed; the highest among mirrors is the newest."""
        return int(self._document["generation"])

    def accounts(self) -> list[int]:
        """The accounts that have a key."""
        return [int(account) for account in list(self._accounts)]

    def untagged(self) -> list[int]:
        """Entries without look-up tags: the operator's account, and requests nobody has looked at yet."""
        return [int(account) for account, entry in list(self._accounts.items()) if not entry["tags"]]

    def erased(self) -> frozenset[int]:
        """The accounts whose key was destroyed."""
        return frozenset(self._document["erased"])

    def data_key(self, account: int) -> bytes:
        """The key everything of this account is sealed with. Raises Unreadable if there is none."""
        ring = self._ring  # one ring for both steps: the master key may change between them
        entry = ring.document["accounts"].get(str(account))
        if entry is None:
            raise Unreadable("the account's key does not exist", cure="restore the newest mirror of the key store")
        return ring.unwrapped(entry["key"], of(account))

    def owners(self, kind: str, tag: bytes) -> list[int]:
        """Every account with this look-up tag; ``kind`` is ``phone`` or ``email``."""
        return list(self._owners.get((kind, in_text(tag)), ()))

    def sharing(self, kind: str, account: int) -> list[int]:
        """The other accounts that have the same look-up tag as this one."""
        entry = self._accounts.get(str(account))
        tag = entry["tags"].get(kind) if entry else None
        owners = self._owners.get((kind, tag), ()) if tag is not None else ()
        return [owner for owner in owners if owner != account]

    def add(self, account: int, tags: Mapping[str, bytes]) -> None:
        """Give a new account its random data key. Raises KeyStoreError; then nothing has changed."""
        with self._lock:
            key = self._ring.wrapped(secrets.token_bytes(KEY_BYTES), of(account))
            self._put(account, Entry(key=key, tags={kind: in_text(tag) for kind, tag in tags.items()}))

    def tag(self, account: int, tags: Mapping[str, bytes]) -> None:
        """Give an account that has a key its look-up tags. Raises Unreadable, KeyStoreError."""
        with self._lock:
            entry = self._accounts.get(str(account))
            if entry is None:
                raise Unreadable("the account's key does not exist")
            self._put(account, Entry(key=entry["key"], tags={kind: in_text(tag) for kind, tag in tags.items()}))

    def destroy(self, account: int, *, remember: bool = True) -> None:
        """Make everything sealed for an account unreadable for good. Raises KeyStoreError; may be repeated.

        ``remember`` writes it down as erased, so that no restored database brings it back.
        """
        with self._lock:
            rest = {name: entry for name, entry in self._accounts.items() if name != str(account)}
            erased = sorted({*self._document["erased"], account}) if remember else self._document["erased"]
            self._save({**self._document, "accounts": rest, "erased": erased})
            self._document["erased"] = erased
            entry = self._accounts.pop(str(account), None)
            if entry is not None:
                self._unindex(account, entry)

    def secret(self, name: str) -> bytes:
        """The operator's own random secret of this name, made when first asked for."""
        ring = self._ring
        if name not in ring.document["secrets"]:
            with self._lock:
                ring = self._ring
                known = ring.document["secrets"]
                if name not in known:
                    fresh = ring.wrapped(secrets.token_bytes(KEY_BYTES), name)
                    self._save({**ring.document, "secrets": {**known, name: fresh}})
                    known[name] = fresh
        return ring.unwrapped(ring.document["secrets"][name], name)

    def drop_secrets(self, begin: str, but: str) -> None:
        """Destroy the operator's secrets whose names begin so, those excepted that begin with ``but``."""
        with self._lock:
            known = self._document["secrets"]
            kept = {name: key for name, key in known.items() if not name.startswith(begin) or name.startswith(but)}
            if len(kept) < len(known):
                self._save({**self._document, "secrets": kept})
                self._document["secrets"] = kept

    @property
    def mirrors(self) -> list[Path]:
        """The places where copies are kept."""
        return self._mirrors.folders

    def behind(self) -> list[Path]:
        """The mirrors that do not hold the newest generation."""
        return self._mirrors.behind(self.generation)

    def catch_up(self) -> None:
        """Try to bring every mirror up to date. Raises KeyStoreError if the store itself cannot be read."""
        with self._lock:
            try:
                content = (self.directory / STORE).read_bytes()
            except OSError as error:
                raise KeyStoreError(f"the key store cannot be read ({error.strerror})", cure=RESTORE) from error
            self._mirrors.write(content, self.generation)

    def mirror(self, folder: Path) -> None:
        """Keep a copy in one more place, from now on and after a restart. Raises KeyStoreError."""
        if folder.resolve() == self.directory.resolve():
            raise KeyStoreError(f"{folder} is where the key store itself is", cure="name a place on another disk")
        self._mirrors.check(folder)
        with self._lock:
            named = list(dict.fromkeys([*self._document["mirrors"], str(folder)]))
            self._mirrors.add(folder)
            self._save({**self._document, "mirrors": named})
            self._document["mirrors"] = named

    def forget_mirror(self, folder: Path) -> bool:
        """Keep no copy there any more, and overwrite the one that lies there; False if it is out of reach.

        Raises NotFound, Conflict if the configuration names it, KeyStoreError.
        """
        if folder in self._configured:
            raise Conflict(f"{folder} is named in the configuration", cure="take it out of [keys] mirrors and restart")
        if folder not in self.mirrors:
            raise NotFound(f"{folder} is no mirror", cure="modemd keys shows them")
        with self._lock:
            reached = folder.is_dir()
            named = [name for name in self._document["mirrors"] if name != str(folder)]
            self._mirrors.remove(folder)
            self._save({**self._document, "mirrors": named})
            self._document["mirrors"] = named
            return reached

    def rewrap(self, master: bytes) -> None:
        """Wrap every key anew under another master key; readers see the one or the other. Raises KeyStoreError."""
        with self._lock:
            ring = self._ring.under(master)
            self._write(ring, ring.document)
            self._ring = ring

    def save(self) -> None:
        """Write the store as it is, as the next generation. Raises KeyStoreError."""
        with self._lock:
            self._save(self._document)

    def _put(self, account: int, entry: Entry) -> None:
        self._save({**self._document, "accounts": {**self._accounts, str(account): entry}})
        former = self._accounts.get(str(account))
        if former is not None:
            self._unindex(account, former)
        self._accounts[str(account)] = entry
        self._index(account, entry)

    def _index(self, account: int, entry: Entry) -> None:
        for kind, tag in entry["tags"].items():
            self._owners[kind, tag] = [*self._owners.get((kind, tag), ()), account]

    def _unindex(self, account: int, entry: Entry) -> None:
        for kind, tag in entry["tags"].items():
            self._owners[kind, tag] = [other for other in self._owners[kind, tag] if other != account]
            if not self._owners[kind, tag]:
                del self._owners[kind, tag]

    def _save(self, document: Document) -> None:
        """Write ``document`` as the next generation, here and in every mirror that can be reached."""
        self._write(self._ring, document)

    def _write(self, ring: KeyRing, document: Document) -> None:
        generation = self.generation + 1
        content = ring.written({**document, "generation": generation})
        replace(self.directory / STORE, content)
        ring.document["generation"] = generation
        self._mirrors.write(content, generation)
