"""/openapi.json, made once when first asked for; /docs, a page of our own that loads nothing from elsewhere."""

from __future__ import annotations

import asyncio
import html
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from modemd.web.api import openapi

_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, mk_…"},
    "password": {"type": "http", "scheme": "basic", "description": "E-mail or phone, and the password."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "modemd_session"},
}
_OPEN = ("/healthz", "/readyz", "/v1/accounts", "/v1/account/password-reset", "/v1/session", "/v1/erasures/{id}")
_OPEN_HERE = ("/metrics",)
"""What programs on this machine need no credential for."""
_ALWAYS = (400, 403, 408, 421, 422, 429, 431, 500, 503, 507)
"""What any call may answer; a call without a body too is late, or has a head that is none or too large."""
_OF_ACCOUNTS = (401, 410)
_OF_BODIES = (413, 415)
_ANY: list[dict[str, list[str]]] = [{"key": []}, {"password": []}, {"cookie": []}]


class Documents:
    """Describes an application."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._lock = asyncio.Lock()
        self._openapi = b""
        self._page = b""

    def add_to(self, app: FastAPI) -> None:
        """Their paths; they do not describe themselves."""
        app.add_route("/openapi.json", self.openapi, methods=["GET"])
        app.add_route("/docs", self.page, methods=["GET"])

    async def openapi(self, _: Request) -> Response:
        """The OpenAPI document."""
        await self._made()
        return Response(self._openapi, media_type="application/json")

    async def page(self, _: Request) -> Response:
        """The same for people."""
        await self._made()
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
        return Response(self._page, media_type="text/html", headers=policy)

    async def _made(self) -> None:
        async with self._lock:
            if not self._openapi:
                document = await asyncio.to_thread(describe, self._app)
                self._openapi, self._page = orjson.dumps(document), render(document).encode()


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of what ``app`` answers."""
    document = get_openapi(title="modemd", version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = openapi.Problem.model_json_schema()
    components["securitySchemes"] = _SECURITY
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["security"] = [] if path in _OPEN else [{}, *_ANY] if path in _OPEN_HERE else _ANY
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    """Add what every call may answer, whatever it does."""
    known = _OF_ACCOUNTS if operation["security"] else ()
    always = openapi.problems(*_ALWAYS, *known, *(_OF_BODIES if "requestBody" in operation else ()))
    for status, described in always.items():
        operation["responses"].setdefault(str(status), described)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def render(document: dict[str, Any]) -> str:
    """A plain page: every call, what it does, its fields and its answers."""
    sections = [
        _operation(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return _PAGE.format(body="\n".join(sections))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    fields = [(one["name"], one.get("description", "")) for one in operation.get("parameters", ())]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    properties = content.get("schema", {}).get("properties", {})
    fields += [(name, schema.get("description", "")) for name, schema in properties.items()]
    rows = "".join(f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(text)}" for name, text in fields)
    answers = ", ".join(operation["responses"])
    return (
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(operation.get('description', ''))}"
        f"<table>{rows}</table><p>Answers: {html.escape(answers)}"
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>modemd: HTTP API</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}
td{{padding:.1rem 1rem .1rem 0;vertical-align:top}}h2{{margin-top:2rem}}</style>
<h1>modemd: HTTP API</h1><p>The same for programs: <a href="/openapi.json">openapi.json</a>.
Errors are <code>application/problem+json</code> with a stable <code>code</code>.
{body}</html>"""
