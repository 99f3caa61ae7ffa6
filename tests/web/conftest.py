"""Pages in a real browser: one Chromium for each module of a test run, a new profile for each person."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from ringfence.hub.people.rights import Role
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.hub.store.release_models import AssetRow, FirmwareLoadRow
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import make_authority, to_pem
from ringfence.wire import paths
from ringfence.wire.job_messages import JobNews
from ringfence.wire.messages import Report, ReportBatch
from ringfence.wire.network_messages import BoxFinding, BoxStanding, BoxTunnel, PortEntry
from support import signing_in
from support.portable_home import new_identity
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.vpn_certificates import head_end_pem

RECIPIENT = new_identity()[1].recipient
_SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser; its event loop stands in this thread's way until it ends, so it outlives no module."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_SWITCHES), timeout=PATIENCE_MS
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        yield served


@dataclass(frozen=True)
class Person:
    """Somebody at a browser; whatever the browser complains of fails the test."""

    page: Page
    complaints: list[str]

    def go(self, path: str) -> None:
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status < 400, (path, answer.status, self.page.content())


_NUMBERS = count(10)


class People:
    """Opens browsers for people of any role."""

    def __init__(self, browser: Browser, running: RunningHub) -> None:
        self._browser, self._running = browser, running
        self._tokens: dict[str, str] = {}
        self._opened: list[Person] = []

    def token(self, role: Role) -> str:
        if role not in self._tokens:
            body = {"name": f"the {role}", "role": role}
            self._tokens[role] = self._running.do("POST", "/api-tokens", body)["token"]
        return self._tokens[role]

    def stranger(self) -> str:
        """The token of the owner of an organisation that has nothing."""
        if "" not in self._tokens:
            self._running.do("POST", "/organisations", {"id": f"org-{next(_NUMBERS)}", "name": "Hollow"})
            organisation = self._running.do("GET", "/organisations")["items"][-1]["id"]
            headers = {"Ringfence-Organisation": organisation}
            answer = self._running.ask("POST", "/api-tokens", {"name": "a stranger"}, headers=headers)
            self._tokens[""] = answer.json["token"]
        return self._tokens[""]

    def person(self, role: Role = Role.OWNER, token: str = "", **how: object) -> Person:
        return self.visitor(extra_http_headers={"Authorization": f"Bearer {token or self.token(role)}"}, **how)

    def visitor(self, **how: object) -> Person:
        """Somebody whom the hub does not know yet."""
        context = self._browser.new_context(
            base_url=self._running.people_url,
            ignore_https_errors=True,
            **how,  # type: ignore[arg-type] # one of Playwright's many arguments
        )
        context.set_default_timeout(PATIENCE_MS)
        opened = Person(context.new_page(), [])
        _listen(opened, self._running.people_url)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        for opened in self._opened:
            opened.page.context.close()
        assert [said for opened in self._opened for said in opened.complaints] == []


AWKWARD = 'O\'Brien "& Söhne" <b>אבג</b> \N{TELEPHONE RECEIVER} {{ 7*7 }} ' + "x" * 30
"""A name that is nothing but text: quotes, markup, writing from right to left, an emoji, a template, a long word."""
MAC = "00:1B:54:C2:0C:01"
LOAD = "sip8941_8945.9-4-2SR3-1"


@pytest.fixture(scope="module")
def known(running: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A hub with something on every page; what fills a path's parameters so that it leads there."""
    do = running.do
    site = do("POST", "/sites", {"name": AWKWARD[:80], "id": "awkward"})["id"]
    do("POST", "/phones", {"mac": MAC, "site": site, "model": "9971", "description": AWKWARD})
    do("PUT", f"/phones/{MAC}/lines/1", {"name": "201", "label": AWKWARD[:30], "display_name": AWKWARD[:30]})
    do("POST", "/trust", {"recovery_certificate": to_pem(RecoveryKey.new("main").certificate)})
    group = do("POST", "/groups", {"name": "Reception"})["id"]
    do("PATCH", f"/phones/{MAC}", {"group": group})
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path_factory.mktemp("edge"))
    told = [
        Report(1, running.clock(), "release-served", "Release 1.", release=1),
        Report(
            2, running.clock(), "file-refused", "Refused: <script>alert(1)</script>", name="SEP001B54C20C01.cnf.xml"
        ),
        Report(3, running.clock(), "banned", "Banned.", peer="203.0.113.9"),
    ]
    assert edge.post(paths.REPORTS, ReportBatch(tuple(told), 0)).status == 200
    box = BoxStanding(
        running.clock(), uplink_networks=("192.168.1.0/24",), links={AWKWARD[:15]: True}, devices=("001B54C20C02",),
        findings=(BoxFinding("unknown-device", AWKWARD),), tunnels=(BoxTunnel("concentrator-1", is_used=True),),
        entries=(
            PortEntry("001B54C20C02", "key", running.clock(), AWKWARD), PortEntry("001B54C20C03", "without-key", 1.0),
        ),
    )  # fmt: skip
    assert edge.post(paths.BOX, box).status == 200
    token = do("POST", f"/sites/{site}/tokens")["id"]
    groups = [{"group": AWKWARD, "role": "operator", "limited_to": {"sites": [site]}}]
    provider = {"name": AWKWARD[:60], "issuer": "https://login.example.org", "client_id": "hub", "client_secret": "x"}
    do("POST", "/sign-in-providers", {"id": "company", "groups": groups, **provider})
    alert = do("GET", "/guard/alerts")["items"][0]["id"]
    do("PUT", "/templates/generic/{mac}.cfg", {"source": "x=1\n"})
    pbx = {"name": "Gold", "kind": "asterisk", "realm": "r", "url": "amis://127.0.0.1:1", "secret": "Secret-of-a-pbx-1"}
    do("POST", "/pbxes", pbx)
    # After the alerts above, so that nothing is ever sent.
    do("POST", "/alert-channels", {"name": "bell", "kind": "webhook", "url": "https://alerts.example.org/x"})
    with running.hub.change("test") as change:
        change.session.add(FirmwareLoadRow(name=LOAD, source=AWKWARD, added_at=1.0, added_by="test"))
        ring = AssetRow(id="ring-tone-awkward", kind="ring tone", name=AWKWARD[:60], source=AWKWARD)
        ring.added_at, ring.added_by = 1.0, "test"
        change.session.add(ring)
    draft = do("POST", "/drafts", {"name": AWKWARD[:60], "shared": True})["id"]
    headers = {"Ringfence-Draft": draft}
    assert running.ask("PUT", f"/phones/{MAC}/lines/1", {"label": "In a draft"}, headers=headers).status < 300
    do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.30"})
    rollout = do("POST", "/rollouts", {"name": AWKWARD[:60], "hours": _elsewhen(running.clock())})["id"]
    prepared = {"site": site, "description": AWKWARD, "lines": [{"index": 1, "name": "203", "label": AWKWARD[:30]}]}
    activation = do("POST", "/activations", prepared)["id"]
    book = do("POST", "/phone-books", {"name": "Söhne & Co", "sites": [site]})["id"]
    do("PUT", f"/phone-books/{book}/entries", {"entries": [{"name": AWKWARD, "number": "203"}]})
    concentrator = do("POST", "/concentrators", {"name": AWKWARD[:60], "networks": ["192.0.2.10/32"]})["concentrator"][
        "id"
    ]
    do("POST", "/vpn", {"name": "berlin", "addresses": ["vpn.example.org"], "network": "10.99.0.0/22"})
    for number in (1, 2):
        do("POST", "/vpn/berlin/certificates", {"pem": head_end_pem(number)})
    maker = make_authority(ec.generate_private_key(ec.SECP256R1()), AWKWARD[:30], serial=1, now=running.clock())
    authority = do("POST", "/port-authorities", {"pem": to_pem(maker)})["id"]
    with running.hub.change("test") as change:
        row = change.session.get_one(ConcentratorRow, concentrator)
        row.endpoint, row.public_key, row.enrolled_at = "vpn.example.org:51820", "A" * 43 + "=", change.now
    key = do("POST", "/api-tokens", {"name": AWKWARD[:60], "role": "read"})["id"]
    job = do("POST", "/edge-jobs/diagnose", {"edge": edge.response.edge_id, "why": AWKWARD, "wait_s": 3600})["id"]
    assert edge.post(paths.JOBS, JobNews(job, "a", 0, "running", text=f"Hub\n  ! {AWKWARD}\n")).status == 200
    yield {
        "job": job, "site": site, "mac": MAC, "draft": draft, "rollout": rollout, "organisation": "main", "key": key,
        "group": group, "pbx": "gold", "channel": "bell", "load": LOAD, "edge": edge.response.edge_id,
        "activation": activation, "book": book, "asset": "ring-tone-awkward",
        "provider": "company", "concentrator": concentrator, "authority": authority, "role": "tftp",
        "head_end": "berlin",
        "bundle": do("POST", "/bundles", {"site": site, "recipient": RECIPIENT, "name": AWKWARD[:80]})["id"],
        "token": token, "number": "1", "alert": str(alert), "index": "1", "family": "generic", "name": "time_zone",
        "person": signing_in.person(running.hub, "anna@example.org", password=None).id,
    }  # fmt: skip
    edge.pool.close()


def _elsewhen(now: float) -> str:
    """Hours of the day that do not come for a while, so that a rollout stays where it is."""
    hour = int(now // 3600)
    return f"{(hour + 12) % 24:02}:00-{(hour + 13) % 24:02}:00"


@pytest.fixture(scope="module")
def lasting(browser: Browser, running: RunningHub) -> Iterator[People]:
    """People who stay for all of a module's tests."""
    opened = People(browser, running)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def owner(lasting: People) -> Person:
    return lasting.person()


@pytest.fixture(scope="module")
def without_script(lasting: People) -> Person:
    return lasting.person(java_script_enabled=False)


@pytest.fixture
def people(browser: Browser, running: RunningHub) -> Iterator[People]:
    opened = People(browser, running)
    yield opened
    opened.close()


def _listen(person: Person, base: str) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            person.complaints.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith(base + "/"):
            person.complaints.append(f"another host is asked: {request.url}")

    def on_response(response: Response) -> None:
        if "/static/" in response.url and response.status >= 400:
            person.complaints.append(f"not there: {response.url}")

    person.page.on("console", on_console)
    person.page.on("response", on_response)
    person.page.on("pageerror", lambda fault: person.complaints.append(f"script: {fault}"))
    person.page.on("request", on_request)


SHOTS = Path(__file__).parent / ".shots"


def shot(page: Page, name: str) -> None:
    """Keep what a page looks like, for people."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
