"""What a carrier does to a SIM: charges it, limits it, blocks it, tells its balance by USSD."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from hw_sim.sim_card import SimCard


@dataclass(frozen=True)
class CarrierPlan:
    """The carrier's rules; the table ``[carrier]`` of a scenario."""

    limit: int | None = None
    """Messages a SIM may send; what comes after is refused with *limit_cause*."""
    limit_cause: int = 38
    """CMS code past the limit: 8, 10, 21, 30, 38, 50 and 500 are seen for blocked SIMs."""
    limit_denies: bool = False
    """Past the limit the SIM is put out of the network instead."""
    balance: float | None = None
    """Money on a prepaid SIM; without enough of it a message is refused with *balance_cause*."""
    price: float = 0.1
    """Of one segment."""
    balance_cause: int = 38
    ussd: dict[str, str] = field(default_factory=lambda: {"*100#": "Your balance is {balance:.2f}"})
    """Answers by USSD code."""
    ussd_seconds: float = 1.0


class Carrier:
    """The accounts of all SIMs."""

    def __init__(self, plan: CarrierPlan) -> None:
        self.plan = plan
        self._sent: Counter[str] = Counter()
        self._paid: defaultdict[str, float] = defaultdict(float)
        self._counts = plan.limit is not None or plan.balance is not None

    def balance(self, sim: SimCard) -> float:
        """Money left on a SIM."""
        return (self.plan.balance or 0.0) + self._paid[sim.imsi] - self._sent[sim.imsi] * self.plan.price

    def top_up(self, sim: SimCard, amount: float) -> None:
        """Somebody pays money in for a SIM."""
        self._paid[sim.imsi] += amount

    def refusal(self, sim: SimCard) -> int | None:
        """CMS code for which a SIM may not send, or None."""
        if not self._counts:
            return None
        plan = self.plan
        if plan.limit is not None and self._sent[sim.imsi] >= plan.limit:
            return plan.limit_cause
        if plan.balance is not None and self.balance(sim) < plan.price:
            return plan.balance_cause
        return None

    def charge(self, sim: SimCard) -> None:
        """Count a message that was accepted."""
        if self._counts:
            self._sent[sim.imsi] += 1

    def denies(self, sim: SimCard) -> bool:
        """Whether a SIM is out of the network for good."""
        plan = self.plan
        return plan.limit_denies and plan.limit is not None and self._sent[sim.imsi] >= plan.limit

    def ussd(self, sim: SimCard, code: str) -> str | None:
        """Answer a USSD code; None where the network knows none such."""
        answer = self.plan.ussd.get(code)
        return None if answer is None else answer.format(balance=self.balance(sim))
