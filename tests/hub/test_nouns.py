"""One noun, one name: the URL's, in people, schemas, fleet and the command line."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
import typer.main
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from ringfence.cli.main import COMMANDS, GROUPS, make_app
from ringfence.hub import fleet, people, publishing, telephony, trust, vpn
from ringfence.hub.people import schemas

NOUNS = {
    "sites": "sites",
    "sites/*/tokens": "enrolment_tokens",
    "tokens": "enrolment_tokens",
    "edges": "edges",
    "edge-jobs": "edge_jobs",
    "edges/*/accept": "guard.edge_networks",
    "edges/*/mode": "edge_modes",
    "edges/*/tls-key": "edge_tls_keys",
    "phones": "phones",
    "phones/bulk": "bulk",
    "phones/*/certificate": "phone_certificates",
    "phones/*/https": "phone_https",
    "sites/*/https": "phone_https",
    "phones/*/lines": "lines",
    "phones/*/settings": "settings",
    "phones/*/explain": "settings",
    "phones/*/guard": "guard.decision_log",
    "phones/*/accept": "guard.first_contact",
    "phones/*/block": "guard.blocks",
    "phones/*/window": "guard.windows",
    "phones/*/credential": "guard.credentials",
    "activations": "activations",
    "phone-books": "phone_books",
    "models": "families",
    "families": "families",
    "groups": "groups",
    "templates": "templates",
    "settings": "settings",
    "uploads": "uploads",
    "firmware": "firmware",
    "assets": "assets",
    "sip/export": "accounts",
    "sip/rotations": "rotations",
    "pbxes": "pbxes",
    "alert-channels": "alert_channels",
    "publish": "publish",
    "drafts": "drafts",
    "rollouts": "rollouts",
    "sites/*/releases": "releases",
    "sites/*/guard": "guard.policy",
    "sites/*/network": "networks",
    "boxes": "boxes",
    "concentrators": "concentrators",
    "port-authorities": "port_authorities",
    "bundles": "bundles",
    "trust": "trust",
    "phone-trust": "phone_trust",
    "vpn": "vpn",
    "listener-certificates": "listener_certificates",
    "hub-keys": "hub_keys",
    "guard/log": "guard.decision_log",
    "guard/alerts": "guard.alerts",
    "guard/waiting": "guard.first_contact",
    "guard/windows": "guard.windows",
    "guard/bans": "guard.bans",
    "organisations": "organisations",
    "whoami": "whoami",
    "api-tokens": "api_tokens",
    "people": "people",
    "people/*/sessions": "sessions",
    "people/*/passkeys": "passkeys",
    "sessions": "sessions",
    "sign-in-providers": "sign_in_providers",
    "audit": "audit",
    "reports": "reports",
    "doubts": "doubts",
    "metrics": "metrics",
    "authority.pem": "metrics",
    "healthz": "metrics",
    "readyz": "metrics",
}
"""Path below /api/v1, a star for each parameter → noun; the longest that a path begins with counts."""
INFRASTRUCTURE = {
    "app",
    "bodies",
    "bundle_downloads",
    "callers",
    "draft_requests",
    "forgery",
    "forms",
    "pages",
    "passkey_sign_ins",
    "problems",
    "provider_sign_ins",
    "refused_sign_ins",
    "rights",
    "sign_in_tries",
    "sign_ins",
    "uploaded_files",
    "visitors",
}
"""Modules of ``people`` that are about every noun."""
NOT_IN_THE_FLEET = {"whoami", "families", "metrics"}
"""Nouns without a domain: they are the caller's own, the phones' or the process's."""
OF_NO_NOUN = {"set", "export", "login", "hub", "edge", "gateway", "serve", "sim", "tftp", "tunnel"}
"""Commands that are named for what they do, or for the program that they start."""


def modules(package: Path) -> set[str]:
    """The modules below a package, such as ``guard.bans``."""
    names = (path.relative_to(package).with_suffix("").as_posix().replace("/", ".") for path in package.rglob("*.py"))
    return {name for name in names if not name.endswith("__init__")}


def noun_of(path: str) -> str | None:
    parts = re.sub(r"\{[^}]*\}", "*", path).strip("/").split("/")
    beginnings = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((NOUNS[beginning] for beginning in beginnings if beginning in NOUNS), None)


def folder(package: object) -> Path:
    return Path(str(getattr(package, "__path__")[0]))  # noqa: B009 - a package has it


PEOPLE = modules(folder(people)) - INFRASTRUCTURE
PARTS = sorted(name for name in PEOPLE if not name.startswith("schemas."))


def strays(router: APIRouter, module: str) -> list[str]:
    """The routes of a module that are another noun's."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    return [route.path for route in routes if noun_of(route.path) != module]


@pytest.mark.parametrize("part", PARTS)
def test_a_module_of_the_peoples_api_has_the_routes_of_its_noun(part: str) -> None:
    router = import_module(f"{people.__name__}.{part}").router
    assert router.routes
    assert strays(router, part) == []


def test_a_route_in_a_module_of_another_noun_is_found() -> None:
    router = APIRouter()
    router.add_api_route("/sites/{site}/releases/{number}", lambda: None)
    router.add_api_route("/sites/{site}", lambda: None)
    router.add_api_route("/surprises", lambda: None)
    assert strays(router, "sites") == ["/sites/{site}/releases/{number}", "/surprises"]


def test_every_noun_is_somebodys() -> None:
    assert set(NOUNS.values()) == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_bodies_and_answers_are_in_the_schemas_of_the_noun(part: str) -> None:
    router = import_module(f"{people.__name__}.{part}").router
    shown_by_others_too = ("releases", "phones", "guard.alerts")
    shared = {schemas.__name__, *(f"{schemas.__name__}.{name}" for name in shown_by_others_too)}
    for route in router.routes:
        assert isinstance(route, APIRoute)
        for model in _models(route):
            assert model.__module__ == f"{schemas.__name__}.{part}" or model.__module__ in shared, model


def test_schemas_have_the_names_of_nouns() -> None:
    assert modules(folder(schemas)) <= set(PARTS)


def test_the_fleet_has_the_same_nouns() -> None:
    domain = (
        modules(folder(fleet))
        | modules(folder(publishing))
        | modules(folder(telephony))
        | {folder(trust).name, folder(vpn).name}
    )
    assert {noun for noun in PARTS if noun not in domain} == NOT_IN_THE_FLEET


def test_a_commands_file_is_called_after_its_noun() -> None:
    files = {path.stem.removesuffix("_cmd") for path in folder(import_module("ringfence.cli")).glob("*_cmd.py")}
    groups = {group.replace("-", "_") for group in GROUPS} | set(COMMANDS)
    singular = {_singular(noun.replace(".", "_")) for noun in PARTS}
    imports = {"import_tftp", "import_csv", "import_cucm", "import_freepbx", "import_fusionpbx", "import_wazo"}
    at_this_machine = {
        "hub_backup",
        "hub_copy",
        "hub_retention",
        "box_seed",
        "edge_network",
        "edge_software",
        "phone_web",
    }
    assert files - groups - singular - imports == at_this_machine, "what is done here is no resource of the API"
    assert {group.replace("-", "_") for group in GROUPS} - singular - OF_NO_NOUN == {
        "access",
        "guard",
        "import",
        "sip",
        "software",
    }  # several nouns each, or none of the API
    assert set(COMMANDS) - singular - OF_NO_NOUN == set()


def test_a_command_is_in_the_file_of_the_noun_that_it_asks_for() -> None:
    """Every path that a command's file asks the hub for first is its own noun's."""
    names = {_singular(noun.replace(".", "_")): noun for noun in PARTS}
    for path in folder(import_module("ringfence.cli")).glob("*_cmd.py"):
        noun = names.get(path.stem.removesuffix("_cmd"))
        changed = re.findall(r"\.(?:post|put|patch|delete)\(\s*f?\"(/[^\"?]+)\"", path.read_text())
        for asked in changed if noun is not None else ():
            assert noun_of(re.sub(r"\{.*?\}(?=/|$)", "*", asked)) == noun, f"{path.name} asks for {asked}"


def test_every_group_of_commands_has_commands() -> None:
    tree = typer.main.get_command(make_app())
    commands = getattr(tree, "commands")  # noqa: B009 - of click's group, which typer keeps to itself
    assert set(commands) == {*GROUPS, *COMMANDS}
    assert all(getattr(commands[group], "commands", None) for group in GROUPS)


def _models(route: APIRoute) -> Iterator[type[BaseModel]]:
    body = getattr(route.body_field, "field_info", None)
    for kind in (route.response_model, getattr(body, "annotation", None)):
        for each in (kind, *get_args(kind)):
            if isinstance(each, type) and issubclass(each, BaseModel):
                parameters = each.__pydantic_generic_metadata__["args"]
                yield from (parameters or (each,))


def _singular(noun: str) -> str:
    if noun == "people":
        return "person"
    if noun.endswith("_https"):  # which has no plural
        return noun
    if noun.endswith("ies"):
        return noun.removesuffix("ies") + "y"
    return noun.removesuffix("es") if noun.endswith("xes") else noun.removesuffix("s")
