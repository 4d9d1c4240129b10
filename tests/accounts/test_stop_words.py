"""Which inbound texts are a wish to hear no more, or to hear again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts.stop_words import Wish, wish


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", " Stop! ", "„STOP”", "STOP.", "S T O P", "Stop\n", "STOP ALL", "stopall", "opt-out"),
        *("Unsubscribe", "Rezygnuję", "REZYGNUJE", "rezygnuje.", "Wypisz mnie!", "nie wysyłaj", "NIE WYSYLAJ"),
        *("Stopp", "abmelden", "ARRÊT", "arret", "Désabonner", "BAJA", "Sair", "disiscrivimi", "Afmelden"),
        *("odhlásit", "ODHLASIT", "RET", "leiratkozás", "СТОП", "стоп", "Отписаться", "відписатися", "ΣΤΟΠ", "στοπ"),
    ],
)
def test_stop_is_understood_in_many_languages_however_it_is_written(text: str) -> None:
    assert wish(text) is Wish.STOP


@pytest.mark.parametrize("text", ["START", "start", "Start!", "UNSTOP", "wznów", "WZNOW", "Anmelden", "ALTA", "старт"])
def test_start_is_understood_too(text: str) -> None:
    assert wish(text) is Wish.START


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "!", "Stop by at five", "don't stop", "non-stop", "stop it", "bus stop?", "STOP PIZZA", "1stop"),
        *("CANCEL", "end", "no", "NIE", "nein", "tak", "ok", "YES", "Startujemy o 8", "we start at 8", "stopstop"),
        *("Nie wysyłaj mi tego przed 10, będę w pracy", "stop" + " " * 100 + "it"),
    ],
)
def test_ordinary_answers_are_no_wish(text: str) -> None:
    assert wish(text) is None


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert wish(text) in (None, Wish.STOP, Wish.START)


@given(st.text(min_size=41))
def test_a_long_text_is_no_wish(text: str) -> None:
    assert wish(f"x{text}x") is None
