"""The description of the API for programs (OpenAPI 3.1), made from the table of routes and the types that they use.

Making it reads the source of the rows, which takes a moment; so it is made when somebody first asks, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from pydantic.json_schema import JsonSchemaValue

import gitfleet
from gitfleet.errors import UNCHANGED
from gitfleet.fleet.views import envelope, schema
from gitfleet.web.routes import ROUTES, WebRoute

REF = "#/components/schemas/{model}"
_FAILURES = {
    "400": "It is not a valid request.",
    "401": "A token is needed.",
    "403": "This token, this page, this name or the fleet's rules do not allow it.",
    "404": "There is no such session or entry.",
    "500": "Something went wrong here.",
    "501": "A newer gitfleet wrote what is there.",
    "502": "The hub did not answer, or refused.",
    "503": "It cannot be answered or done now.",
}
_OF_CHANGES = {
    "202": "Accepted here; tentative until the hub agrees.",
    "408": "The body did not come in time.",
    "409": f"Somebody else holds it. {UNCHANGED}",
    "410": "What was asked about has gone to another session.",
    "412": "The claim behind this work now belongs to another session.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
}


@cache
def document() -> Mapping[str, object]:
    """The description."""
    parts: JsonSchemaValue = {}
    failure = _part(schema.adapter(envelope.FailureAnswer).json_schema(ref_template=REF), parts)
    parts["Failure"] = _enveloped({"type": "string"}, {"type": "string"}, failure)
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gitfleet",
            "version": gitfleet.__version__,
            "description": "The fleet of one clone.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": parts, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: WebRoute, parts: JsonSchemaValue) -> JsonSchemaValue:
    data = _part(schema.adapter(route.answer).json_schema(ref_template=REF), parts)
    statuses = {"enum": ["ok"] if route.method == "GET" else ["ok", "tentative"]}
    answer = _json(_enveloped({"const": route.command}, statuses, data))
    responses: dict[str, object] = {"200": {"description": "Done.", "content": answer}}
    failures = _FAILURES if route.method == "GET" else {**_FAILURES, **_OF_CHANGES}
    for status, words in failures.items():
        content = answer if status == "202" else _json({"$ref": REF.format(model="Failure")})
        responses[status] = {"description": words, "content": content}
    asked = _part(route.asks.model_json_schema(ref_template=REF), parts)
    made: dict[str, object] = {
        "operationId": route.command.replace(" ", "-"),
        "summary": route.words,
        "responses": responses,
    }
    if route.method == "GET":
        made["parameters"] = list(_parameters(asked))
    else:
        made["requestBody"] = {"required": True, "content": _json(asked)}
    return made


def _parameters(asked: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    for name, kind in asked["properties"].items():
        told = {
            key: value for key, value in kind.items() if key not in {"description", "title"} and value != ""
        }
        required = name in asked.get("required", ())
        yield {
            "name": name,
            "in": "query",
            "required": required,
            "schema": told,
            "description": kind.get("description", ""),
        }


def _part(made: JsonSchemaValue, parts: JsonSchemaValue) -> JsonSchemaValue:
    """A schema whose definitions have gone to `parts`. Classes have names of their own, so none takes another's place."""
    parts.update(made.pop("$defs", {}))
    return made


def _enveloped(command: object, status: object, data: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of an envelope."""
    fields = {
        "schema_version": {"const": "1"}, "command": command, "status": status, "data": data,
        "warnings": {"type": "array", "items": {"type": "string"}},
    }  # fmt: skip
    return {"type": "object", "properties": fields, "required": list(fields)}


def _json(kind: JsonSchemaValue) -> JsonSchemaValue:
    return {"application/json": {"schema": kind}}
