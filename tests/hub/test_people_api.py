"""The people's API as a whole: its one shape of a refusal, and its description."""

import json

from support.running_hub import RunningHub


def test_every_refusal_has_the_one_shape(running: RunningHub) -> None:
    answers = [
        running.raw("GET", "/nothing"),
        running.raw("DELETE", "/api/v1/sites"),
        running.raw("POST", "/api/v1/sites", b"{"),
        running.raw("POST", "/api/v1/sites", b'{"name": 7}'),
        running.raw("POST", "/api/v1/sites", b'{"name": "x", "nmae": "y"}'),
        running.raw("GET", "/api/v1/audit?limit=0"),
        running.raw("GET", "/api/v1/sites/none/releases"),
        running.raw("GET", "/api/v1/phones/nonsense"),
        running.raw("DELETE", "/api/v1/tokens/none"),
        running.raw("GET", "/api/v1/edges/none"),
    ]
    assert [answer.status for answer in answers] == [404, 405, 422, 422, 422, 422, 404, 422, 404, 404]
    assert {frozenset(answer.json) for answer in answers} == {frozenset({"what", "where", "to_do", "kind"})}


def test_a_refused_field_is_not_repeated_to_the_caller(running: RunningHub) -> None:
    answer = running.raw("PUT", "/api/v1/phones/001B54C29A04/lines/1", b'{"password": ["s3cret"]}')
    assert answer.status == 422
    assert b"s3cret" not in answer.data


def test_the_description_of_the_api_is_whole(running: RunningHub) -> None:
    document = running.raw("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.")
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) >= 40
    for path, method, operation in operations:
        where = f"{method} {path}"
        assert operation.get("description"), where
        assert operation["security"] == [{"HTTPBearer": []}], where
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == 1, where
        if good[0] != "204":
            content = operation["responses"][good[0]]["content"]
            assert "$ref" in json.dumps(content) or "application/json" not in content, where
        assert {"401", "404", "409", "422", "503"} <= operation["responses"].keys(), where
    names = [operation["operationId"] for _path, _method, operation in operations]
    assert len(set(names)) == len(names)
    dangling = {
        reference
        for reference in json.dumps(document).split('"#/components/schemas/')[1:]
        if reference.split('"')[0] not in document["components"]["schemas"]
    }
    assert not dangling
