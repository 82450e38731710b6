"""The house rules as a program: who may import whom, and what may stand where.

Each rule is a function over source text, and is shown a breach of its own, so that none of them sleeps.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

import billing_api
from config import ROOT
from tests.planted import PLANTED

ORDER = (
    "events", "audit_log", "organizations", "mail", "auth", "users", "invitations", "api_keys", "customers", "catalog",
    "numbering", "ledger", "invoices", "payments", "credit_notes", "documents", "reports",
)  # fmt: skip
"""Resources know only those to their left."""
OPERATIONS = ("health", "docs")
"""Packages with routes that no resource knows, and that know none."""
STAGES = {
    "models": ("models", "parts", "import_checks", "life_checks", "breakdown"),
    "service": (
        "service", "queries", "passwords", "sessions", "refresh_tokens", "lockout", "one_time_codes",
        "second_factors", "enrolment", "confirming", "renewal", "resets", "letters", "sending", "quotas", "wording",
        "parties", "drafting", "resolving", "rows", "shapes", "finalization", "explaining", "adoption",
        "product_service", "tax_rate_service", "lookup", "terms", "scheduling", "audit", "actions", "issued",
        "settlement", "preceding", "copying", "balance", "credits", "revision", "statements", "taxation",
        "anonymization", "governing", "register",
    ),
    "schemas": ("schemas", "bodies", "line_bodies", "imports", "explanations", "tax_ids", "second_factor_schemas"),
    "routes": (
        "routes", "product_routes", "tax_rate_routes", "token_routes", "second_factor_routes",
        "reset_routes", "acceptance_routes",
    ),
}  # fmt: skip
"""At which stage a file of a resource stands; one that grew too long is split within its stage."""
FOUNDATION = (
    "belonging", "circuit_breaker", "clock", "connections", "database", "errors", "extensions", "fault_points",
    "filtering", "inserting", "keys", "opaque_tokens", "preparing", "reading", "reading_together", "redis_line",
    "sealing", "searching", "sliding_window", "statement", "tenancy", "traits", "unit_of_work", "violations",
)  # fmt: skip
"""What rooms stand on; all other files at the top start the service, know every room, and are known by none."""
FORMS = (
    "web.catalogued", "web.fields", "web.filters", "web.lists", "web.decimals", "web.bodies", "web.json",
    "web.pagination",
)  # fmt: skip
"""The edge's strict fields, and the form of a page."""

MAY_KNOW = {
    "domain": {"domain", "errors"},
    "models": {"belonging", "database", "traits", "violations", "domain", "errors", "clock", "models"},
    "service": {
        "connections", "database", "filtering", "inserting", "reading", "reading_together", "searching", "unit_of_work",
        "opaque_tokens", "sealing", "sliding_window", "statement", "violations", "domain", "errors", "clock",
        "models", "service",
    },
    "schemas": {"domain", "schemas", *FORMS},
    "routes": {"errors", "web", "own service", "own models", "schemas"},
    "web": {
        "database", "reading", "searching", "unit_of_work", "extensions", "domain", "errors", "clock", "fault_points",
        "keys", "preparing", "redis_line", "sealing", "statement", "violations", "web",
    },
    "foundation": {
        "circuit_breaker", "clock", "config", "connections", "database", "errors", "fault_points",
        "inserting", "preparing", "reading", "statement", "unit_of_work", "violations",
    },
}  # fmt: skip
"""Routes name their own models as types and as columns to sort by; they hold no query."""
NEVER = {
    "domain": set(),
    "models": {"flask", "marshmallow", "webargs", "werkzeug"},
    "service": {"flask", "flask_smorest", "flask_jwt_extended", "marshmallow", "webargs", "werkzeug"},
    "schemas": {"flask", "flask_sqlalchemy", "sqlalchemy", "psycopg2"},
    "routes": {"sqlalchemy", "flask_sqlalchemy", "psycopg2", "marshmallow"},
    "web": set(),
    "foundation": set(),
}
LONGEST_FILE, LONGEST_FUNCTION = 300, 30
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "constants", "misc"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}
TRANSACTIONS = {"billing_api.connections", "billing_api.database", "billing_api.unit_of_work"}
ENDINGS = {"commit", "rollback", "begin"}
ENDING_WORDS = re.compile(r"(^|;)\s*(commit|rollback|abort|begin|start transaction)\b[\w\s]*(;|$)", re.IGNORECASE)
"""Statements that begin or end a transaction, wherever a text holds them."""
FLOATS = {"float", "complex", "Float", "FLOAT", "Double", "DOUBLE", "REAL"}
PUBLIC = {
    "/", "/health/live", "/health/ready", "/metrics", "/.well-known/jwks.json", "/problems/<code>", "/openapi.json",
    "/docs", "/docs/", "/docs/<path:path>",
    "/v1/auth/sign-up", "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/token", "/v1/auth/accept-invitation",
    "/v1/auth/password-reset", "/v1/auth/password-reset/confirm",
}  # fmt: skip
"""Doors that are open to everybody, each on purpose."""

SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*(ROOT / "billing_api").rglob("*.py"), ROOT / "config.py", ROOT / "wsgi.py"]
}


def room_of(module: str) -> tuple[str, str]:
    """Where a module of the package stands: its room, and the resource it is about."""
    _, _, path = module.partition(".")
    head, _, tail = path.partition(".")
    if head in (*ORDER, *OPERATIONS):
        stages = [stage for stage, files in STAGES.items() if tail in files]
        return (stages[0] if stages else "unknown" if tail else "package"), head
    if head in {"domain", "web"}:
        return head, ""
    return ("foundation" if head in FOUNDATION else "starter"), ""


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            for alias in node.names:
                below = f"{name}.{alias.name}"
                yield below if below in SOURCES else name


def breaches(module: str, source: str) -> Iterator[str]:
    """What a file does against the rules of the house, one sentence each."""
    tree = ast.parse(source)
    yield from _imports(module, tree)
    yield from _places(module, source, tree)
    yield from _calls(module, tree)


def _imports(module: str, tree: ast.Module) -> Iterator[str]:
    room, resource = room_of(module)
    if room == "unknown":
        yield "file without a stage"
    if room == "package" and any(not _is_text(node) for node in tree.body):
        yield "package that is more than a name"
    for name in imports_of(tree):
        if name.startswith("."):
            yield f"relative import of {name}"
        elif room in MAY_KNOW and not _may_know(room, resource, name):
            yield f"{room} imports {name}"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from ("import inside a function" for node in ast.walk(function) if _is_import(node))


def _is_import(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "importlib.import_module"}
    return called or isinstance(node, ast.Import | ast.ImportFrom)


def _is_pure(top: str) -> bool:
    is_tame = top in sys.stdlib_module_names and top not in {"os", "socket", "time"}
    return is_tame or top in {"billing_api", "idna", "iso4217"}


def _may_know(room: str, resource: str, name: str) -> bool:
    top, allowed = name.partition(".")[0], MAY_KNOW[room]
    if top not in {"billing_api", "config"}:
        return top not in NEVER[room] and (room != "domain" or _is_pure(top))
    other, owner = room_of(name)
    if owner:
        is_near = owner == resource or (resource in ORDER and owner in ORDER[: ORDER.index(resource)])
        return is_near and (other in allowed or (owner == resource and f"own {other}" in allowed))
    path = name.removeprefix("billing_api.")
    return path in allowed or path.partition(".")[0] in allowed


def too_long(*paths: Path) -> list[Path]:
    """The files, of any kind, that are longer than a file may be."""
    return [path for path in paths if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE]


def _places(module: str, source: str, tree: ast.AST) -> Iterator[str]:
    if module.rpartition(".")[2] in VAGUE:
        yield "vague name"
    if (length := len(source.splitlines())) > LONGEST_FILE:
        yield f"file of {length} lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"function of {length} lines: {node.name}"
        if _handles_money(module) and _is_float(node):
            yield "float where money is"


def _handles_money(module: str) -> bool:
    """Whether exact numbers pass through it: the domain, the resources, and the edge's fields."""
    return room_of(module)[0] in {"domain", *STAGES} or module.removeprefix("billing_api.") in FORMS


def _is_float(node: ast.AST) -> bool:
    is_named = isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).rpartition(".")[2] in FLOATS
    return is_named or (isinstance(node, ast.Constant) and isinstance(node.value, float | complex))


def _is_text(node: ast.AST) -> bool:
    """Whether it is a docstring, or another text that nothing reads."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _calls(module: str, tree: ast.AST) -> Iterator[str]:
    """Named is as good as called: what was given another name may be called anywhere."""
    unread = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_text(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in unread:
            if ENDING_WORDS.search(node.value) and module not in TRANSACTIONS:
                yield f"{node.value!r} beside database.py"
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "datetime"}:
            yield from (f"{node.module}.{one.name} beside clock.py" for one in node.names if one.name in CLOCKS)
        elif isinstance(node, ast.Attribute):
            yield from _names(module, node.attr, ast.unparse(node.value))


def _names(module: str, name: str, owner: str) -> Iterator[str]:
    if name in ENDINGS and module != "billing_api.database":
        yield f"{owner}.{name} beside database.py"
    if name in CLOCKS and owner != "clock" and module != "billing_api.clock":
        yield f"{owner}.{name} beside clock.py"
    if room_of(module)[0] == "routes" and owner == "db":
        yield "query in routes"


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_a_file_keeps_the_rules_of_the_house(module: str) -> None:
    assert list(breaches(module, SOURCES[module].read_text(encoding="utf-8"))) == []


def test_no_migration_and_no_test_is_longer_than_a_file_may_be() -> None:
    assert too_long(*(ROOT / "migrations").rglob("*.py"), *(ROOT / "tests").rglob("*.py")) == []


def test_a_file_that_is_too_long_is_found(tmp_path: Path) -> None:
    fits, grown = tmp_path / "fits.py", tmp_path / "grown.py"
    fits.write_text("x = 1\n" * LONGEST_FILE)
    grown.write_text("x = 1\n" * (LONGEST_FILE + 1))
    assert too_long(fits, grown) == [grown]


@pytest.mark.parametrize(("module", "source", "breach"), PLANTED)
def test_a_planted_breach_is_found(module: str, source: str, breach: str) -> None:
    assert list(breaches(f"billing_api.{module}", source)) == [breach]


def test_the_resources_are_bound_in_their_order() -> None:
    names = [resource.import_name.split(".")[1] for resource in billing_api.RESOURCES]
    # A package may serve several addresses.
    assert [*dict.fromkeys(names)] == [name for name in ORDER if name in names]


def test_every_folder_is_a_known_room() -> None:
    folders = {path.parent.name for path in Path(billing_api.__file__).parent.glob("*/__init__.py")}
    assert folders <= {*ORDER, *OPERATIONS, "domain", "web"}


def open_doors(app: Flask) -> set[str]:
    """Routes whose view neither asks for a credential nor says aloud that it asks for none."""
    views = [(rule.rule, app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()]
    return {rule for rule, view in views if not getattr(view, "is_guarded", False)}


def test_no_door_stands_open_by_oversight(app: Flask) -> None:
    assert open_doors(app) == PUBLIC


def test_a_route_of_a_resource_says_whether_it_is_guarded_or_public(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/"):
            view = app.view_functions[rule.endpoint]
            assert getattr(view, "is_guarded", False) != getattr(view, "is_public", False), rule.rule


def test_a_forgotten_guard_is_found() -> None:
    app = Flask("open", static_folder=None)
    app.add_url_rule("/v1/forgotten", view_func=lambda: "")
    assert open_doors(app) == {"/v1/forgotten"}
