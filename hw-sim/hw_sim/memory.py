"""The message storages of one modem: its own and its SIM's, under the names that +CPMS gives them."""

from __future__ import annotations

from hw_sim.clock import Clock
from hw_sim.profile import Traits
from hw_sim.sim_card import SimCard
from hw_sim.storage import Record, Storage


class Memory:
    """All storages of a modem."""

    def __init__(self, traits: Traits, sim: SimCard, clock: Clock) -> None:
        sizes = traits.storage_sizes
        self._own = {name: Storage(name, sizes[name], traits.first_index) for name in sizes if name != "SM"}
        self._sim = sim
        self._clock = clock
        self._lag = traits.count_lags
        self._uncounted: dict[str, float] = {}
        sim.records.first = traits.first_index

    def store(self, name: str) -> Storage:
        """Give a storage by its name; MT and the ``_P`` names of SIMCom stand for what is behind them."""
        name = name.removesuffix("_P")
        if name == "MT":
            name = "ME" if "ME" in self._own else "SM"
        return self._sim.records if name == "SM" else self._own[name]

    def stores(self) -> list[Storage]:
        """Give all storages, the SIM's first."""
        return [self._sim.records, *self._own.values()]

    def count(self, name: str) -> tuple[int, int]:
        """Used and total places, as +CPMS tells them; some makes count a new message only after a while."""
        store = self.store(name)
        fresh = 1 if self._clock.now() < self._uncounted.get(store.name, 0.0) else 0
        return max(store.used - fresh, 0), store.total

    def receive(self, name: str, record: Record) -> int | None:
        """Put a received message into a storage and give its index; None if it is full."""
        store = self.store(name)
        index = store.add(record)
        if index is not None and self._lag:
            self._uncounted[store.name] = self._clock.now() + self._lag
        return index
