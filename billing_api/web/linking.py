"""The links of the OpenAPI document: from an answer to what can be done next with the object that it shows."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Operation = tuple[str, str, Json]

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_IF_MATCH = {"$ref": "#/components/parameters/IfMatch"}


def operations(document: Json) -> Iterator[Operation]:
    """Path, method and description of each operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def link(document: Json) -> None:
    """Lead from what makes an object to all that takes its id, in the path or as a filter of a list; from what changes
    an object to where it is read; and from a list to its first item. With an item nothing is done but reading where
    objects are made by a request: those are better to do it with."""
    known = list(operations(document))
    homes = {home: name for path, method, _ in known for home, name in _read_at(path, method)}
    shown = {
        _schema(operation["responses"]["200"]): home
        for path, method, operation in known
        for home, _ in _read_at(path, method)
    }
    made = {path for path, method, _ in known if method == "post"}
    for path, method, operation in known:
        for status, answer in operation["responses"].items():
            if status in {"200", "201"} and not path.endswith("/preview"):
                is_list = method == "get" and path in homes
                home = path if is_list or (status == "201" and path in homes) else None
                home = home or (shown.get(_schema(answer)) if method != "get" else None)
                is_whole = status == "201" or (is_list and path not in made)
                pointer = "$response.body#/data/0/id" if is_list else "$response.body#/id"
                links = _links(known, home, homes[home], pointer, is_whole=is_whole) if home else {}
                links.pop(operation["operationId"], None)
                answer |= {"links": links} if links else {}


def _links(known: list[Operation], home: str, name: str, pointer: str, *, is_whole: bool) -> Json:
    """To what takes the id of an object that is at home here; unless `is_whole` only to where it is read."""
    links: Json = {}
    for path, method, target in known:
        if not is_whole and (home, name) not in _read_at(path, method):
            continue
        if re.fullmatch(re.escape(f"{home}/{{{name}}}") + r"(/[\w-]+)?", path):
            parameters = {f"path.{name}": pointer}
            if is_whole and "/data/" not in pointer and _IF_MATCH in target.get("parameters", []):
                parameters["header.If-Match"] = "$response.header.ETag"
        elif any(one.get("name") == name and one["in"] == "query" for one in target.get("parameters", [])):
            parameters = {f"query.{name}": pointer}
        else:
            continue
        about = {"parameters": parameters, "description": target["summary"]}
        links[target["operationId"]] = {"operationId": target["operationId"], **about}
    return links


def _read_at(path: str, method: str) -> Iterator[tuple[str, str]]:
    """Where objects are at home, and the name of their id, if this is how one of them is read."""
    if method == "get" and (match := re.fullmatch(r"(.+)/\{(\w+_id)\}", path)):
        yield match[1], match[2]


def _schema(answer: Json) -> str | None:
    """The reference to what an answer shows."""
    found: str | None = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref")
    return found
