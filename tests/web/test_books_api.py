"""Recipients, groups, CSV, opt-outs, and sending to them with templates."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
from web_service import Service

JAN = {"number": "600 100 200", "name": "Jan", "fields": {"city": "Gdynia"}}


async def added(client: httpx.AsyncClient, **card: object) -> str:
    answer = await client.post("/v1/recipients", json=card)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def other_client(service: Service) -> httpx.AsyncClient:
    """A client of another account."""
    account = await service.accounts.directory.create("other@example.org", "+48600100101")
    _, key = await service.accounts.keys.mint(account.id)
    return httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {key}"})


async def test_a_recipient_is_added_shown_changed_and_removed(client: httpx.AsyncClient) -> None:
    number = await added(client, **JAN)
    shown = (await client.get(f"/v1/recipients/{number}")).json()
    created = shown.pop("created_at")
    assert shown == {"id": number, "number": "+48600100200", "name": "Jan", "fields": {"city": "Gdynia"}}
    changed = await client.put(f"/v1/recipients/{number}", json={"number": "+48600100201"})
    assert changed.json() == {"id": number, "number": "+48600100201", "name": "", "fields": {}, "created_at": created}
    assert (await client.delete(f"/v1/recipients/{number}")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"/v1/recipients/{number}")).status_code == 404
    assert (await client.put(f"/v1/recipients/{number}", json=JAN)).status_code == 404


async def test_a_bare_number_is_enough_and_a_number_is_there_once(client: httpx.AsyncClient) -> None:
    number = await added(client, number="+48600100200")
    again = await client.post("/v1/recipients", json=JAN)
    assert (again.status_code, again.json()["id"], again.json()["name"]) == (200, number, "Jan")
    more = await client.post("/v1/recipients", json={"number": "600100200", "fields": {"size": "L"}})
    assert more.json()["fields"] == {"city": "Gdynia", "size": "L"}
    assert more.json()["name"] == "Jan"
    other = await added(client, number="+48600100201")
    taken = await client.put(f"/v1/recipients/{other}", json=JAN)
    assert (taken.status_code, taken.json()["code"]) == (409, "number_taken")


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ({}, "number"),
        ({"number": "12"}, "number"),
        ({"number": 5}, "number"),
        ({**JAN, "email": "x"}, "body"),
        ({**JAN, "name": "x" * 201}, "name"),
        ({**JAN, "name": 5}, "name"),
        ({**JAN, "fields": []}, "fields"),
        ({**JAN, "fields": {"a b": "x"}}, "fields"),
        ({**JAN, "fields": {"name": "x"}}, "fields"),
        ({**JAN, "fields": {"a": 5}}, "fields"),
        ({**JAN, "fields": {"a": "x" * 501}}, "fields"),
        ({**JAN, "fields": {f"f{place}": "x" for place in range(21)}}, "fields"),
        ([], "body"),
    ],
)
async def test_a_wrong_card_is_refused(client: httpx.AsyncClient, card: object, field: str) -> None:
    answer = await client.post("/v1/recipients", json=card)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_no_merging_gives_a_recipient_more_fields_than_it_may_have(client: httpx.AsyncClient) -> None:
    fields = {f"f{place}": "x" for place in range(20)}
    recipient = await added(client, number="+48600100200", fields=fields)
    answer = await client.post("/v1/recipients", json={"number": "+48600100200", "fields": {"city": "Gdynia"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_fields")
    again = await client.post("/v1/recipients", json={"number": "+48600100200", "fields": {"f0": "y"}})
    assert (again.status_code, again.json()["fields"]) == (200, {**fields, "f0": "y"})
    assert (await client.get(f"/v1/recipients/{recipient}")).json() == again.json()


async def test_recipients_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    numbers = [f"+4860010020{place}" for place in range(5)]
    for number in numbers:
        await added(client, number=number)
    first = (await client.get("/v1/recipients", params={"limit": 3})).json()
    second = (await client.get("/v1/recipients", params={"limit": 3, "cursor": first["cursor"]})).json()
    assert [one["number"] for one in first["recipients"] + second["recipients"]] == numbers
    assert second["cursor"] is None


@pytest.mark.parametrize("listing", ["recipients", "groups", "opt-outs", "messages"])
async def test_a_last_page_that_is_full_leads_nowhere(client: httpx.AsyncClient, listing: str) -> None:
    for last in "123":
        number = f"+4860010020{last}"
        body = {"recipients": {"number": number}, "groups": {"name": last}, "opt-outs": {"number": number}}
        await client.post(f"/v1/{listing}", json=body.get(listing, {"to": number, "text": "x"}))
    key = listing.replace("-", "_")
    first = (await client.get(f"/v1/{listing}", params={"limit": 2})).json()
    second = (await client.get(f"/v1/{listing}", params={"limit": 1, "cursor": first["cursor"]})).json()
    whole = (await client.get(f"/v1/{listing}", params={"limit": 3})).json()
    assert [len(page[key]) for page in (first, second, whole)] == [2, 1, 3]
    assert (second["cursor"], whole["cursor"]) == (None, None)
    assert first[key] + second[key] == whole[key]


async def test_the_recipients_of_a_group_that_is_not_there_are_not_listed(client: httpx.AsyncClient) -> None:
    group = (await client.post("/v1/groups", json={"name": "Klienci"})).json()["id"]
    await client.delete(f"/v1/groups/{group}")
    answer = await client.get("/v1/recipients", params={"group": group})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_groups_have_members(client: httpx.AsyncClient) -> None:
    jan, ewa = await added(client, **JAN), await added(client, number="+48600100201")
    made = await client.post("/v1/groups", json={"name": "Klienci"})
    assert made.status_code == 201
    path = f"/v1/groups/{made.json()['id']}"
    put = await client.post(f"{path}/recipients", json={"recipients": [jan, ewa, jan]})
    assert put.json()["recipients"] == 2
    listed = (await client.get("/v1/recipients", params={"group": made.json()["id"]})).json()["recipients"]
    assert [one["id"] for one in listed] == [jan, ewa]
    assert (await client.delete(f"{path}/recipients/{jan}")).status_code == 204
    assert (await client.delete(f"{path}/recipients/{jan}")).status_code == 404
    await client.delete(f"/v1/recipients/{ewa}")
    assert (await client.get(path)).json()["recipients"] == 0
    renamed = await client.put(path, json={"name": "Stali klienci"})
    assert renamed.json()["name"] == "Stali klienci"
    assert [group["name"] for group in (await client.get("/v1/groups")).json()["groups"]] == ["Stali klienci"]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"/v1/recipients/{jan}")).status_code == 200


async def test_a_groups_name_is_there_once(client: httpx.AsyncClient) -> None:
    await client.post("/v1/groups", json={"name": "Klienci"})
    answer = await client.post("/v1/groups", json={"name": " KLIENCI "})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert (await client.post("/v1/groups", json={"name": "x" * 101})).status_code == 422


async def test_nothing_of_another_account_can_be_seen_or_used(service: Service, client: httpx.AsyncClient) -> None:
    jan = await added(client, **JAN)
    group = (await client.post("/v1/groups", json={"name": "Klienci"})).json()["id"]
    out = (await client.post("/v1/opt-outs", json={"number": "+48600100209"})).json()["id"]
    async with await other_client(service) as other:
        for path in (f"/v1/recipients/{jan}", f"/v1/groups/{group}"):
            assert (await other.get(path)).status_code == 404
            assert (await other.delete(path)).status_code == 404
        assert (await other.delete(f"/v1/opt-outs/{out}")).status_code == 404
        own = (await other.post("/v1/groups", json={"name": "Klienci"})).json()["id"]
        assert (await other.post(f"/v1/groups/{own}/recipients", json={"recipients": [jan]})).status_code == 404
        assert (await other.get("/v1/recipients")).json()["recipients"] == []
        for body in ({"recipients": [jan]}, {"groups": [group]}):
            assert (await other.post("/v1/messages", json={**body, "text": "x"})).status_code == 422
        assert (await other.get("/v1/messages")).json()["messages"] == []


async def test_a_text_is_filled_for_each_recipient(client: httpx.AsyncClient) -> None:
    jan = await added(client, **JAN)
    ewa = await added(client, number="+48600100201", name="Ewa {city}", fields={"city": "Łódź"})
    bare = await added(client, number="+48600100202")
    group = (await client.post("/v1/groups", json={"name": "g"})).json()["id"]
    await client.post(f"/v1/groups/{group}/recipients", json={"recipients": [ewa, bare, jan]})
    body = {"recipients": [jan], "groups": [group], "to": "+48600100203", "text": "Hello {name} in {city} {{x}}"}
    receipt = (await client.post("/v1/messages", json=body)).json()
    assert [(one["to"], one["code"]) for one in receipt["rejected"]] == [
        ("+48600100203", "missing_field"),
        ("+48600100202", "missing_field"),
    ]
    texts = {one["to"]: one["text"] for one in (await client.get("/v1/messages")).json()["messages"]}
    assert texts == {"+48600100200": "Hello Jan in Gdynia {x}", "+48600100201": "Hello Ewa {city} in Łódź {x}"}
    assert {one["to"]: one["parts"] for one in receipt["messages"]} == {"+48600100200": 1, "+48600100201": 1}


async def test_who_lacks_a_field_is_told_which_and_a_mistyped_field_sends_nothing(client: httpx.AsyncClient) -> None:
    jan = await added(client, **JAN)
    lacking = (await client.post("/v1/messages", json={"recipients": [jan], "text": "Hello {zip}"})).json()
    assert (lacking["code"], lacking["detail"]) == ("missing_field", "the recipient has no zip, which the text names")
    assert "give the recipients that field" in lacking["cure"]
    for text in ("Hello { name }", "Hello {name"):
        answer = await client.post("/v1/messages", json={"recipients": [jan], "text": text})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_template", "text")
    assert (await client.get("/v1/messages")).json()["messages"] == []


async def test_who_would_get_an_empty_text_is_rejected_and_no_other(client: httpx.AsyncClient) -> None:
    cards = [
        {"number": f"+4860010020{place}", "fields": {"news": news}} for place, news in enumerate(("", " ", "Rain"))
    ]
    recipients = [await added(client, **card) for card in cards]
    answer = await client.post("/v1/messages", json={"recipients": recipients, "text": "{news}"})
    assert [one["to"] for one in answer.json()["messages"]] == ["+48600100202"]
    rejected = [(one["to"], one["code"]) for one in answer.json()["rejected"]]
    assert rejected == [("+48600100200", "missing_field"), ("+48600100201", "missing_field")]


async def test_a_column_that_can_be_no_field_is_told_once(client: httpx.AsyncClient) -> None:
    lines = "number,na-me{}\n" + "".join(f"6001002{place:02},x\n" for place in range(20))
    headers = {"Content-Type": "text/csv"}
    answer = await client.post("/v1/recipients/import", content=lines, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert "letters" in answer.json()["cure"]


async def test_a_text_for_bare_numbers_is_taken_as_it_is(client: httpx.AsyncClient) -> None:
    await client.post("/v1/messages", json={"to": "+48600100200", "text": "{name} {{x}}"})
    assert (await client.get("/v1/messages")).json()["messages"][0]["text"] == "{name} {{x}}"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"recipients": ["x"]}, "recipients[0]"),
        ({"recipients": "r_0000000000000"}, "recipients"),
        ({"recipients": ["r_0000000000000"]}, "recipients"),
        ({"recipients": []}, "to"),
        ({"groups": ["r_0000000000000"]}, "groups[0]"),
    ],
)
async def test_unknown_recipients_are_refused(client: httpx.AsyncClient, body: dict[str, object], field: str) -> None:
    answer = await client.post("/v1/messages", json={**body, "text": "x"})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_an_empty_group_is_told(client: httpx.AsyncClient) -> None:
    group = (await client.post("/v1/groups", json={"name": "g"})).json()["id"]
    answer = await client.post("/v1/messages", json={"groups": [group], "text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_recipient")


async def test_who_has_opted_out_gets_nothing(client: httpx.AsyncClient) -> None:
    await client.post("/v1/messages", json={"to": "+48600100200", "text": "before"})
    out = await client.post("/v1/opt-outs", json={"number": "600100200"})
    assert (out.status_code, out.json()["number"], out.json()["how"]) == (201, "+48600100200", "api")
    again = await client.post("/v1/opt-outs", json={"number": "+48600100200"})
    assert again.json()["id"] == out.json()["id"]
    body = {"to": ["+48600100200", "+48600100201"], "text": "x"}
    receipt = (await client.post("/v1/messages", json=body)).json()
    assert [one["to"] for one in receipt["messages"]] == ["+48600100201"]
    assert [(one["to"], one["code"]) for one in receipt["rejected"]] == [("+48600100200", "opted_out")]
    alone = await client.post("/v1/messages", json={"to": "+48600100200", "text": "x"})
    assert (alone.status_code, alone.json()["code"]) == (422, "opted_out")
    assert [one["id"] for one in (await client.get("/v1/opt-outs")).json()["opt_outs"]] == [out.json()["id"]]
    assert (await client.delete(f"/v1/opt-outs/{out.json()['id']}")).status_code == 204
    assert (await client.post("/v1/messages", json={"to": "+48600100200", "text": "x"})).status_code == 202


async def test_an_opt_out_is_the_accounts_own(service: Service, client: httpx.AsyncClient) -> None:
    out = (await client.post("/v1/opt-outs", json={"number": "+48600100200"})).json()
    assert (await client.get(f"/v1/opt-outs/{out['id']}")).json() == out
    async with await other_client(service) as other:
        assert (await other.get(f"/v1/opt-outs/{out['id']}")).status_code == 404
        assert (await other.post("/v1/messages", json={"to": "+48600100200", "text": "x"})).status_code == 202
        assert (await other.get("/v1/opt-outs")).json()["opt_outs"] == []


async def imported(client: httpx.AsyncClient, text: str | bytes) -> dict[str, object]:
    answer = await client.post("/v1/recipients/import", content=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    result: dict[str, object] = answer.json()
    return result


async def test_a_csv_file_is_imported_with_a_report_of_every_bad_line(client: httpx.AsyncClient) -> None:
    lines = [
        "Phone;Name;City",
        "600100200;Jan;Gdynia",
        "",
        "12;Zły;Łódź",
        '+48600100201;"Ewa; Anna";',
        "600100200;;Sopot",
    ]
    text = "\ufeff" + "\n".join([*lines, "x;y;z;q", ""])
    result = await imported(client, text)
    assert (result["added"], result["merged"]) == (2, 1)
    rejected: Any = result["rejected"]
    assert [(bad["line"], bad["code"]) for bad in rejected] == [(4, "invalid_number"), (7, "too_many_columns")]
    cards = (await client.get("/v1/recipients")).json()["recipients"]
    assert [(card["number"], card["name"], card["fields"]) for card in cards] == [
        ("+48600100200", "Jan", {"city": "Sopot"}),
        ("+48600100201", "Ewa; Anna", {}),
    ]


@pytest.mark.parametrize(
    "text", ["600100200\n600100201\n", "600100200,Jan\n600100201,Ewa", "600100200\tJan\r\n600100201\tEwa\r\n"]
)
async def test_a_file_without_names_of_columns_is_numbers_and_names(client: httpx.AsyncClient, text: str) -> None:
    assert (await imported(client, text))["added"] == 2


async def test_a_large_file_is_imported(client: httpx.AsyncClient) -> None:
    lines = "".join(f"+486{place:08d},Jan {place}\n" for place in range(5_000))
    assert await imported(client, "number,name\n" + lines) == {"added": 5_000, "merged": 0, "rejected": []}


async def test_what_is_no_csv_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/csv"}
    wrong = await client.post("/v1/recipients/import", content=b"number\n\xff\xfe", headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "not_utf8")
    unnamed = await client.post("/v1/recipients/import", content="city,name\nGdynia,Jan\n", headers=headers)
    assert (unnamed.status_code, unnamed.json()["field"]) == (422, "body")
    as_json = await client.post("/v1/recipients/import", json={})
    assert (as_json.status_code, as_json.json()["code"]) == (415, "not_csv")
    quotes = await imported(client, 'number,name\n600100200,Jan\n600100201,"Ewa\n600100202,Ola\n')
    assert quotes["added"] == 1
    assert [bad["code"] for bad in quotes["rejected"]] == ["not_csv"]  # type: ignore[attr-defined]


async def test_an_export_can_be_imported_again_and_holds_no_formula(client: httpx.AsyncClient) -> None:
    evil = '=HYPERLINK("http://evil.example","x")'
    await added(client, number="+48600100200", name=evil, fields={"city": "@SUM(A1)", "note": "-1"})
    await added(client, number="+48600100201", name="Ewa", fields={"size": "L"})
    before = (await client.get("/v1/recipients")).json()["recipients"]
    exported = await client.get("/v1/recipients/export")
    assert exported.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(exported.text)))
    assert rows[0] == ["number", "name", "city", "note", "size"]
    assert not any(cell.startswith(("=", "-", "@")) for row in rows for cell in row)
    assert all(row[0].removeprefix("+").isdigit() for row in rows[1:])
    for card in before:
        await client.delete(f"/v1/recipients/{card['id']}")
    assert (await imported(client, exported.content))["added"] == 2
    after = (await client.get("/v1/recipients")).json()["recipients"]
    assert [(one["number"], one["name"], one["fields"]) for one in after] == [
        (one["number"], one["name"], one["fields"]) for one in before
    ]
