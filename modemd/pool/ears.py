"""What a modem says unasked, and whom it concerns."""

from __future__ import annotations

import math
import re

from modemd import log
from modemd.at import grammar
from modemd.at.events import Final, Unsolicited
from modemd.at.judgement import classify
from modemd.at.link import Link
from modemd.errors import ModemLost
from modemd.pool import registration
from modemd.pool.lending import Lending
from modemd.pool.modem import Modem
from modemd.pool.settings import Hooks
from modemd.values import Outcome, Verdict

_COMMAND = re.compile(r"AT(?:[+^*$#%&]|[EVQZ]\d?)")


class Ears:
    """One modem's; they hear over all its links."""

    def __init__(self, modem: Modem, lending: Lending, hooks: Hooks) -> None:
        self.nothing_said = True
        """Nothing has been said to this modem: what it answers, it answers to our predecessor."""
        self._modem = modem
        self._lending = lending
        self._hooks = hooks

    def hear(self, event: Unsolicited) -> None:
        """Tell whom it concerns; what concerns nobody is no harm."""
        news = registration.told(event.text)
        if news is not None:
            self._modem.registered(*news)
            if not news[1].good:
                self._lending.network_in_doubt()
        elif event.text.startswith("+CMGS:"):
            reference = grammar.whole_numbers(grammar.after("+CMGS:", event.text))[0]
            if reference is not None:
                self.accepted_late(reference)
        elif self.nothing_said and (final := grammar.final(event.text)) is not None and not final.ok:
            self.nothing_said = False
            self._refused_late(final)
        elif _COMMAND.match(event.text) and self._modem.link is not None:
            self._meddled(self._modem.link)
        else:
            self._lending.errands.hear(event)

    def accepted_late(self, reference: int) -> None:
        """The SMSC has a message that nobody awaits the answer to any more."""
        self._hooks.late(self._modem, Outcome(Verdict.ACCEPTED, reference=reference))

    def _refused_late(self, final: Final) -> None:
        """How long after Ctrl-Z it came is not known well enough: only a code can prove that it was not accepted."""
        judgement = classify(final.family, final.number, after_s=math.inf, text=final.text)
        self._hooks.late(self._modem, judgement.outcome())

    def _meddled(self, link: Link) -> None:
        """The echo of a command that is not ours: another program is on the port and may have changed any setting."""
        cure = "stop it; for ModemManager: modemd install, then systemctl restart ModemManager"
        log.event("modem.other_program", level="WARNING", modem=self._modem.name, port=self._modem.port, cure=cure)
        link.lose(ModemLost("another program sends commands to this port", cure=cure, code="foreign"))
