"""Pages of the phones' trust: its keys, what is to be done about them, and the next step of changing one."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import profile_keys
from ringfence.hub.people.forms import TheForm
from ringfence.hub.trust import holders, key_roles, pbx_certificates, recovery, rotation, trust_keys, trust_lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/trust")


@router.get("")
def show_trust(page: TheWebPage) -> PageAnswer:
    """Show the keys, the recovery file's standing, and the newest list."""
    with page.hub.database.reading() as session:
        keys = trust_keys.in_use(session)
        return page.show(
            "trust/show.html",
            keys=keys,
            steps={row.id: trust_keys.next_step(row, page.now) for row in keys},
            standing=recovery.standing(session, page.now) if keys else None,
            newest=trust_lists.newest(session),
            keyless=profile_keys.without_newest(session),
            behind=holders.phones_without_last_list(session),
            opens=recovery.OPENS,
            pbxes=pbx_certificates.standings(session, page.now),
        )


@router.get("/rotate/{role}")
def ask_to_rotate(role: str, page: TheFormPage) -> PageAnswer:
    """Ask whether the next step of changing a key is to be taken."""
    return _ask(page, role)


@router.post("/rotate/{role}")
def rotate_key(role: str, page: TheFormPage, _form: TheForm) -> Response:
    """Take the next step of changing a key."""
    try:
        rotation.rotate_now(page.hub, page.caller.name, key_roles.of_word(role))
    except RingfenceError as fault:
        return _ask(page, role, fault)
    return page.go("trust", done="trust-rotated")


def _ask(page: WebPage, word: str, fault: RingfenceError | None = None) -> PageAnswer:
    role = key_roles.of_word(word)
    with page.hub.database.reading() as session:
        values = {
            "role": role,
            "key": trust_keys.current(session, role),
            "by_file": trust_keys.CHANGED_BY.get(role, ""),
            "is_first": role not in trust_keys.CHANGED_BY and rotation.needs_key(page.hub, session, role),
        }
    if fault is not None:
        return page.refused("trust/rotate.html", fault, **values)
    return page.show("trust/rotate.html", fault=None, **values)
