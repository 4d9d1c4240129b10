"""/v1/status, /healthz, /readyz, /openapi.json, /docs."""

from __future__ import annotations

import re

import httpx
from web_service import Service

from modemd.accounts import request
from modemd.web.api.shapes.messages import MessageRequest


async def test_status_is_the_operators(service: Service, client: httpx.AsyncClient) -> None:
    refused = await client.get("/v1/status")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    answer = await client.get("/v1/status", headers={"Authorization": f"Bearer {service.operator_key}"})
    assert (answer.status_code, answer.json()["running"]) == (200, True)


async def test_health_and_readiness_need_no_key(service: Service, stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}
    assert (await stranger.get("/readyz")).status_code == 200
    service.missing = "the database does not answer"
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (503, "not_ready", service.missing)


async def test_openapi_describes_every_call_and_its_answers(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert {"/v1/messages", "/v1/messages/{id}", "/v1/status", "/healthz", "/v1/accounts"} <= document["paths"].keys()
    submit = document["paths"]["/v1/messages"]["post"]
    assert {"202", "401", "422", "507"} <= submit["responses"].keys()
    assert {"key": []} in submit["security"]
    assert document["paths"]["/v1/accounts"]["post"]["security"] == []
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert referred <= document["components"]["schemas"].keys()


def test_the_described_body_has_the_fields_and_limits_of_the_one_that_is_read() -> None:
    schema = MessageRequest.model_json_schema()
    assert schema["properties"].keys() == request.Request.__dataclass_fields__.keys()
    assert schema["required"] == ["text"]
    assert schema["additionalProperties"] is False


async def test_the_page_for_people_loads_nothing_from_elsewhere(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/v1/messages/{id}" in page.text
    assert not re.search(r"<script|src=|https?://|@import|url\(", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
