"""The HTTP API, one file per family of endpoints, brought together here."""

from __future__ import annotations

from fastapi import FastAPI

from modemd import __version__
from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.sending import Sending
from modemd.clock import Clock
from modemd.web import problems
from modemd.web.api.documents import Documents
from modemd.web.api.messages import Messages
from modemd.web.api.state import Ready, ServiceState, Status
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.edge import Edge

__all__ = ["create_app"]


def create_app(*, sending: Sending, keys: ApiKeys, status: Status, ready: Ready, clock: Clock) -> FastAPI:
    """The application, of parts that are ready; serve it with uvicorn's access log off, it writes its own."""
    app = FastAPI(
        title="modemd",
        version=__version__,
        description="Send SMS through the modems of this gateway.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # no word about users leaves this process
    )
    doorkeeper = Doorkeeper(keys)
    for router in (Messages(sending, doorkeeper, clock).routes(), ServiceState(status, ready, doorkeeper).routes()):
        for route in router.routes:
            app.router.routes.append(route)
    Documents(app).add_to(app)
    problems.install(app)
    app.add_middleware(Edge, clock=clock)
    app.middleware_stack = app.build_middleware_stack()  # else the first request does, in tens of milliseconds
    return app
