"""The pages of sign-in providers, without a browser."""

import html
import re

from support.paper import read, send
from support.running_hub import RunningHub


def test_a_form_that_is_saved_as_it_is_changes_nothing(running: RunningHub) -> None:
    site, group = running.site("Of its own"), running.do("POST", "/groups", {"name": "Of theirs"})["id"]
    mappings = [
        {"group": "A = b", "role": "operator", "limited_to": {"sites": [site], "groups": [group]}},
        {"group": "Phones", "role": "support", "limited_to": {"sites": [], "groups": [group]}},
        {"group": "Rest", "role": "auditor", "limited_to": None},
    ]
    body = {
        "id": "company",
        "name": "Company",
        "issuer": "https://login.example.org",
        "client_id": "hub",
        "client_secret": "s3cret-of-it",
    }
    before = running.do("POST", "/sign-in-providers", {**body, "groups": mappings})
    assert before["groups"] == mappings
    page = read(running, "/sign-in-providers/company/change")
    (typed,) = re.findall(r'<textarea[^>]*name="groups"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    form = {name: before[name] for name in ("name", "issuer", "client_id", "group_claim", "scopes")}
    form |= {"groups": html.unescape(typed), "session_hours": str(before["session_hours"])}
    assert send(running, "/sign-in-providers/company/change", form).status == 303
    assert running.do("GET", "/sign-in-providers/company") == before


def test_a_scope_without_places_is_not_taken_for_everything(running: RunningHub) -> None:
    form = {
        "id": "nowhere",
        "name": "",
        "issuer": "https://login.example.org",
        "client_id": "hub",
        "groups": "A = support @",
    }
    answer = send(running, "/sign-in-providers/-/new", {**form, "session_hours": "12", "client_secret": "s3cret-of-it"})
    assert answer.status == 422, answer.data
    assert "A = support @" in answer.data.decode()
    assert running.ask("GET", "/sign-in-providers/nowhere").status == 404
