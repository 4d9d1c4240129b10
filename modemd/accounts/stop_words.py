"""What people write to hear no more, or to hear again: the whole message is one of these words.

"stop by at five" is an answer, not a wish to be left alone. Words that also answer a reminder ("cancel", "end", "no")
are left out. Capitals, accents, blanks and punctuation do not matter.
"""

from __future__ import annotations

import unicodedata
from enum import Enum


class Wish(Enum):
    """What a recipient wants; the values are the names of the counters ``inbound.…``."""

    STOP = "stop"
    START = "start"


_STOP = """
    stop | stop all | stop sms | unsubscribe | opt out | revoke | quit
    rezygnuję | rezygnacja | wypisz | wypisz mnie | wypisuję się | nie wysyłaj
    stopp | abmelden | abbestellen | austragen
    arrêt | arrêter | désabonner | se désabonner | désinscription
    baja | darse de baja | dar de baja | no enviar | parar | sair | descadastrar | cancelar inscrição
    disiscrivi | disiscrivimi | cancellami | disdetta
    afmelden | uitschrijven | afmeld | avmeld | avregistrera | lopeta
    odhlásit | odhlásiť | odjava | odjavi | leiratkozás | leiratkozom | dezabonare | ret
    стоп | отписаться | отписка | відписатися | відписка | відмова | отказ | απεγγραφή | διακοπή | στοπ
"""
"""English, Polish, German, French, Spanish and Portuguese, Italian, Dutch and the Nordic languages, Czech and Slovak,
Croatian, Slovenian and Serbian, Hungarian, Romanian, Turkish, then Russian, Ukrainian, Bulgarian and Greek."""

_START = """
    start | unstop | subscribe | opt in | resume
    wznów | zapisz mnie | anmelden | reprendre | alta | aanmelden | старт
"""

_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss"})
"""Letters whose stroke or missing dot is no accent to Unicode."""


def _plain(text: str) -> str:
    """Letters and digits alone, small, without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in parts if one.isalnum()).translate(_LETTERS)


def _known(words: str) -> frozenset[str]:
    return frozenset(_plain(word) for line in words.strip().splitlines() for word in line.split("|"))


_WISHES = dict.fromkeys(_known(_STOP), Wish.STOP) | dict.fromkeys(_known(_START), Wish.START)
_LONGEST = 40
"""Characters of a message that may still be such a word with blanks and marks around it."""


def wish(text: str) -> Wish | None:
    """What the sender of this text wants; None if it is an ordinary message."""
    short = text.strip()
    return _WISHES.get(_plain(short)) if len(short) <= _LONGEST else None
