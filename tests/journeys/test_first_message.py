"""The first message, and the first thousand: through every real part, each exactly once."""

from __future__ import annotations

from collections import Counter

from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, arrived, as_json, cli, numbers, one_line_with_cure

TEXTS = {
    "short": "Your parcel is here. Ref {€} ~[x]|y^",
    "exactly one segment": "a" * 160,
    "extension table over a boundary": "x" * 152 + "€" * 60,
    "long": "The quick brown fox jumps over the lazy dog. " * 12,
    "emoji": "Gut gemacht 👍🏽 – naïve café 👨‍👩‍👧",
    "long emoji": "🎉👩‍🚀🇵🇱 " * 25,
    "another alphabet": "Zażółć gęślą jaźń",
}


def test_a_thousand_messages_in_one_call_arrive_once_each(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=4)
    modemd = daemon(bank)
    modemd.environ |= {"MODEMD_LOGS__LEVEL": "DEBUG", "MODEMD_LOGS__FILE": "true"}
    modemd.start()
    made = cli(
        *("accounts", "create", "--email", "first@example.org", "--phone", "+48600999222"),
        *("--no-sms", "--with-key", "--json"),
        state_dir=modemd.state_dir,
    )
    modemd.key = as_json(made.out)["api_key"]
    modemd.private.words |= {modemd.key, "first@example.org"}
    modemd.ready(4)

    sent = dict.fromkeys(numbers(1000), TEXTS["short"])
    ids = modemd.send(list(sent), TEXTS["short"], lane="bulk")
    for place, text in enumerate(TEXTS.values()):
        few = numbers(8, first=2000 + 10 * place)
        ids += modemd.send(few, text)
        sent |= dict.fromkeys(few, text)

    assert len(set(ids)) == len(sent)
    assert modemd.settled(ids) == {"sent": len(sent)}
    found = arrived(bank.air())
    assert Counter(message.to for message in found) == Counter(sent.keys()), "each recipient exactly once"
    assert {message.to: message.text for message in found} == sent, "texts intact"
    _evenly_spread(Counter(entry.modem for entry in bank.air()), len(bank.air()))
    _totals_agree(modemd, len(sent))
    ended = modemd.stop()
    assert ended.code == 0
    assert ended.seconds < 10


def _evenly_spread(by_modem: Counter[int], all_of_them: int) -> None:
    fair = all_of_them / 4
    assert set(by_modem) == {0, 1, 2, 3}
    assert all(abs(count - fair) < 0.1 * fair for count in by_modem.values()), by_modem


def _totals_agree(modemd: Daemon, accepted: int) -> None:
    status = as_json(cli("status", "--json", state_dir=modemd.state_dir).out)
    assert status == status | {"running": True}
    assert status["totals"] == {
        "accepted": accepted, "sent": accepted, "delivered": 0, "undelivered": 0, "failed": 0, "expired": 0,
        "cancelled": 0,
    }  # fmt: skip
    queue = status["queue"]
    assert [queue[name] for name in ("scheduled", "queued", "sending", "uncertain")] == [0, 0, 0, 0]
    assert queue["lanes"] == {"system": 0, "transactional": 0, "bulk": 0}
    assert modemd.request("GET", "/v1/status").status_code == 403, "the status is the operator's"


def test_what_is_cancelled_never_goes_out_and_what_goes_out_cannot_be_cancelled(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.03", modems=4)
    modemd = daemon(bank)
    modemd.begin(4)
    ids = modemd.send(numbers(160), "some of these are taken back")
    answers = {one: modemd.request("DELETE", f"/v1/messages/{one}") for one in [*ids[40:120], *reversed(ids)]}
    assert {answer.status_code for answer in answers.values()} == {200, 409}
    counts = modemd.settled(ids)
    cancelled = {message["to"] for message in modemd.messages(state="cancelled")}
    came = Counter(message.to for message in arrived(bank.air()))
    assert counts == {"sent": len(came), "cancelled": len(cancelled)}
    assert not cancelled & came.keys()
    assert cancelled | came.keys() == set(numbers(160))
    assert set(came.values()) == {1}


def test_a_newcomer_sends_by_the_command_line_and_asks_why(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = daemon(bank)
    modemd.start()
    modemd.private.numbers.add("+48600100200")
    modemd.private.words.add("Hello from the shell")
    done = cli("send", "--to", "+48600100200", "Hello from the shell", "--wait", state_dir=modemd.state_dir)
    assert done.code == 0, done.err
    assert [(message.to, message.text) for message in arrived(bank.air())] == [("+48600100200", "Hello from the shell")]
    listed = as_json(cli("queue", "list", "--json", state_dir=modemd.state_dir).out)["messages"]
    why = cli("why", listed[0]["id"], state_dir=modemd.state_dir)
    assert why.code == 0
    assert "accepted by the network" in why.out


def test_a_second_daemon_on_the_same_state_is_refused(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    first = daemon(hw_sim_bank(modems=1))
    first.start()
    second = daemon(None, name="state")
    second.launch()
    ended = second.wait()
    assert ended.code == 1
    assert "another modemd runs" in one_line_with_cure(ended)
    assert first.request("GET", "/healthz").status_code == 200, "the first goes on"
    assert first.stop().code == 0


def test_without_a_daemon_status_answers_from_the_database(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=1))
    modemd.start()
    modemd.open_account()
    modemd.settled(modemd.send("+48600100300", "before the stop"))
    assert modemd.stop().code == 0
    status = cli("status", "--json", state_dir=modemd.state_dir)
    assert status.code == 3
    assert as_json(status.out)["running"] is False
    assert as_json(status.out)["totals"]["sent"] == 1
