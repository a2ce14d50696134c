"""The interface as a whole: its resources, its OpenAPI document, and that what is no success is a problem."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.types import DictStrAny

from dashboard.api import bulk, histories, overview, problems, verbs, workflows
from dashboard.api.authentication import Requires
from dashboard.api.problems import Problem
from dashboard.api_tokens import Scope

PREFIX = "api/v1"
DESCRIPTION = (
    "Workflows of Telltale, for programs. Send a token as `Authorization: Bearer …`; the page “API tokens” makes one. "
    "Errors are problem details (RFC 9457) with a stable `type`."
)
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [problems.TYPE + kind for kind in problems.KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "message": {"type": "string"}}},
        },
    },
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
}


class _Bodies(Parser):
    """Reads bodies, and says what is wrong with one that cannot be read."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        """The JSON of a body. Raises Problem."""
        try:
            found: DictStrAny = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Problem("bad-request", f"The body is not JSON: {str(error)[:100]}") from None
        return found


class _Interface(NinjaAPI):
    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        problem = problems.of(exc)
        return super().on_exception(request, exc) if problem is None else problems.response(problem)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **_: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=f"/{PREFIX}/")
        components = schema["components"]
        components["schemas"]["Problem"] = _PROBLEM
        components["securitySchemes"] = _SECURITY
        components["responses"] = _refusals()
        schema["security"] = [{"token": []}, {"session": []}]
        refused = {int(name): {"$ref": f"#/components/responses/{name}"} for name in components["responses"]}
        rights = self._rights()
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"] |= refused
                needed = rights[operation["operationId"]]
                operation |= {"x-scope": needed.scope.value, "x-permissions": list(needed.actions)}
        return schema

    def _rights(self) -> dict[str, Requires]:
        """What each operation asks of its caller, by its name."""
        views = [view for router in self._get_bound_routers() for view in router.path_operations.values()]
        return {
            operation.view_func.__name__: auth
            for view in views
            for operation in view.operations
            for auth in operation.auth_callbacks
            if isinstance(auth, Requires)
        }

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        found = [one for router in self._get_bound_routers() for one in router.urls_paths(router.prefix)]
        for pattern in found:
            pattern.callback = _answered(pattern.callback)
        return [*found, re_path("", login_not_required(problems.not_found), name="nothing")]


def _refusals() -> dict[str, Any]:
    found: dict[int, list[str]] = {}
    for kind in problems.KINDS.values():
        found.setdefault(kind.status, []).append(kind.title)
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": "; or ".join(titles), "content": content} for status, titles in found.items()}


def _answered(view: Callable[..., Any]) -> Callable[..., Any]:
    """What no operation says for itself: a method that there is not is a problem, too, and nothing is to be stored."""

    def finished(response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code == 405:
            allowed = response.headers["Allow"]
            return problems.response(
                Problem("method-not-allowed", f"This address knows {allowed}.", {"Allow": allowed})
            )
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    if iscoroutinefunction(view):

        @wraps(view)
        async def answer_async(request: HttpRequest, **parts: str) -> HttpResponseBase:
            return finished(await view(request, **parts))

        return login_not_required(answer_async)

    @wraps(view)
    def answer(request: HttpRequest, **parts: str) -> HttpResponseBase:
        return finished(view(request, **parts))

    return login_not_required(answer)


api = _Interface(
    title="Telltale", version="1", description=DESCRIPTION, docs_url=None, openapi_url=None, urls_namespace="api",
    parser=_Bodies(),
)  # fmt: skip


@api.get("/openapi.json", auth=Requires(Scope.READ, "view"), include_in_schema=False, url_name="openapi")
def openapi(request: HttpRequest) -> HttpResponse:
    """This interface in the words of OpenAPI 3.1."""
    return HttpResponse(document(), "application/json")


def document() -> str:
    """The OpenAPI document."""
    return json.dumps(api.get_openapi_schema(), ensure_ascii=False, indent=1)


for _resource in (workflows, histories, verbs, bulk, overview):
    api.add_router("", _resource.router)
