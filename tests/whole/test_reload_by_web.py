"""An edit that reaches a phone through its web interface: hub, edge and phone as real processes, port 80 and all."""

from pathlib import Path

import pytest

from stack import running_stack, wait_for

MAC = "00:1B:54:C2:9C:10"
HOST = "127.0.0.80"


@pytest.mark.slow
@pytest.mark.needs("root")  # phones have their web interface on port 80
def test_an_edit_reaches_a_phone_that_takes_orders_by_web_alone(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        stack.make_site("Anna", MAC, "7975")
        stack.run("set", "phone", MAC, "reload_by=web", "web_access=on")
        assert "reload_by is web without edge_url" in stack.run("publish", status=3)
        stack.run("set", "organisation", f"edge_url=http://127.0.0.1:{stack.http_port}", "reload=idle")
        stack.run("publish")
        phone = stack.phone(MAC, "7975", "--source", HOST, "--web-port", "80", "--no-http")
        assert phone.wait_for("holds")["lines"][0]["label"] == "Anna"
        wait_for("the fetch is known", lambda: stack.edge_status().get("phones"))
        stack.run("line", "set", MAC, "1", "--label", "Anna B.")
        stack.run("publish")
        assert phone.wait_for("notified")["action"] == "restart"
        assert phone.wait_for("holds")["lines"][0]["label"] == "Anna B."
        wait_for("the report", lambda: "phone-reloaded" in {row["kind"] for row in stack.ask("report", "list")})
