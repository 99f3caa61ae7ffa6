"""Families and models, over the people's API."""

from support.running_hub import RunningHub


def test_the_models_are_listed_with_what_is_known_of_them(running: RunningHub) -> None:
    models = {row["name"]: row for row in running.do("GET", "/models")["items"]}
    assert models["9971"]["family"] == "cisco-99xx"
    assert models["8851"]["http_first"] is True
    assert models["8941"]["http_first"] is None
    assert models["9971"]["facts"]["tls_ceiling"].startswith("certain: ")
    assert {row["family"] for row in running.do("GET", "/models?family=cisco-spa")["items"]} == {"cisco-spa"}
