"""The people's API does what its description says, whatever it is sent: no fault of ours, no answer beside it."""

from collections.abc import Iterable
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ringfence.hub.core import Hub
from ringfence.hub.people.app import people_app
from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub

Operation = APIOperation[Any, Any, Any, Any]  # Any: parts of descriptions in other formats
EXAMPLES = 12
"""For each operation; more were tried while this was written."""
EXAMPLES_OF_A_ROLE = 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SITE, MAC = "described", "00:1B:54:C2:AA:01"
THERE: dict[str, str | int] = {"site": SITE, "mac": MAC, "index": 1, "number": 1, "family": "9971"}
"""What paths may name that exists."""
_DOCUMENT = people_app(cast("Hub", None)).openapi()
OPERATIONS = [f"{method.upper()} {path}" for path, methods in _DOCUMENT["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def operations(running: RunningHub) -> dict[str, Operation]:
    schema = schemathesis.openapi.from_dict(running.raw("GET", "/openapi.json").json)
    schema.config.update(base_url=running.people_url)
    described = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    return {operation.label: operation for operation in described}


@pytest.fixture(scope="module")
def tokens(running: RunningHub) -> dict[Role, str]:
    """Somebody of each role, and nobody of the whole hub."""
    return {role: running.do("POST", "/api-tokens", {"name": role, "role": role})["token"] for role in Role}


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_described(running: RunningHub, operations: dict[str, Operation], label: str) -> None:
    ask_in_many_ways(running, operations[label], [running.token.reveal()], EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_to_every_role_is_described(
    running: RunningHub, operations: dict[str, Operation], tokens: dict[Role, str], label: str
) -> None:
    ask_in_many_ways(running, operations[label], tokens.values(), EXAMPLES_OF_A_ROLE)


def ask_in_many_ways(running: RunningHub, operation: Operation, tokens: Iterable[str], examples: int) -> None:
    """Ask for what is there and what isn't, as described and otherwise, and hold the answers against the document.

    Each example is asked with every token.
    """
    meant, not_meant = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    running.ask("POST", "/sites", {"name": SITE})
    running.ask("POST", "/phones", {"mac": MAC, "site": SITE, "model": "9971"})
    running.ask("PUT", f"/phones/{MAC}/lines/1", {"name": "201", "label": "Anna"})

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=meant | not_meant, is_there=st.booleans())
    def ask(case: Case[Any], is_there: bool) -> None:
        if is_there:
            case.path_parameters.update({name: THERE[name] for name in case.path_parameters if name in THERE})
        for token in tokens:
            case.headers["Authorization"] = f"Bearer {token}"
            answer = case.call(verify=str(running.folder.authority_certificate), timeout=60)
            case.validate_response(answer, checks=CHECKS)

    ask()
