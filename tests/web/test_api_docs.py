"""docs/api.md tells every call and every code there is."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
UNSEEN = {"restored.py", "key_mirrors.py", "tls.py"}
"""Whose codes only the command line shows; the doors in compat speak the codes of others."""
RAISED = re.compile(r'code="([a-z_0-9]+)"')


async def test_every_call_is_told(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    calls = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    told = {f"{method} {path}" for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?]*)", DOCS)}
    assert calls == told


async def test_every_call_says_what_any_call_may_answer(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            may = {400, 403, 408, 421, 422, 429, 431, 500, 503, 507}
            may |= {401, 410} if call["security"] else set()
            may |= {413, 415} if "requestBody" in call else set()
            assert may <= {int(status) for status in call["responses"]}, f"{method} {path}"


async def test_every_answer_has_its_one_form(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    forms = {
        f"{method.upper()} {path}": list(answer["content"])
        for path, methods in document["paths"].items()
        for method, call in methods.items()
        for status, answer in call["responses"].items()
        if status.startswith("2") and answer.get("content", {}).keys() - {"application/json"}
    }
    assert forms == {
        "GET /v1/recipients/export": ["text/csv"],
        "GET /v1/events": ["text/event-stream"],
        "GET /metrics": ["text/plain"],
    }


def test_every_code_is_told() -> None:
    folders = [file for part in ("accounts", "webhooks") for file in (ROOT / "modemd" / part).glob("*.py")]
    folders += (ROOT / "modemd" / "web").rglob("*.py")
    paying = [ROOT / "modemd" / name for name in ("accounts/billing/buyers.py", "queue/charges.py")]
    files = [file for file in folders + paying if file.name not in UNSEEN and "compat" not in file.parts]
    raised = {code for file in files for code in RAISED.findall(file.read_text(encoding="utf-8"))}
    assert {code for code in raised if f"`{code}`" not in DOCS} == set()
