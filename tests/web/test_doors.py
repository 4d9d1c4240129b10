"""The front doors that speak the protocols of others: what their clients send, and the answers those expect."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from web_service import Service

from modemd.accounts.numbers import Numbers
from modemd.clock import SystemClock
from modemd.queue.listing import Wanted
from modemd.values import Sms
from modemd.web.compat.counter import SLICE, Counter
from modemd.web.doorkeeper import Doorkeeper

PROMOSMS = "/api/rest/v3_2/sms"
KANNEL = "/cgi-bin/sendsms"
CAPCOM6 = "/3rdparty/v1/messages"
CALL = {"text": "Your parcel waits", "type": 1, "recipients": ["600100200"], "sender": "shop"}


async def sent(service: Service) -> list[Sms]:
    """What would go on the air, in the order of submission."""
    waiting = await service.queue.messages(Wanted(service.account.id), 1000)
    return [service.accounts.sending.open(message) for message in waiting[::-1]]


def promosms(service: Service) -> dict[str, str]:
    """As uptime-kuma writes them."""
    pair = base64.b64encode(f"user@example.org:{service.key}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Accept": "text/json", "Content-Type": "application/json"}


async def test_promosms_takes_the_call_of_uptime_kuma(service: Service, stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(PROMOSMS, json=CALL | {"long-sms": False}, headers=promosms(service))
    assert answer.status_code == 200
    assert answer.json() == {"response": {"status": 0}}
    assert await sent(service) == [Sms("+48600100200", "Your parcel waits")]


async def test_promosms_names_the_id_of_each_recipient_if_asked(service: Service, stranger: httpx.AsyncClient) -> None:
    call = CALL | {"recipients": ["48600100201", "600100200", "12"], "return-send-recipients": True}
    response = (await stranger.post(PROMOSMS, json=call, headers=promosms(service))).json()["response"]
    assert response["status"] == 0
    first, second, third = response["recipientsResults"]
    assert third == {"status": 200}
    numbers = []
    for one in (first, second):
        assert one["status"] == 0
        found = await stranger.get(f"/v1/messages/{one['sms-id']}", headers={"Authorization": f"Bearer {service.key}"})
        numbers.append(found.json()["to"])
    assert numbers == ["+48600100201", "+48600100200"]


@pytest.mark.parametrize("recipients", ["recipients", "recipients[]", "recipients[0]"])
async def test_promosms_takes_forms(service: Service, stranger: httpx.AsyncClient, recipients: str) -> None:
    credentials = ("user@example.org", service.key)
    form = {"text": "Zażółć", "type": "0", recipients: "600100200", "special-chars": "1"}
    encoded = await stranger.post(PROMOSMS, data=form, auth=credentials)
    parts = {name: (None, value) for name, value in form.items()}
    multipart = await stranger.post(PROMOSMS, files=parts, auth=credentials)
    assert [encoded.json(), multipart.json()] == [{"response": {"status": 0}}] * 2
    assert await sent(service) == [Sms("+48600100200", "Zażółć", flash=True)] * 2


async def test_promosms_strips_diacritics_unless_special_chars_are_wanted(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    await stranger.post(PROMOSMS, json=CALL | {"text": "Zażółć"}, headers=promosms(service))
    assert [sms.text for sms in await sent(service)] == ["Zazolc"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"recipients": []}, 100),
        ({"text": ""}, 100),
        ({"type": ""}, 100),
        ({"type": 2}, 200),
        ({"recipients": ["12"]}, 200),
        ({"text": "long " * 40}, 200),
        ({"date": "tomorrow"}, 200),
    ],
)
async def test_promosms_says_by_its_hundreds_what_is_wrong(
    service: Service, stranger: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    answer = await stranger.post(PROMOSMS, json=CALL | change, headers=promosms(service))
    assert (answer.status_code, answer.json()) == (200, {"response": {"status": status}})
    assert await sent(service) == []


async def test_promosms_refuses_a_wrong_password_with_400(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(PROMOSMS, json=CALL, auth=("user@example.org", "mk_wrong"))
    assert answer.json() == {"response": {"status": 400}}


def kannel(service: Service, **more: str) -> dict[str, str]:
    """A call by GET."""
    return {"username": "anybody", "password": service.key, "to": "48600100200", "text": "Hello"} | more


async def test_kannel_takes_a_text_for_one_receiver(service: Service, stranger: httpx.AsyncClient) -> None:
    service.missing = None
    answer = await stranger.get(KANNEL, params=kannel(service, mclass="0", validity="60"))
    assert (answer.status_code, answer.text) == (202, "0: Accepted for delivery")
    assert answer.headers["content-type"].startswith("text/plain")
    assert await sent(service) == [Sms("+48600100200", "Hello", flash=True, valid_for=3600)]


async def test_kannel_sends_nothing_to_who_only_looks(service: Service, stranger: httpx.AsyncClient) -> None:
    answer = await stranger.head(KANNEL, params=kannel(service))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert (await service.queue.counts()).totals["accepted"] == 0


async def test_kannel_says_queued_while_no_modem_is_ready(service: Service, stranger: httpx.AsyncClient) -> None:
    service.missing = "modems"
    answer = await stranger.get(KANNEL, params=kannel(service))
    assert (answer.status_code, answer.text) == (202, "3: Queued for later delivery")


async def test_kannel_names_denied_receivers_and_splits(service: Service, stranger: httpx.AsyncClient) -> None:
    call = kannel(service, to="48600100200 12 491711234567", text="long " * 40)
    answer = await stranger.get(KANNEL, params=call)
    assert (answer.status_code, answer.text) == (202, "Sent. Denied receivers are: 12 Message splits: 2")
    assert [sms.to for sms in await sent(service)] == ["+48600100200", "+491711234567"]


@pytest.mark.parametrize(
    ("more", "octets"),
    [
        ({}, "%C5%BC%C3%B3%C5%82w"),
        ({"coding": "2"}, "%01%7C%00%F3%01%42%00w"),
        ({"coding": "2", "charset": "utf-8"}, "%C5%BC%C3%B3%C5%82w"),
        ({"charset": "iso-8859-2"}, "%BF%F3%B3w"),
    ],
)
async def test_kannel_reads_the_text_in_its_charset(
    service: Service, stranger: httpx.AsyncClient, more: dict[str, str], octets: str
) -> None:
    call = httpx.QueryParams(kannel(service) | more).remove("text")
    answer = await stranger.get(f"{KANNEL}?{call}&text={octets}")
    assert answer.status_code == 202
    assert [sms.text for sms in await sent(service)] == ["żółw"]


async def test_kannel_takes_posts_as_a_form_and_with_headers(service: Service, stranger: httpx.AsyncClient) -> None:
    form = await stranger.post(KANNEL, data=kannel(service))
    headers = {"X-Kannel-Username": "anybody", "X-Kannel-Password": service.key, "X-Kannel-To": "48600100200"}
    posted = await stranger.post(KANNEL, content=b"Hello", headers=headers | {"Content-Type": "text/plain"})
    assert [form.status_code, posted.status_code] == [202, 202]
    assert await sent(service) == [Sms("+48600100200", "Hello")] * 2


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"password": "mk_wrong"}, 403, "Authorization failed for sendsms"),
        ({"to": ""}, 400, "Empty receiver number not allowed, rejected"),
        ({"to": "12"}, 400, "Number(s) has/have been denied by white- and/or black-lists."),
        ({"text": ""}, 400, "Charset or body misformed, rejected"),
        ({"charset": "klingon"}, 400, "Charset or body misformed, rejected"),
        ({"coding": "1"}, 400, "Coding field misformed, rejected"),
        ({"coding": "nine"}, 400, "Coding field misformed, rejected"),
        ({"udh": "\x05"}, 400, "UDH field misformed, rejected"),
        ({"mwi": "1"}, 400, "MWI field misformed, rejected"),
        ({"validity": "-1"}, 400, "Validity field misformed, rejected"),
        ({"validity": "0" * 9 + "1" * 5000}, 400, "Validity field misformed, rejected"),
        ({"deferred": "soon"}, 400, "Deferred field misformed, rejected"),
        ({"deferred": "0" * 9 + "9" * 20}, 400, "Deferred field misformed, rejected"),
        ({"dlr-mask": "x"}, 400, "DLR-Mask field misformed, rejected"),
    ],
)
async def test_kannel_refuses_in_its_own_words(
    service: Service, stranger: httpx.AsyncClient, change: dict[str, str], status: int, words: str
) -> None:
    answer = await stranger.get(KANNEL, params=kannel(service) | change)
    assert (answer.status_code, answer.text) == (status, words)
    assert await sent(service) == []


@pytest.mark.parametrize("more", ["&a=1" * 500, "&a=" + "%41" * 200_000])
async def test_kannel_reads_no_form_that_would_take_long(
    service: Service, stranger: httpx.AsyncClient, more: str
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await stranger.post(KANNEL, content=f"{httpx.QueryParams(kannel(service))}{more}", headers=form)
    assert (answer.status_code, answer.text) == (400, "Charset or body misformed, rejected")


async def test_ten_thousand_numbers_at_a_door_leave_the_loop_to_the_modems_in_between(service: Service) -> None:
    async def ready() -> None:
        return None

    parts = service.accounts
    doorkeeper = Doorkeeper(parts.keys, parts.login, parts.sessions, service.rates)
    counter = Counter(parts.sending, doorkeeper, Numbers("PL"), SystemClock(), ready, service.telling.callbacks)
    reading = asyncio.ensure_future(counter.read([f"600{place:06}" for place in range(10_000)]))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10_000 // SLICE
    assert set((await reading).values()) == {f"+48600{place:06}" for place in range(10_000)}


async def test_kannel_misses_a_receiver(service: Service, stranger: httpx.AsyncClient) -> None:
    call = httpx.QueryParams(kannel(service)).remove("to")
    assert (await stranger.get(f"{KANNEL}?{call}")).text == "Missing receiver number, rejected"


@pytest.mark.parametrize(
    ("path", "methods"),
    [(KANNEL, "GET, HEAD, POST"), (PROMOSMS, "POST"), (CAPCOM6, "POST"), (f"{CAPCOM6}/a", "GET, HEAD")],
)
async def test_a_door_names_its_methods(stranger: httpx.AsyncClient, path: str, methods: str) -> None:
    answer = await stranger.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


MESSAGE: Mapping[str, Any] = {"phoneNumbers": ["+48600100200"], "textMessage": {"text": "Hello"}}


async def test_capcom6_takes_a_message_and_shows_it_again(service: Service, stranger: httpx.AsyncClient) -> None:
    credentials = ("anybody", service.key)
    call = {**MESSAGE, "id": "order-1", "phoneNumbers": ["+48600100200", "600100201"], "ttl": 600}
    answer = await stranger.post(CAPCOM6, json=call, auth=credentials)
    document = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"].endswith("/messages/order-1")
    assert document["recipients"] == [
        {"phoneNumber": "+48600100200", "state": "Pending"},
        {"phoneNumber": "+48600100201", "state": "Pending"},
    ]
    assert (document["id"], document["state"], list(document["states"])) == ("order-1", "Pending", ["Pending"])
    shown = await stranger.get(f"{CAPCOM6}/order-1", auth=credentials)
    assert (shown.status_code, shown.json()) == (200, document)
    assert [sms.report for sms in await sent(service)] == [True, True]


async def test_capcom6_takes_bearer_keys_and_the_deprecated_text(service: Service, stranger: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {service.key}"}
    call = {"phoneNumbers": ["+48600100200"], "message": "Hello", "withDeliveryReport": False}
    answer = await stranger.post(CAPCOM6, json=call, headers=headers)
    assert answer.status_code == 202
    assert (await stranger.get(f"{CAPCOM6}/{answer.json()['id']}", headers=headers)).status_code == 200
    assert await sent(service) == [Sms("+48600100200", "Hello")]


async def test_capcom6_refuses_an_id_it_has(service: Service, stranger: httpx.AsyncClient) -> None:
    credentials = ("anybody", service.key)
    answers = [await stranger.post(CAPCOM6, json={**MESSAGE, "id": "a"}, auth=credentials) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 409]
    assert len(await sent(service)) == 1


async def test_capcom6_refuses_the_id_of_a_message_that_is_forgotten(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    credentials = ("anybody", service.key)
    assert (await stranger.post(CAPCOM6, json={**MESSAGE, "id": "a"}, auth=credentials)).status_code == 202
    await service.database.write(lambda tx: tx.execute("DELETE FROM message"))
    assert (await stranger.post(CAPCOM6, json={**MESSAGE, "id": "a"}, auth=credentials)).status_code == 409


async def test_capcom6_shows_a_message_where_its_location_says(service: Service, stranger: httpx.AsyncClient) -> None:
    credentials = ("anybody", service.key)
    answer = await stranger.post(CAPCOM6, json={**MESSAGE, "id": "2026/11?#%41"}, auth=credentials)
    shown = await stranger.get(answer.headers["location"], auth=credentials)
    assert (shown.status_code, shown.json()) == (200, answer.json())


@pytest.mark.parametrize(
    ("field", "value"),
    [("scheduleAt", "soon"), ("ttl", 10**9), ("withDeliveryReport", "x"), ("textMessage", {"text": "x" * 65_535})],
)
async def test_capcom6_names_the_field_as_its_caller_does(
    service: Service, stranger: httpx.AsyncClient, field: str, value: object
) -> None:
    answer = await stranger.post(CAPCOM6, json={**MESSAGE, field: value}, auth=("anybody", service.key))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)


@pytest.mark.parametrize(
    "change",
    [
        {"phoneNumbers": []},
        {"phoneNumbers": ["+48600100200", "600100200"]},
        {"phoneNumbers": ["12"]},
        {"textMessage": {}},
        {"textMessage": None, "dataMessage": {"data": "AA==", "port": 1}},
        {"isEncrypted": True},
        {"ttl": 4},
        {"ttl": 60, "validUntil": "2099-01-01T00:00:00Z"},
        {"validUntil": "2001-01-01T00:00:00Z"},
        {"priority": 1000},
        {"id": "x" * 37},
    ],
)
async def test_capcom6_refuses_what_is_wrong(
    service: Service, stranger: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    answer = await stranger.post(CAPCOM6, json={**MESSAGE, **change}, auth=("anybody", service.key))
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert await sent(service) == []


async def test_capcom6_knows_neither_strangers_nor_what_does_not_exist(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    assert (await stranger.post(CAPCOM6, json=dict(MESSAGE), auth=("anybody", "mk_wrong"))).status_code == 401
    assert (await stranger.get(f"{CAPCOM6}/nothing", auth=("anybody", service.key))).status_code == 404
