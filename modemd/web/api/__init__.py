"""The HTTP API, one file per family of endpoints, brought together here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from fastapi import APIRouter, FastAPI

from modemd import __version__
from modemd.accounts.export import Inbox
from modemd.accounts.parts import Accounts
from modemd.clock import Clock
from modemd.web import compat, problems
from modemd.web.api.account import OwnAccount
from modemd.web.api.billing import Paying
from modemd.web.api.documents import Documents
from modemd.web.api.entrance import Entrance
from modemd.web.api.events import Events
from modemd.web.api.groups import Grouping
from modemd.web.api.inbox import InboxView
from modemd.web.api.keys import KeyRing
from modemd.web.api.messages import Messages
from modemd.web.api.metrics import Metrics
from modemd.web.api.opt_outs import OptingOut
from modemd.web.api.recipients import AddressBook
from modemd.web.api.state import Ready, ServiceState, Status
from modemd.web.api.webhooks import WebhookBook
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.edge import Edge
from modemd.web.metrics import Reading
from modemd.web.rates import Rates
from modemd.web.tls import Certificate
from modemd.web.whereabouts import Whereabouts
from modemd.webhooks.parts import Telling

__all__ = ["create_app"]


def create_app(
    *,
    accounts: Accounts,
    inbox: Inbox,
    telling: Telling,
    status: Status,
    ready: Ready,
    measure: Callable[[], Awaitable[Reading]],
    clock: Clock,
    rates: Rates,
    doors: Iterable[str] = (),
    whereabouts: Whereabouts | None = None,
    certificate: Certificate | None = None,
) -> FastAPI:
    """The application, of parts that are ready; serve it with uvicorn's access log off, it writes its own.

    Without ``whereabouts`` it answers to names of loopback only. ``doors`` names the protocols of others that it also
    speaks.
    """
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
    doorkeeper = Doorkeeper(accounts.keys, accounts.login, accounts.sessions, rates)
    counter = compat.Counter(accounts.sending, doorkeeper, accounts.terms.numbers, clock, ready, telling.callbacks)
    families = [
        Messages(accounts.sending, doorkeeper, clock).routes(),
        ServiceState(status, ready, doorkeeper).routes(),
        *_of_accounts(accounts, doorkeeper),
        InboxView(inbox, doorkeeper).routes(),
        WebhookBook(telling.webhooks, doorkeeper).routes(),
        Events(telling.live, telling.documents, doorkeeper).routes(),
        *compat.doors(doors, counter),
        Metrics(measure, doorkeeper).routes(),
    ]
    for router in families:
        app.router.routes.extend(router.routes)
    Documents(app).add_to(app)
    problems.install(app)
    app.add_middleware(Edge, clock=clock, whereabouts=whereabouts or Whereabouts(), certificate=certificate)
    app.middleware_stack = app.build_middleware_stack()  # else the first request does, in tens of milliseconds
    return app


def _of_accounts(accounts: Accounts, doorkeeper: Doorkeeper) -> list[APIRouter]:
    terms = accounts.terms
    return [
        Entrance(
            accounts.errands,
            accounts.login,
            accounts.sessions,
            numbers=terms.numbers,
            countries=terms.countries,
            doorkeeper=doorkeeper,
        ).routes(),
        KeyRing(accounts.keys, doorkeeper).routes(),
        AddressBook(accounts.recipients, accounts.groups, terms.numbers, doorkeeper).routes(),
        Grouping(accounts.groups, doorkeeper).routes(),
        OptingOut(accounts.opt_outs, doorkeeper).routes(),
        Paying(accounts.billing, doorkeeper).routes(),
        OwnAccount(
            accounts.directory, accounts.erasures, accounts.login, export=accounts.export, doorkeeper=doorkeeper
        ).routes(),
    ]
