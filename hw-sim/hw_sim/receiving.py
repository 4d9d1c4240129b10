"""Where a message that reaches a modem goes: to the host, to a storage, or back to the network (TS 27.005 3.4.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hw_sim import alphabet
from hw_sim.clock import Timer
from hw_sim.faults import Point
from hw_sim.storage import Record, RecordState
from hw_sim.text_mode import describe_deliver, describe_report, encode_text

if TYPE_CHECKING:
    from hw_sim.modem import Modem

ACK_SECONDS = 15.0
"""How long a directly routed message waits for its +CNMA when +CSMS is 1 (TS 24.011: TR1N)."""
MOST_BUFFERED = 20
"""Indications kept while +CNMI's mode is 0; older ones are dropped."""


class Receiver:
    """A modem's receiving side."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._buffer: list[str] = []
        self._waiting_ack: Timer | None = None
        self.break_next = False
        """The next status report reaches the host with half its PDU."""

    def reset(self) -> None:
        """Forget what was buffered, as at a loss of power."""
        self._buffer.clear()
        self._stop_waiting()

    def deliver(self, tpdu: bytes, smsc: str) -> bool:
        """Take an SMS-DELIVER; False where there is no room (the network keeps it then)."""
        return self._passed(Point.INBOUND, partial(self._deliver, tpdu, smsc))

    def report(self, tpdu: bytes, smsc: str) -> bool:
        """Take an SMS-STATUS-REPORT; False where there is no room."""
        return self._passed(Point.REPORT, partial(self._report, tpdu, smsc))

    def _passed(self, point: Point, take: Callable[[], bool]) -> bool:
        """Whether it was taken, or was held by a fault after the network was told that it is."""
        taken = True

        def proceed() -> None:
            nonlocal taken
            taken = take()

        self._modem.faults.pass_through(point, proceed)
        return taken

    def _deliver(self, tpdu: bytes, smsc: str) -> bool:
        modem = self._modem
        route = modem.settings.cnmi[1]
        is_class_2 = tpdu[3 + -(-tpdu[1] // 2) + 1] & 0xF3 in (0x12, 0xF2)
        if route == 2 and not is_class_2:
            return self._direct(describe_deliver(tpdu, smsc, modem.settings))
        name = modem.settings.cpms[2]
        index = modem.memory.receive(name, Record(RecordState.UNREAD, tpdu, smsc))
        if index is None:
            self._say_full(name)
            return False
        if route:
            self._indicate(f'+CMTI: "{name}",{index}')
        return True

    def _report(self, tpdu: bytes, smsc: str) -> bool:
        modem, traits = self._modem, self._modem.traits
        route = modem.settings.cnmi[3]
        if self.break_next:
            self.break_next, tpdu = False, tpdu[: len(tpdu) // 2]
        if route == 0:
            return True
        if route == 1:
            return self._direct(describe_report(tpdu, smsc, modem.settings, comma=traits.cds_comma))
        index = modem.memory.receive(traits.report_storage, Record(RecordState.UNREAD, tpdu, smsc))
        if index is None:
            self._say_full(traits.report_storage)
            return False
        self._indicate(f'+CDSI: "{traits.report_storage_said or traits.report_storage}",{index}')
        return True

    def acknowledged(self) -> bool:
        """The host has sent +CNMA; False if nothing waited for it."""
        if self._waiting_ack is None:
            return False
        self._stop_waiting()
        self._modem.network.service_centre.hand_over(self._modem.sim)
        return True

    def flush(self) -> None:
        """+CNMI was set: what was buffered goes out if the mode is not 0, or is dropped if <bfr> is 1."""
        mode, _, _, _, bfr = self._modem.settings.cnmi
        if mode:
            lines, self._buffer = self._buffer, []
            if bfr == 0:
                for line in lines:
                    self._modem.dialogue.urc(line)

    def ussd(self, answer: str | None) -> None:
        """Tell the host what a USSD code was answered, in the coding of this make; None: the network knows it not."""
        if self._modem.settings.cusd == 2:
            return
        if answer is None:
            self._modem.dialogue.urc("+CUSD: 4")
            return
        coding = self._modem.traits.ussd
        if coding == "packed":
            text, dcs = alphabet.pack_ussd(answer).hex().upper(), 15
        elif coding == "ucs2":
            text, dcs = alphabet.encode_ucs2(answer).hex().upper(), 72
        else:
            text, dcs = encode_text(answer, self._modem.settings.cscs), 15
        self._modem.dialogue.urc(f'+CUSD: 0,"{text}",{dcs}')

    def _indicate(self, line: str) -> None:
        if self._modem.settings.cnmi[0] == 0:
            self._buffer = [*self._buffer, line][-MOST_BUFFERED:]
        else:
            self._modem.dialogue.urc(line)

    def _direct(self, line: str) -> bool:
        modem = self._modem
        needs_ack = modem.settings.csms == 1 and modem.traits.csms_needs_ack
        if needs_ack and self._waiting_ack is not None:
            return False
        self._indicate(line)
        if needs_ack:
            self._waiting_ack = modem.clock.later(ACK_SECONDS, self._not_acknowledged)
        return True

    def _not_acknowledged(self) -> None:
        """Stop routing to the host, without a word (TS 27.005 3.4.4)."""
        self._waiting_ack = None
        self._modem.settings.cnmi[1] = 0
        self._modem.settings.cnmi[3] = 0

    def _stop_waiting(self) -> None:
        if self._waiting_ack is not None:
            self._waiting_ack.cancel()
            self._waiting_ack = None

    def _say_full(self, storage: str) -> None:
        if self._modem.traits.memory_full_urc:
            self._modem.dialogue.urc(self._modem.traits.memory_full_urc.format(storage=storage))
