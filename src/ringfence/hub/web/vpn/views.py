"""Pages of VPN head ends: how far the change of a certificate is, who is missing, and the next step."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import vpn_phones
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store.change import Change
from ringfence.hub.store.vpn_models import VpnHeadEndRow
from ringfence.hub.vpn import certificates, head_ends, vpn_alerts
from ringfence.hub.vpn.head_ends import HeadEndChanges
from ringfence.hub.vpn_errors import BadHeadEnd
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.phones.vpn.head_end import VpnLogin

router = APIRouter(prefix="/vpn")

_MOST_SHOWN = 20
LOGINS = {
    VpnLogin.CERTIFICATE.value: "by their certificate", VpnLogin.PASSWORD.value: "by a name and a password",
}  # fmt: skip
_CELLS: lists.Cells[VpnHeadEndRow] = {
    "name": lambda row: row.name.casefold(),
    "login": lambda row: row.login,
    "shown": lambda row: row.shown_at,
}


@router.get("")
def list_head_ends(page: TheWebPage) -> PageAnswer:
    """Show the head ends, with what is to be done next."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, session.scalars(head_ends.choose().order_by(VpnHeadEndRow.name)).all(), _CELLS)
        rows = [(row, certificates.roll_over(session, row.name)) for row in found.rows]
        steps = {row.name: _step(row, at, page.now) for row, at in rows}
    return page.show("vpn/list.html", rows=rows, steps=steps, logins=LOGINS, next=found.next)


@router.get("/-/new")
def ask_for_head_end(page: TheFormPage) -> PageAnswer:
    """Show the form for a head end."""
    return _form(page, {"network": "10.99.0.0/22", "login": VpnLogin.CERTIFICATE.value})


@router.post("/-/new")
def create_head_end(page: TheFormPage, form: TheForm) -> Response:
    """Add a head end."""

    def create(change: Change) -> VpnHeadEndRow:
        return head_ends.create(change, form.get("name", ""), _said(form))

    return page.change(
        create, lambda fault: _form(page, form, fault), "vpn", form.get("name", ""), done="created",
    )  # fmt: skip


@router.get("/{head_end}")
def show_head_end(head_end: str, page: TheWebPage) -> PageAnswer:
    """Show a head end: its certificates, who is missing, and what is to be done next."""
    return _show(page, head_end)


@router.post("/{head_end}/certificates")
def announce_certificate(head_end: str, page: TheFormPage, form: TheForm) -> Response:
    """Announce a certificate."""
    return page.change(
        lambda change: certificates.announce(change, head_end, form.get("pem", "")),
        lambda fault: _show(page, head_end, fault, form),
        "vpn", head_end, done="vpn-announced",
    )  # fmt: skip


@router.get("/{head_end}/withdraw")
def ask_to_withdraw(head_end: str, page: TheFormPage) -> PageAnswer:
    """Ask whether the announced certificate is to be withdrawn."""
    return _ask(page, head_end, "withdraw")


@router.post("/{head_end}/withdraw")
def withdraw_certificate(head_end: str, page: TheFormPage) -> Response:
    """Take back the announcement of a certificate."""
    return page.change(
        lambda change: certificates.withdraw(change, head_end),
        lambda fault: _ask(page, head_end, "withdraw", fault),
        "vpn", head_end, done="saved",
    )  # fmt: skip


@router.get("/{head_end}/switch")
def ask_to_switch(head_end: str, page: TheFormPage) -> PageAnswer:
    """Ask whether the head end is to use the announced certificate."""
    return _ask(page, head_end, "switch")


@router.post("/{head_end}/switch")
def switch_certificate(head_end: str, page: TheFormPage, form: TheForm) -> Response:
    """Take the announced certificate into use."""
    return page.change(
        lambda change: certificates.switch(change, head_end, leaves_behind="leave_behind" in form),
        lambda fault: _ask(page, head_end, "switch", fault),
        "vpn", head_end, done="vpn-switched",
    )  # fmt: skip


@router.get("/{head_end}/remove")
def ask_to_remove_head_end(head_end: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a head end is to be removed."""
    return _ask(page, head_end, "remove")


@router.post("/{head_end}/remove")
def remove_head_end(head_end: str, page: TheFormPage) -> Response:
    """Remove a head end that nothing names."""
    return page.change(
        lambda change: head_ends.remove(change, head_end),
        lambda fault: _ask(page, head_end, "remove", fault),
        "vpn", done="removed",
    )  # fmt: skip


def _form(page: WebPage, form: Form, fault: RingfenceError | None = None) -> PageAnswer:
    return page.form("vpn/new.html", fault, form, logins=LOGINS)


def _said(form: Form) -> HeadEndChanges:
    try:
        login = VpnLogin(form.get("login", ""))
    except ValueError:
        raise BadHeadEnd("say how phones sign in") from None
    return HeadEndChanges(
        form.get("addresses", "").split(), login, form.get("network", ""), form.get("routes", "").split()
    )


def _step(row: VpnHeadEndRow, at: certificates.RollOver, now: float) -> str:
    return vpn_alerts.attention(row, at, now) or vpn_alerts.next_step(row, at)


def _show(page: WebPage, name: str, fault: RingfenceError | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = head_ends.get(session, name)
        at = certificates.roll_over(session, name)
        values = {
            "head_end": row,
            "certificates": head_ends.certificates(session, name),
            "at": at,
            "missing": at.missing[:_MOST_SHOWN],
            "phones": vpn_phones.count(session, name),
            "attention": vpn_alerts.attention(row, at, page.now),
            "step": vpn_alerts.next_step(row, at),
            "login": LOGINS[row.login],
        }
    return page.form("vpn/show.html", fault, form, **values)


def _ask(page: WebPage, name: str, what: str, fault: RingfenceError | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = head_ends.get(session, name)
        at = certificates.roll_over(session, name)
    values = {"head_end": row, "at": at, "missing": at.missing[:_MOST_SHOWN]}
    return page.form(f"vpn/{what}.html", fault, NO_FORM, **values)
