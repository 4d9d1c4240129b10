"""Webhooks and live events of a real daemon: over TLS, to a receiver that fails or hangs, through a SIGKILL."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, numbers, until
from receiver import Got, Receiver, make_certificate, receiving

ORDER = ["message.uncertain", "message.sent", "message.delivered"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def bank(hw_sim_bank: StartBank) -> BankProcess:
    return hw_sim_bank("--air", "0.02", modems=2)


def started(daemon: StartDaemon, bank: BankProcess | None, retry: float = 0.2) -> Daemon:
    """A daemon that may call loopback and tries again soon, with an account."""
    modemd = daemon(bank)
    modemd.environ |= {"MODEMD_WEBHOOKS__ALLOW_PRIVATE": "true", "MODEMD_WEBHOOKS__RETRY": str(retry)}
    modemd.start()
    modemd.open_account()
    return modemd


def webhook(modemd: Daemon, url: str, *events: str) -> tuple[str, str]:
    """A webhook of the account: its id and its secret."""
    answer = modemd.request("POST", "/v1/webhooks", json={"url": url, **({"events": list(events)} if events else {})})
    assert answer.status_code == 201, answer.text
    modemd.private.words |= {answer.json()["secret"], url.partition("//")[2]}
    return answer.json()["id"], answer.json()["secret"]


def backlog(modemd: Daemon, name: str) -> int:
    return int(modemd.request("GET", f"/v1/webhooks/{name}").json()["backlog"])


def ordered(receiver: Receiver) -> dict[str, list[str]]:
    """The kinds of each message's events in the order in which they came, repetitions left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for kind, message in receiver.events():
        if kind not in found[message]:
            found[message].append(kind)
    return found


def test_over_tls_each_message_is_told_as_sent_then_as_delivered(
    bank: BankProcess, daemon: StartDaemon, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    modemd = daemon(bank)
    modemd.environ |= {"MODEMD_WEBHOOKS__ALLOW_PRIVATE": "true", "SSL_CERT_FILE": str(certificate)}
    modemd.start()
    modemd.open_account()
    with receiving(certificate) as receiver:
        _, secret = webhook(modemd, receiver.url + "?token=a-secret-of-the-receiver")
        messages = modemd.send(numbers(10), "told over TLS", report=True)
        receiver.wait(20)
        for got in receiver.got:
            stamp, _, digest = got.headers["modemd-signature"].partition(",v1=")
            signed = stamp.removeprefix("t=").encode() + b"." + got.body
            assert hmac.compare_digest(digest, hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest())
        assert ordered(receiver) == {message: ["message.sent", "message.delivered"] for message in messages}
        assert len(receiver.got) == 20, "each once"
    shown = {message["id"]: message for message in modemd.messages()}
    for got in receiver.got:
        assert got.event["data"]["to"] == shown[got.event["data"]["id"]]["to"]


def test_what_a_receiver_has_missed_comes_in_order_when_it_is_back_also_after_a_kill(
    bank: BankProcess, daemon: StartDaemon, receiver: Receiver
) -> None:
    modemd = started(daemon, bank)
    name, _ = webhook(modemd, receiver.url)
    receiver.answer = lambda _: 503
    messages = modemd.send(numbers(20), "while it is down", report=True)
    until(lambda: modemd.states()["delivered"] == 20)
    shown = modemd.request("GET", f"/v1/webhooks/{name}").json()
    assert (shown["backlog"], shown["last_error"]["code"], shown["failures"] > 0) == (40, "http-503", True)
    assert shown["rests_until"] is not None
    assert len(receiver.got) < 20, "it is left alone meanwhile"
    modemd.kill()
    receiver.got.clear()
    receiver.answer = lambda _: 204
    modemd.start()
    receiver.wait(40)
    until(lambda: backlog(modemd, name) == 0)
    assert ordered(receiver) == {message: ["message.sent", "message.delivered"] for message in messages}


def test_killed_in_the_middle_nothing_that_happened_goes_untold(
    bank: BankProcess, daemon: StartDaemon, receiver: Receiver
) -> None:
    modemd = started(daemon, bank)
    name, _ = webhook(modemd, receiver.url)
    for turn, came in enumerate((5, 15, 35)):
        modemd.send(numbers(30, first=100 * turn), "told whatever happens", report=True)
        receiver.wait(came)
        modemd.kill()
        modemd.start()

    def all_rest() -> bool:
        return sum(modemd.states()[state] for state in ("sent", "delivered", "uncertain")) == 90

    until(all_rest, 30)
    states = {message["id"]: message["state"] for message in modemd.messages()}
    until(lambda: backlog(modemd, name) == 0)
    for message, kinds in ordered(receiver).items():
        assert f"message.{states[message]}" in kinds
        assert kinds == sorted(kinds, key=ORDER.index), "in the order in which it happened"
    assert ordered(receiver).keys() == states.keys(), "of every message something was told"


def test_a_receiver_that_hangs_delays_neither_sending_nor_others_nor_the_stop(
    bank: BankProcess, daemon: StartDaemon, receiver: Receiver
) -> None:
    released = threading.Event()

    def hang(_: Got) -> int:
        released.wait(30)
        return 204

    with receiving() as slow:
        slow.answer = hang
        modemd = started(daemon, bank)
        webhook(modemd, slow.url)
        webhook(modemd, receiver.url, "message.sent")
        modemd.ready(2)
        messages = modemd.send(numbers(100), "nobody waits for it")
        started_at = time.monotonic()
        assert modemd.settled(messages, 15) == {"sent": 100}
        receiver.wait(100, 3)
        assert time.monotonic() - started_at < 9, "before the first request to the slow one has run out of time"
        assert 0 < slow.most_at_once <= 4
        ended = modemd.stop()
        assert (ended.code, ended.seconds < 5) == (0, True)
        released.set()


def test_a_live_stream_tells_what_happens_and_ends_with_the_daemon(bank: BankProcess, daemon: StartDaemon) -> None:
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    seen: list[str] = []
    opened, over = threading.Event(), threading.Event()

    def listen() -> None:
        headers = {"Authorization": f"Bearer {modemd.key}"}
        with httpx.stream("GET", modemd.url + "/v1/events", headers=headers, timeout=30) as response:
            for line in response.iter_lines():
                opened.set()
                if line.startswith("event: "):
                    seen.append(line.removeprefix("event: "))
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    assert opened.wait(10)
    modemd.send(numbers(5), "told as it happens", report=True)
    until(lambda: len(seen) == 10)
    assert sorted(seen) == ["message.delivered"] * 5 + ["message.sent"] * 5
    ended = modemd.stop()
    assert (ended.code, ended.seconds < 5) == (0, True)
    assert over.wait(1), "it ended as a stream ends, not as a connection breaks"


def test_without_the_operators_leave_nothing_private_is_called(daemon: StartDaemon, receiver: Receiver) -> None:
    modemd = daemon(None)
    modemd.start()
    modemd.open_account()
    for url in (receiver.url, "https://127.0.0.1/", "https://localhost/", "https://169.254.169.254/latest/meta-data"):
        answer = modemd.request("POST", "/v1/webhooks", json={"url": url})
        assert answer.status_code == 422
        assert url not in answer.text
    assert receiver.got == []
