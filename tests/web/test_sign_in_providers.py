"""A provider of OpenID Connect that others have written, as a process of its own, and somebody at a real browser."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ringfence.hub.fleet import passwords
from stack import free_port, wait_for
from support.openid_provider import certificate
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.signing_in import CHEAP, person
from web.test_signing_in import look, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

_SERVE = """
import json, sys
from oidc_provider_mock import User, app
from werkzeug.serving import run_simple
users = [User(sub=sub, claims=claims) for sub, claims in json.loads(sys.argv[3]).items()]
made = app(require_nonce=True, user_claims=users)
run_simple("localhost", int(sys.argv[1]), made, threaded=True, ssl_context=(sys.argv[2],) * 2)
"""
USERS = {
    "dora": {"groups": ["Phones"], "preferred_username": "dora@example.org", "name": "Dora D."},
    "eve": {"groups": ["Others"], "preferred_username": "eve@example.org", "name": "Eve E."},
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the provider is."""
    file = certificate(tmp_path_factory.mktemp("provider"))
    port = free_port()
    words = [sys.executable, "-c", _SERVE, str(port), str(file), json.dumps(USERS)]
    with (
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SSL_CERT_FILE", str(file))
        try:
            wait_for("the provider", lambda: _listens(port), 60)
            yield f"https://localhost:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), 5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[RunningHub]:
    assert os.environ["SSL_CERT_FILE"]
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        groups = [{"group": "Phones", "role": "operator"}]
        body = {"name": "Company", "client_id": "hub", "client_secret": "Secret-of-the-client", "groups": groups}
        served.do("POST", "/sign-in-providers", {"id": "company", "issuer": provider, **body})
        yield served


@pytest.fixture
def page(browser: Browser, running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)
    context = browser.new_context(base_url=running.people_url, ignore_https_errors=True)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def at_provider(page: Page, subject: str) -> None:
    page.get_by_role("link", name="Sign in with Company").click()
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()


def test_somebody_signs_in_at_the_provider_and_out_again(page: Page, running: RunningHub) -> None:
    page.goto("/sites")
    look(page, "sign-in-with-provider")
    at_provider(page, "dora")
    expect(page.get_by_role("link", name="Dora D.")).to_be_visible()
    assert page.url == f"{running.people_url}/sites"
    page.goto("/account")
    look(page, "own-account-of-provider")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out here")).to_be_visible()
    look(page, "signed-out-of-provider")
    page.goto("/account")
    assert page.url.endswith("/sign-in?next=/account")
    told = running.do("GET", "/people/dora@example.org")
    assert (told["role"], told["is_of_provider"], told["has_password"]) == ("operator", True, False)


def test_who_is_in_no_group_and_who_says_no_stay_out(page: Page, running: RunningHub) -> None:
    page.goto("/sign-in")
    at_provider(page, "eve")
    expect(page.get_by_role("alert").filter(has_text="in no group")).to_be_visible()
    page.get_by_role("link", name="Sign in with Company").click()
    page.get_by_role("button", name="Deny").click()
    # This provider leaves the state out of a refusal, so the hub can't know whose it is.
    expect(page.get_by_role("alert").filter(has_text="was not begun in this browser")).to_be_visible()
    assert running.ask("GET", "/people/eve@example.org").status == 404


def test_a_provider_that_is_down_is_one_sentence_and_passwords_work(page: Page, running: RunningHub) -> None:
    person(running.hub, "local", "operator")
    body = {"id": "down", "name": "Other", "issuer": "https://localhost:1", "client_id": "hub", "client_secret": "x"}
    running.do("POST", "/sign-in-providers", body)
    page.goto("/sign-in")
    page.get_by_role("link", name="Sign in with Other").click()
    expect(page.get_by_role("alert").filter(has_text="can't be reached")).to_be_visible()
    sign_in(page, "local")
    expect(page.get_by_role("link", name="Local")).to_be_visible()
