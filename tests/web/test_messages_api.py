"""POST, GET and DELETE /v1/messages over a real socket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from web_service import Service

from modemd import ids
from modemd.queue import State

STATES = ["scheduled", "queued", "sending", "uncertain", "sent"]
STATES += ["delivered", "undelivered", "failed", "expired", "cancelled"]


async def test_a_text_for_one_number_is_accepted_with_a_receipt(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "Dzień dobry"})
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt.keys() == {"batch", "messages", "rejected"}
    (message,) = receipt["messages"]
    assert message == {"id": message["id"], "to": "+48600100200", "parts": 1, "state": "queued"}
    assert receipt["batch"] == "b" + message["id"][1:]
    assert receipt["rejected"] == []


async def test_what_was_accepted_is_shown_to_its_account(client: httpx.AsyncClient) -> None:
    wanted = {"to": "600 100 200", "text": "zażółć 😀", "lane": "bulk", "tag": "spring", "report": True, "flash": True}
    number = (await client.post("/v1/messages", json=wanted)).json()["messages"][0]["id"]
    message = (await client.get(f"/v1/messages/{number}")).json()
    created = datetime.fromisoformat(message.pop("created_at"))
    assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)
    assert message == {
        "id": number,
        "to": "+48600100200",
        "text": "zażółć 😀",
        "parts": 1,
        "state": "queued",
        "lane": "bulk",
        "tag": "spring",
        "sent_at": None,
        "delivered_at": None,
        "error": None,
    }


async def test_duplicates_are_merged_and_bad_numbers_rejected_by_name(client: httpx.AsyncClient) -> None:
    numbers = ["+48600100200", "600-100-200", "0048600100200", "12", "+48600100201", "hello", "+999123456789"]
    receipt = (await client.post("/v1/messages", json={"to": numbers, "text": "x"})).json()
    assert [message["to"] for message in receipt["messages"]] == ["+48600100200", "+48600100201"]
    assert [(one["to"], one["code"]) for one in receipt["rejected"]] == [
        ("12", "invalid_number"),
        ("hello", "invalid_number"),
        ("+999123456789", "invalid_number"),
    ]
    assert all(one["detail"] for one in receipt["rejected"])


async def test_ten_thousand_recipients_are_accepted_in_one_call(client: httpx.AsyncClient) -> None:
    numbers = [f"+486{place:08d}" for place in range(9_998)] + ["nobody", "+48"]
    answer = await client.post("/v1/messages", json={"to": numbers, "text": "x", "tag": "big"})
    receipt = answer.json()
    assert answer.status_code == 202
    assert [message["to"] for message in receipt["messages"]] == numbers[:-2]
    assert len({message["id"] for message in receipt["messages"]}) == 9_998
    assert [one["to"] for one in receipt["rejected"]] == ["nobody", "+48"]
    page = (await client.get("/v1/messages", params={"tag": "big", "limit": 500})).json()
    assert page["messages"][0]["to"] == numbers[-3]
    assert len(page["messages"]) == 500


async def test_more_than_ten_thousand_recipients_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/messages", json={"to": ["+48600100200"] * 10_001, "text": "x"})
    assert (answer.status_code, answer.json()["field"]) == (422, "to")


async def test_a_call_without_an_acceptable_recipient_is_refused(client: httpx.AsyncClient) -> None:
    one = await client.post("/v1/messages", json={"to": "12", "text": "x"})
    assert (one.status_code, one.json()["code"], one.json()["field"]) == (422, "invalid_number", "to")
    many = await client.post("/v1/messages", json={"to": ["12", "hello"], "text": "x"})
    assert (many.status_code, many.json()["code"]) == (422, "no_recipient")
    assert (await client.get("/v1/messages")).json()["messages"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "to"),
        ({"to": [], "text": "x"}, "to"),
        ({"to": ["+48600100200", 5], "text": "x"}, "to[1]"),
        ({"to": "+48600100200"}, "text"),
        ({"to": "+48600100200", "text": ""}, "text"),
        ({"to": "+48600100200", "text": "  \n"}, "text"),
        ({"to": "+48600100200", "text": 7}, "text"),
        ({"to": "+48600100200", "text": "x" * 50_000}, "text"),
        ({"to": "+48600100200", "text": "x", "lane": "system"}, "lane"),
        ({"to": "+48600100200", "text": "x", "flash": "yes"}, "flash"),
        ({"to": "+48600100200", "text": "x", "valid_for": 0}, "valid_for"),
        ({"to": "+48600100200", "text": "x", "valid_for": True}, "valid_for"),
        ({"to": "+48600100200", "text": "x", "valid_for": 1e9}, "valid_for"),
        ({"to": "+48600100200", "text": "x", "send_at": "tomorrow"}, "send_at"),
        ({"to": "+48600100200", "text": "x", "send_at": "2026-01-31T08:00:00"}, "send_at"),
        ({"to": "+48600100200", "text": "x", "send_at": "2126-01-31T08:00:00Z"}, "send_at"),
        ({"to": "+48600100200", "text": "x", "if_uncertain": "maybe"}, "if_uncertain"),
        ({"to": "+48600100200", "text": "x", "tag": ""}, "tag"),
        ({"to": "+48600100200", "text": "x", "sender": "me"}, "body"),
        ([], "body"),
        ("x", "body"),
    ],
)
async def test_a_wrong_field_is_named_with_its_cure(client: httpx.AsyncClient, body: object, field: str) -> None:
    answer = await client.post("/v1/messages", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (422, field)
    assert problem["cure"]
    assert (await client.get("/v1/messages")).json()["messages"] == []


@pytest.mark.parametrize("text", ["x" * (255 * 153 + 1), "ą" * (255 * 67 + 1)])
async def test_a_text_of_more_segments_than_there_can_be_is_too_long(client: httpx.AsyncClient, text: str) -> None:
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": text})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "text_too_long", "text")


async def test_a_field_that_is_no_string_is_not_called_missing(client: httpx.AsyncClient) -> None:
    number = await client.post("/v1/messages", json={"to": 48600100200, "text": "x"})
    text = await client.post("/v1/messages", json={"to": "+48600100200", "text": 7})
    assert [answer.json()["field"] for answer in (number, text)] == ["to", "text"]
    assert all("no string" in answer.json()["detail"] for answer in (number, text))


async def test_a_message_for_later_is_scheduled(client: httpx.AsyncClient) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "x", "send_at": later})
    assert answer.json()["messages"][0]["state"] == "scheduled"


async def test_a_repeated_idempotency_key_gets_the_same_answer_and_sends_nothing(client: httpx.AsyncClient) -> None:
    body = {"to": ["+48600100200", "+48600100201", "nobody"], "text": "once"}
    headers = {"Idempotency-Key": "order-17"}
    first = await client.post("/v1/messages", json=body, headers=headers)
    again = await client.post("/v1/messages", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert len((await client.get("/v1/messages")).json()["messages"]) == 2


async def test_a_large_call_can_be_repeated_too(client: httpx.AsyncClient) -> None:
    body = {"to": [f"+486{place:08d}" for place in range(1_000)], "text": "once"}
    headers = {"Idempotency-Key": "campaign"}
    first = await client.post("/v1/messages", json=body, headers=headers)
    again = await client.post("/v1/messages", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())


async def test_a_text_is_made_plain_only_when_asked_for_and_the_answer_says_so(client: httpx.AsyncClient) -> None:
    call = {"to": ["+48600100001", "+48600100002"], "text": "Zażółć gęślą jaźń"}
    key = {"Idempotency-Key": "plain"}
    written = (await client.post("/v1/messages", json=call)).json()["messages"]
    plain = (await client.post("/v1/messages", json=call | {"plain": True}, headers=key)).json()["messages"]
    again = (await client.post("/v1/messages", json=call | {"plain": True}, headers=key)).json()["messages"]
    unchanged = (await client.post("/v1/messages", json=call | {"text": "abc", "plain": True})).json()["messages"]
    assert ["plain" in message for message in written + unchanged] == [False] * 4
    assert [message["plain"] for message in plain] == [True, True]
    assert again == plain
    texts = [(await client.get(f"/v1/messages/{one['id']}")).json()["text"] for one in (written[0], plain[1])]
    assert texts == ["Zażółć gęślą jaźń", "Zazolc gesla jazn"]


async def test_a_repeated_idempotency_key_gets_its_answer_whatever_happened_since(client: httpx.AsyncClient) -> None:
    card = (await client.post("/v1/recipients", json={"number": "+48600100201"})).json()
    body, headers = {"to": "+48600100200", "recipients": [card["id"]], "text": "once"}, {"Idempotency-Key": "order-18"}
    first = await client.post("/v1/messages", json=body, headers=headers)
    for number in ("+48600100200", "+48600100201"):
        await client.post("/v1/opt-outs", json={"number": number})
    opted_out = await client.post("/v1/messages", json=body, headers=headers)
    await client.delete(f"/v1/recipients/{card['id']}")
    removed = await client.post("/v1/messages", json=body, headers=headers)
    assert (first.status_code, opted_out.json(), removed.json()) == (202, first.json(), first.json())
    other = await client.post("/v1/messages", json={"to": "nobody", "text": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


async def test_an_idempotency_key_of_another_request_is_a_conflict(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "order-17"}
    await client.post("/v1/messages", json={"to": "+48600100200", "text": "one"}, headers=headers)
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "other"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_mismatch")


async def test_simultaneous_calls_with_one_idempotency_key_send_once(client: httpx.AsyncClient) -> None:
    body, headers = {"to": "+48600100200", "text": "once"}, {"Idempotency-Key": "race"}
    answers = await asyncio.gather(*(client.post("/v1/messages", json=body, headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["batch"] for answer in answers}) == 1
    assert len((await client.get("/v1/messages")).json()["messages"]) == 1


@pytest.mark.parametrize("key", ["", "with blank", "x" * 256])
async def test_an_idempotency_key_has_to_be_plain(client: httpx.AsyncClient, key: str) -> None:
    body = {"to": "+48600100200", "text": "x"}
    answer = await client.post("/v1/messages", json=body, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_a_call_has_one_idempotency_key(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_a_listing_is_walked_page_by_page_newest_first(client: httpx.AsyncClient) -> None:
    numbers = [f"+4860010{place:04d}" for place in range(25)]
    await client.post("/v1/messages", json={"to": numbers, "text": "x"})
    seen, cursor = [], None
    while True:
        params = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/messages", params=params)).json()
        seen += [message["to"] for message in page["messages"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == numbers[::-1]


async def test_a_listing_is_filtered_by_state_tag_and_recipient(client: httpx.AsyncClient) -> None:
    await client.post("/v1/messages", json={"to": "+48600100200", "text": "a", "tag": "one"})
    kept = (await client.post("/v1/messages", json={"to": "+48600100201", "text": "b", "tag": "two"})).json()
    await client.delete(f"/v1/messages/{kept['messages'][0]['id']}")

    async def texts(**params: str) -> list[str]:
        answer = await client.get("/v1/messages", params=params)
        return [message["text"] for message in answer.json()["messages"]]

    assert await texts(state="queued") == ["a"]
    assert await texts(state="cancelled,queued") == ["b", "a"]
    assert await texts(tag="two") == ["b"]
    assert await texts(tag="three") == []
    assert await texts(to="+48600100200") == ["a"]
    assert await texts(to="600100201", state="cancelled") == ["b"]
    unescaped = await client.get("/v1/messages?to=+48600100200")
    assert [message["text"] for message in unescaped.json()["messages"]] == ["a"]


@pytest.mark.parametrize("state", STATES)
async def test_every_state_can_be_asked_for(client: httpx.AsyncClient, state: str) -> None:
    assert (await client.get("/v1/messages", params={"state": state})).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("state=", "state"),
        ("to=nobody", "to"),
        ("cursor=abc", "cursor"),
        ("limit=0", "limit"),
        ("limit=9999999999999999999", "limit"),
        ("limit=ten", "limit"),
        ("stat=queued", "query"),
        ("state=queued&state=sent", "query"),
    ],
)
async def test_a_wrong_query_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/v1/messages?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_waiting_message_can_be_taken_back_and_again_with_the_same_answer(client: httpx.AsyncClient) -> None:
    receipt = (await client.post("/v1/messages", json={"to": "+48600100200", "text": "x"})).json()
    number = receipt["messages"][0]["id"]
    for _ in range(2):
        answer = await client.delete(f"/v1/messages/{number}")
        assert (answer.status_code, answer.json()) == (200, {"id": number, "state": "cancelled"})


async def test_a_message_that_was_sent_cannot_be_taken_back(service: Service, client: httpx.AsyncClient) -> None:
    receipt = (await client.post("/v1/messages", json={"to": "+48600100200", "text": "x"})).json()
    number = receipt["messages"][0]["id"]
    sent = (int(State.SENT), ids.decode("m", number))
    await service.database.write(lambda tx: tx.execute("UPDATE message SET state = ? WHERE id = ?", sent))
    answer = await client.delete(f"/v1/messages/{number}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")


@pytest.mark.parametrize("number", ["m_0000000000000", "m_zzzzzzzzzzzzz", "b_01hzy3kd8q2v5", "17", "m_%00", "é"])
async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient, number: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, f"/v1/messages/{number}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_whole_call_is_taken_back_by_its_account_alone(
    service: Service, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    to = [f"+48600100{place:03}" for place in range(120)]
    batch = (await client.post("/v1/messages", json={"to": to, "text": "x"})).json()["batch"]
    other = {"Authorization": f"Bearer {service.operator_key}"}
    assert (await stranger.delete(f"/v1/messages?batch={batch}")).status_code == 401
    assert (await stranger.delete(f"/v1/messages?batch={batch}", headers=other)).status_code == 404
    assert (await client.delete(f"/v1/messages?batch={batch}")).json() == {"batch": batch, "cancelled": 120}
    assert (await client.delete(f"/v1/messages?batch={batch}")).json()["cancelled"] == 0
    assert (await client.delete("/v1/messages")).json()["field"] == "batch"
    assert (await client.delete("/v1/messages?batch=all")).status_code == 404
    assert (await client.delete("/v1/messages?state=queued")).json()["code"] == "unknown_field"
