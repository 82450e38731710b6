"""flask-smorest, subclassed thinly: strict requests, tagged answers, and a document that says exactly what happens."""

from collections.abc import Callable, Mapping
from functools import wraps
from threading import Lock
from typing import Any, ClassVar

import flask_smorest
import marshmallow as ma
import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from flask import Flask, g
from flask_smorest.utils import get_appcontext
from werkzeug.routing import BaseConverter

from billing_api.web import compression, csv, document
from billing_api.web.app import SAFE
from billing_api.web.declared import Door, told
from billing_api.web.dumping import Written
from billing_api.web.fields import Kept, Schema
from billing_api.web.finishing import finished
from billing_api.web.loading import key_of
from billing_api.web.parser import StrictParser, check_query, invalid
from billing_api.web.preconditions import etag, is_known
from billing_api.web.reachable import reachable
from billing_api.web.references import absent
from billing_api.web.request import current_request
from billing_api.web.response import Response

View = Callable[..., Any]

_JSON = ("Content-Type", "application/json")

LARGEST_OF_STRANGERS = 32 * 1024
"""So many bytes has a body at a door that asks for no credential: to find all faults of a larger one is work that
anybody could ask for."""


class ClientKey(BaseConverter):
    """A key of the client's own at the end of a path, with the slashes that it may have: `%2F` arrives as one."""

    regex = r"[\s\S]{1,255}"
    part_isolating = False
    schema: ClassVar = {"type": "string", "minLength": 1, "maxLength": 255}


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest ships no types
    """The registry of routes, whose errors are answered by `web.errors` alone."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        self._described: list[Blueprint] = []
        self._writing = Lock()
        self._document: dict[str, Any] | None = None
        self._plugin = MarshmallowPlugin(schema_name_resolver=document.schema_name)
        super().__init__(app, spec_kwargs={"marshmallow_plugin": self._plugin})
        app.url_map.converters["key"] = ClientKey
        self.register_converter(ClientKey, lambda key: key.schema)

    def register_blueprint(self, blueprint: "Blueprint") -> None:
        """Register a resource's routes. What the document says of them is not written yet: that takes longer than all
        else that is done for an application, and most are never asked for it."""
        self._app.register_blueprint(blueprint)
        self._described.append(blueprint)

    @property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document, written when it is first asked for, and every route is known."""
        with self._writing:
            if self._document is None:
                self._document = self._written()
            return self._document

    def _written(self) -> dict[str, Any]:
        for property_of in (document.null_too, document.json_schema):
            self._plugin.converter.add_attribute_function(property_of)  # type: ignore[union-attr]  # it has a spec
        document.register(self.spec)
        for blueprint in self._described:
            blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
            self.spec.tag({"name": blueprint.name, "description": blueprint.description})
        return finished(self.spec.to_dict(), self.reached())

    def reached(self) -> dict[str, frozenset[str]]:
        """The codes of the refusals that each operation can answer with, by itself or because the edge does."""
        doors = {name: door for blueprint in self._described for name, door in blueprint.doors.items()}
        read = reachable({name: door.view for name, door in doors.items()})
        return {name: told(door, read[name]) for name, door in doors.items()}

    def _register_error_handlers(self) -> None:
        # web.errors answers every exception; smorest's own shape would stand beside it.
        pass


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A resource's routes. Decorators stand in the order route, requires, arguments or edits, response, and next to the
    view what it shows beside its things."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(
        self, name: str, import_name: str, *, description: str, changes_issued: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(name, import_name, description=description, **kwargs)
        self.changes_issued = changes_issued
        """Whether its writes are to documents that the database keeps as they were issued."""
        self.doors: dict[str, Door] = {}
        self._prepare_doc_cbks.append(self._prepare_edge_doc)

    def route(self, rule: str, *, largest_body: int | None = None, **options: Any) -> Callable[[View], View]:
        """Register a view; query parameters that no schema of it names are refused, and bodies that none reads.
        `largest_body` is how many bytes its body may have, where that is not what it is everywhere; at a public door it
        is little."""
        register = super().route

        def decorator(view: View) -> View:
            method, path = options.get("methods", ["GET"])[0], (self.url_prefix or "") + rule
            edge = {"dry_run"} if document.takes_dry_run(view, method) else set()
            schemas = _query_schemas(view)
            known = frozenset(key_of(name, field) for one in schemas for name, field in one.fields.items()) | edge
            is_bare = method not in SAFE and not document.takes_body(view)
            largest = LARGEST_OF_STRANGERS if getattr(view, "is_public", False) else largest_body

            @wraps(view)
            def strict(*args: Any, **kwargs: Any) -> Any:
                if largest is not None:
                    current_request().max_content_length = largest
                check_query(current_request(), known, schemas)
                if is_bare:
                    self.ARGUMENTS_PARSER.parse(Schema(), current_request(), location="json")
                return view(*args, **kwargs)

            described = {"edge": document.operation(self.name, view, path, method)}
            strict._apidoc = {**getattr(view, "_apidoc", {}), **described}  # type: ignore[attr-defined]  # smorest's own
            self.doors[described["edge"]["operationId"]] = Door(strict, path, method, self.changes_issued)
            register(rule, **options)(strict)
            return strict

        return decorator

    def edits(self, schema: Schema) -> Callable[[View], View]:
        """The body is a JSON merge patch (RFC 7396) of what this schema describes. The view gets a function that turns
        the present object into the validated new one."""

        def decorator(view: View) -> View:
            @wraps(view)
            def wrapper(patch: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
                return view(lambda present: merged(schema, present, patch), *args, **kwargs)

            wrapper.patched_schema = schema  # type: ignore[attr-defined]  # read by the document
            return self.ARGUMENTS_PARSER.use_args(_Anything(), location="merge_patch")(wrapper)

        return decorator

    def response(self, status_code: int, schema: ma.Schema | None = None, **kwargs: Any) -> Callable[[View], View]:
        """Spare what is known; dump the view's result, tag it with its version, name its place when it is new."""
        smorest = super().response(status_code, schema, **kwargs)

        def decorator(view: View) -> View:
            showing = _writing(view, schema) if document.is_conditional(schema) else view
            dumping = smorest(wraps(showing)(lambda result: result))

            @wraps(dumping)
            def finished(*args: Any, **kwargs: Any) -> Any:
                result = showing(*args, **kwargs)
                if isinstance(result, Written):
                    return Response(result.text, headers=[_JSON, ("ETag", etag(result.version))])
                answer: Response = dumping(result)
                if answer.status_code == 204:
                    return Response(status=204)
                dump = get_appcontext().get("result_dump")
                return _tag(_offered(answer, schema, dump) if csv.is_tabular(schema) else answer, dump)

            finished.answers_with = (status_code, schema)  # type: ignore[attr-defined]  # read by the document
            return finished

        return decorator

    def _prepare_edge_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], *, app: Any, method: str, **_: Any
    ) -> Any:
        # smorest lays the docstring over what is returned here.
        doc_info["docstring"] = document.scoped(doc_info["docstring"], doc_info["edge"])
        return document.tidied(doc, doc_info["edge"])


def merged(schema: Schema, present: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The present object with a merge patch applied, validated as a whole.

    Raises:
        Invalid: with a pointer to each fault of the result.
    """
    whole = _merge(_kept(present if isinstance(present, Mapping) else schema.dump(present)), patch, schema)
    try:
        loaded: dict[str, Any] = schema.load(whole)
    except ma.ValidationError as error:
        raise invalid(error.messages, absent(schema, whole)) from None
    return loaded


def _kept(present: Any) -> Any:
    """The present object, whose texts with characters that would be refused today are marked as standing there."""
    if isinstance(present, Mapping):
        return {name: _kept(value) for name, value in present.items()}
    if isinstance(present, list):
        return [_kept(value) for value in present]
    return Kept(present) if isinstance(present, str) and not present.isprintable() else present


def _merge(target: Any, patch: Any, schema: ma.Schema | None) -> Any:
    """RFC 7396, section 2; but null for a member that the schema does not know stays, to be refused like any value.
    Without a schema the names are the client's own."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    known = {key_of(name, field): field for name, field in schema.fields.items()} if schema else patch
    for name, value in patch.items():
        if value is None and name in known:
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value, getattr(known.get(name), "schema", None))
    return result


class _Anything(Schema):
    """A merge patch can only be judged together with what it changes."""

    class Meta:
        unknown = "include"


def _writing(view: View, schema: Any) -> View:
    """The view of one object: it answers 304 to who holds this version already, before any of it is written out, and
    writes it out for others, at once."""

    @wraps(view)
    def writing(*args: Any, **kwargs: Any) -> Any:
        result, request = view(*args, **kwargs), current_request()
        if request.method not in SAFE:
            return result
        version = schema.fields["version"].get_value(result, "version")
        # Read also where it is not heeded: what is no list of tags is refused everywhere.
        has_it = is_known(request, version)
        if "include" in request.args:
            return result
        if has_it:
            return Response(status=304, headers={"ETag": etag(version)})
        return result if isinstance(result, Written) else Written(version, orjson.dumps(schema.dump(result)))

    return writing


def _offered(answer: Response, schema: Schema, dump: Any) -> Response:
    """A list or a report in the form that the client would rather have."""
    request = current_request()
    if csv.is_wanted(request):
        answer = csv.answer(schema, dump)
        if request.method == "GET":
            g.export = csv.exported(request, schema, dump)
    answer.vary.add("Accept")
    compression.offer(answer)
    return answer


def _tag(answer: Response, dump: Any) -> Response:
    """ETag, Location and Link, as far as they apply."""
    if isinstance(dump, dict):
        # A number: the version of an object, and not the one of the service that `/` shows.
        if isinstance(dump.get("version"), int) and "include" not in current_request().args:
            answer.headers["ETag"] = etag(dump["version"])
        if answer.status_code == 201 and "links" in dump:
            answer.headers["Location"] = dump["links"]["self"]
    if link := g.pop("next_link", None):
        answer.headers["Link"] = f'<{link}>; rel="next"'
    return answer


def _query_schemas(view: View) -> list[ma.Schema]:
    """What reads the query of a view."""
    parameters = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    return [resolve_schema_instance(parameter["schema"]) for parameter in parameters if parameter["in"] == "query"]
