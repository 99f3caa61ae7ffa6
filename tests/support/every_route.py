"""Every route of the people's API, as the app itself has them, with paths and bodies filled in."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi.routing import iter_route_contexts

from ringfence.hub.core import Hub
from ringfence.hub.people.rights import is_open
from ringfence.hub.web.app import web_app
from support.running_hub import Json


def routes(hub: Hub) -> list[tuple[str, str]]:
    """Every route of the app that needs a caller, as method and path with its parameters."""
    return [
        (method, context.path or "")
        for context in iter_route_contexts(web_app(hub).routes)
        for method in sorted(context.methods or ())
        if not is_open(context.path or "") and method != "HEAD"
    ]


def filled(path: str, values: Mapping[str, str]) -> str:
    name = values["template"] if "/templates/" in path else values["name"]
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: ({**values, "name": name}).get(found[1], "1"), path)


def bodies(document: Json, method: str, path: str, values: Mapping[str, str]) -> list[object]:
    """Bodies for a route: none, and one made from its schema with what fields name."""
    operation = document["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    named = {
        key: value for key, value in values.items() if key != "name"
    }  # in a body, it is what something new is called
    return [None] if content is None else [{}, made(document, content["schema"], named)]


def made(document: Json, schema: Json, values: Mapping[str, str], name: str = "") -> Any:  # noqa: ANN401 - JSON
    if "$ref" in schema:
        return made(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], values, name)
    if "anyOf" in schema:
        return made(document, schema["anyOf"][0], values, name)
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            named = {key: part for key, part in parts.items() if _is_named(key, schema, values)}
            return {key: made(document, part, values, key) for key, part in named.items()}
        case "array":
            return [made(document, schema.get("items", {}), values, name.removesuffix("s"))]
        case "string":
            return "Something new" if name == "name" else values.get(name, schema.get("examples", ["x"])[0])
        case "boolean":
            return True
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
    return values.get(name, "x")


def _is_named(key: str, schema: Json, values: Mapping[str, str]) -> bool:
    return key in schema.get("required", ()) or key in values or key.removesuffix("s") in values
