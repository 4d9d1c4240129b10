"""Registration, passwords by SMS, sessions and keys over HTTP."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from web_service import Service

from modemd.accounts import passwords
from modemd.accounts.login import FAILURES
from modemd.values import Sms

EMAIL, PHONE = "jan.kowalski@example.org", "+48600200300"
SENT = {"status": "password_sent"}


def password_in(sms: Sms) -> str:
    """The password a notice carries."""
    found = re.search(rf"\b[{passwords.ALPHABET}]{{{passwords.LENGTH}}}\b", sms.text)
    assert found, sms.text
    return found.group()


async def registered(service: Service, stranger: httpx.AsyncClient, email: str = EMAIL, phone: str = PHONE) -> str:
    """A new account's first password."""
    answer = await stranger.post("/v1/accounts", json={"email": email, "phone": phone})
    assert (answer.status_code, answer.json()) == (202, SENT)
    sms = await service.prepared((await service.notices())[-1])
    assert sms.to == phone
    return password_in(sms)


async def login(client: httpx.AsyncClient, who: str, password: str) -> httpx.Response:
    return await client.post("/v1/session", json={"login": who, "password": password})


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """The header a browser would send: httpx keeps Secure cookies to itself on plain HTTP."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.fixture
async def owner(service: Service, stranger: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the session of an account that has just registered."""
    answer = await login(stranger, EMAIL, await registered(service, stranger))
    async with httpx.AsyncClient(base_url=service.url, headers=cookie_of(answer), timeout=30) as client:
        yield client


async def test_a_new_user_registers_gets_a_password_by_sms_and_logs_in(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    password = await registered(service, stranger)
    for who in (PHONE, "600 200 300", EMAIL, EMAIL.upper()):
        answer = await login(stranger, who, password)
        assert answer.status_code == 200
        account = (await stranger.get("/v1/account", headers=cookie_of(answer))).json()
        assert (account["email"], account["phone"]) == (EMAIL, PHONE)
        assert account["id"] == answer.json()["account"]


async def test_the_session_cookie_is_for_this_site_only(service: Service, stranger: httpx.AsyncClient) -> None:
    answer = await login(stranger, PHONE, await registered(service, stranger))
    attributes = answer.headers["set-cookie"].split("; ")[1:]
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(attributes)


async def test_a_known_phone_gets_the_same_answer_and_one_word_a_day(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    await registered(service, stranger)
    before = len(await service.notices())
    for _ in range(3):
        answer = await stranger.post("/v1/accounts", json={"email": "other@example.org", "phone": PHONE})
        assert (answer.status_code, answer.json()) == (202, SENT)
    (told,) = (await service.notices())[before:]
    sms = await service.prepared(told)
    assert "has an account" in sms.text
    assert sms.to == PHONE
    assert len(await service.accounts.directory.find(PHONE)) == 1


async def test_one_email_may_have_several_accounts(service: Service, stranger: httpx.AsyncClient) -> None:
    first = await registered(service, stranger)
    second = await registered(service, stranger, phone="+48600200301")
    one, two = await login(stranger, EMAIL, first), await login(stranger, EMAIL, second)
    assert one.status_code == two.status_code == 200
    assert one.json()["account"] != two.json()["account"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"email": EMAIL}, "phone", "invalid_field"),
        ({"email": EMAIL, "phone": PHONE, "name": "Jan"}, "body", "unknown_field"),
        ({"email": "nobody", "phone": PHONE}, "email", "invalid_email"),
        ({"email": EMAIL, "phone": "12"}, "phone", "invalid_number"),
        ({"email": EMAIL, "phone": "+48221234567"}, "phone", "not_mobile"),
        ({"email": EMAIL, "phone": "+4915123456789"}, "phone", "country_not_allowed"),
        ({"email": EMAIL, "phone": 48600200300}, "phone", "invalid_field"),
        ([], "body", "invalid_field"),
    ],
)
async def test_a_wrong_registration_is_refused(
    service: Service, stranger: httpx.AsyncClient, body: object, field: str, code: str
) -> None:
    answer = await stranger.post("/v1/accounts", json=body)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert await service.notices() == []


async def test_a_password_is_nowhere_before_it_is_sent(service: Service, stranger: httpx.AsyncClient) -> None:
    await stranger.post("/v1/accounts", json={"email": EMAIL, "phone": PHONE})
    (notice,) = await service.notices()
    one, again = await service.prepared(notice), await service.prepared(notice)
    assert password_in(one) != password_in(again), "each time it is prepared, it is another one"
    assert (await login(stranger, PHONE, password_in(one))).status_code == 401
    assert (await login(stranger, PHONE, password_in(again))).status_code == 200


async def test_a_password_is_read_as_telephones_write_it(service: Service, stranger: httpx.AsyncClient) -> None:
    password = await registered(service, stranger)
    assert (await login(stranger, PHONE, f" {password[:6].capitalize()} {password[6:]} ")).status_code == 200


async def test_a_reset_replaces_the_password_only_when_it_is_used(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    first = await registered(service, stranger)
    session = cookie_of(await login(stranger, PHONE, first))
    answer = await stranger.post("/v1/account/password-reset", json={"login": EMAIL})
    assert (answer.status_code, answer.json()) == (202, SENT)
    second = password_in(await service.prepared((await service.notices())[-1]))
    assert (await login(stranger, PHONE, first)).status_code == 200
    assert (await stranger.get("/v1/account", headers=session)).status_code == 200
    assert (await login(stranger, PHONE, second)).status_code == 200
    assert (await login(stranger, PHONE, first)).status_code == 401
    assert (await stranger.get("/v1/account", headers=session)).status_code == 401, "a reset ends older sessions"
    assert (await login(stranger, PHONE, second)).status_code == 200


async def test_a_reset_of_nobody_is_answered_as_any_other(service: Service, stranger: httpx.AsyncClient) -> None:
    for who in ("nobody@example.org", "+48600999999", "x", "żółw"):
        answer = await stranger.post("/v1/account/password-reset", json={"login": who})
        assert (answer.status_code, answer.json()) == (202, SENT)
    assert await service.notices() == []
    assert await service.database.read(lambda db: db.execute("SELECT count(*) FROM errand").fetchone()[0]) == 0
    assert len(service.store.accounts()) == 2, "nothing is kept of the requests, no key either"


async def test_a_wrong_password_and_an_unknown_login_are_told_the_same(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    await registered(service, stranger)
    wrong = await login(stranger, PHONE, "wrong")
    unknown = await login(stranger, "+48600999999", "wrong")
    assert wrong.status_code == 401
    assert wrong.json() == unknown.json()


async def test_too_many_failures_pause_this_login_from_this_network(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    password = await registered(service, stranger)
    for _ in range(FAILURES):
        assert (await login(stranger, PHONE, "wrong")).status_code == 401
    answer = await login(stranger, PHONE, password)
    assert (answer.status_code, answer.json()["code"]) == (429, "login_paused")
    assert 0 < int(answer.headers["retry-after"]) <= 900
    basic = await stranger.get("/v1/account", auth=(PHONE, password))
    assert (basic.status_code, basic.json()["code"]) == (401, "login_paused")
    assert 0 < int(basic.headers["retry-after"]) <= 900
    assert (await login(stranger, EMAIL, password)).status_code == 200, "only this login has to wait"


async def test_basic_credentials_work_and_cost_a_hash_once(
    service: Service, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = await registered(service, stranger)
    await login(stranger, PHONE, password)
    hashes = 0
    derive = passwords.derive

    def counted(password: str, salt: bytes) -> bytes:
        nonlocal hashes
        hashes += 1
        return derive(password, salt)

    monkeypatch.setattr(passwords, "derive", counted)
    for _ in range(3):
        assert (await stranger.get("/v1/account", auth=(EMAIL, password))).json()["phone"] == PHONE
    assert hashes == 1
    assert (await stranger.get("/v1/account", auth=(EMAIL, "wrong"))).status_code == 401
    malformed = base64.b64encode(b"no colon").decode()
    assert (await stranger.get("/v1/account", headers={"Authorization": f"Basic {malformed}"})).status_code == 401


async def test_a_session_ends_when_its_owner_says_so(owner: httpx.AsyncClient) -> None:
    assert (await owner.get("/v1/account")).status_code == 200
    answer = await owner.delete("/v1/session")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await owner.get("/v1/account")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
    ],
)
async def test_another_site_cannot_use_the_session(owner: httpx.AsyncClient, headers: dict[str, str]) -> None:
    body = {"to": "+48600100200", "text": "x"}
    answer = await owner.post("/v1/messages", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    own = {"Origin": str(owner.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert (await owner.post("/v1/messages", json=body, headers=own)).status_code == 202


async def test_keys_are_minted_listed_and_revoked_by_the_owner(
    service: Service, owner: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    minted = await owner.post("/v1/keys", json={"name": "till in Gdynia"})
    assert minted.status_code == 201
    key = minted.json()
    as_program = {"Authorization": f"Bearer {key['key']}"}
    assert (await stranger.get("/v1/account", headers=as_program)).json()["phone"] == PHONE
    (shown,) = (await owner.get("/v1/keys")).json()["keys"]
    assert (shown["id"], shown["name"]) == (key["id"], "till in Gdynia")
    assert shown["last_used_at"] is not None
    assert key["key"] not in str(shown)
    assert (await owner.delete(f"/v1/keys/{key['id']}")).status_code == 204
    assert (await stranger.get("/v1/account", headers=as_program)).status_code == 401
    for number in (key["id"], "k_0000000000000", "17"):
        assert (await owner.delete(f"/v1/keys/{number}")).status_code == 404


async def test_a_key_cannot_mint_or_revoke_keys(service: Service, client: httpx.AsyncClient) -> None:
    (key,) = (await client.get("/v1/keys")).json()["keys"]
    for answer in (await client.post("/v1/keys", json={"name": "x"}), await client.delete(f"/v1/keys/{key['id']}")):
        assert (answer.status_code, answer.json()["code"]) == (403, "key_may_not")


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 65}, {"name": 1}, {"name": "x", "scope": "all"}])
async def test_a_key_needs_a_short_name(owner: httpx.AsyncClient, body: object) -> None:
    assert (await owner.post("/v1/keys", json=body)).status_code == 422


async def test_a_password_message_shows_no_password(service: Service, owner: httpx.AsyncClient) -> None:
    (message,) = (await owner.get("/v1/messages")).json()["messages"]
    assert message["lane"] == "system"
    assert "•" * passwords.LENGTH in message["text"]
