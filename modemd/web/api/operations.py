"""A family of operations as a table: each line names a path, what answers it, and what OpenAPI tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from modemd.web.api.openapi import Described, Responses, body, problems
from modemd.web.api.shapes.words import Shape
from modemd.web.lean import Endpoint, LeanRoute


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table."""

    method: str
    """GET, or several, parted by blanks."""
    path: str
    endpoint: Endpoint
    answer: type[Shape] | None = None
    """What it answers; None where that is no JSON object of one shape, or nothing."""
    status: int = 200
    body: type[Shape] | None = None
    """What it reads; None where that is no JSON, or nothing."""
    parameters: Sequence[Described] = ()
    problems: Sequence[int] = ()
    """What it may refuse with; empty where that is said for the whole family."""
    others: Responses = field(default_factory=dict)
    """Answers of other kinds, by status."""
    extra: Described = field(default_factory=dict)
    """What else OpenAPI is to tell."""
    shown: bool = True
    """Whether OpenAPI tells of it at all."""

    @property
    def described(self) -> Described:
        """What OpenAPI is told beside the answers."""
        read = body(self.body) if self.body else {}
        return read | ({"parameters": list(self.parameters)} if self.parameters else {}) | self.extra


def routes(family: str, *operations: Operation, refusals: Sequence[int] = ()) -> APIRouter:
    """The paths of a family; ``refusals`` are the problems that each of them may answer with."""
    router = APIRouter(route_class=LeanRoute, tags=[family])
    for operation in operations:
        router.add_api_route(
            operation.path,
            operation.endpoint,
            methods=operation.method.split(),
            status_code=operation.status,
            response_model=operation.answer,
            response_class=Response if operation.status in operation.others else JSONResponse,
            responses=problems(*(operation.problems or refusals)) | operation.others,
            openapi_extra=operation.described,
            include_in_schema=operation.shown,
        )
    return router
