"""What schemathesis cannot know from the OpenAPI document: which numbers there are, and when now is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st

ID = re.compile(r"[gr]_[0-7][0-9a-hjkmnp-tv-z]{12}")
RECEIVER = "http://127.0.0.1:50009/sms"
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

schemathesis.openapi.format("msisdn", st.from_regex(r"\+48(60[0-9]|50[0-9]|51[0-9])[0-9]{6}", fullmatch=True))
schemathesis.openapi.format("email", st.from_regex(r"[a-z]{1,20}@[a-z]{1,10}\.(org|com)", fullmatch=True))
schemathesis.openapi.format("date-time", st.just(TOMORROW))
schemathesis.openapi.format("csv", st.from_regex(r"number,name\n(\+48600[0-9]{6},[a-z]{0,9}\n){0,5}", fullmatch=True))
schemathesis.openapi.format("webhook-url", st.just(RECEIVER))


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Write to a number instead of groups and recipients: what is not in the books is refused, and ids are unknown."""
    body = case.body
    if case.path == "/v1/webhooks" and isinstance(body, dict) and body.get("url") == "https://example.org/sms":
        body["url"] = RECEIVER  # the example of the document, which no name server here knows
    if case.path != "/v1/messages" or not isinstance(body, dict):
        return
    for name in ("groups", "recipients"):
        given = body.get(name)
        if isinstance(given, list) and given and all(isinstance(one, str) and ID.fullmatch(one) for one in given):
            body.pop(name)
            if body.get("to") is None:
                body["to"] = "+48600100200"
