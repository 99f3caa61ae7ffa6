"""An edge: what the hub knows of it, and ending its trust."""

from fastapi import APIRouter, Response
from sqlalchemy import Double, func

from ringfence.hub.fleet import edge_addresses, edge_jobs, edge_modes, edge_tls_keys, edges
from ringfence.hub.fleet.guard import edge_networks
from ringfence.hub.people.forms import TheForm
from ringfence.hub.recovery import hub_memory
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.pages import Page
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage

router = APIRouter(prefix="/edges")

_JOBS_SHOWN = 5
_COLUMNS: lists.Columns = {
    "site": (EdgeRow.site_id, EdgeRow.enrolled_at, EdgeRow.id),
    "name": (EdgeRow.hostname, EdgeRow.id),
    "release": (EdgeRow.release, EdgeRow.id),
    "seen": (func.coalesce(EdgeRow.last_seen_at, 0.0, type_=Double()), EdgeRow.id),
}


@router.get("")
def list_edges(page: TheWebPage) -> PageAnswer:
    """Show the edges, revoked ones too."""
    with page.hub.database.reading() as session:
        chosen = edges.choose(session, page.query.get("site") or None)
        found = lists.read(page, session, chosen, _COLUMNS)
    return page.show("edges/list.html", rows=found.rows, next=found.next, is_connected=edges.is_connected)


@router.get("/{edge}")
def show_edge(edge: str, page: TheWebPage) -> PageAnswer:
    """Show an edge."""
    with page.hub.database.reading() as session:
        row = edges.get(session, edge)
        shown = edge_addresses.addresses(row)
        return page.show(
            "edges/edge.html",
            edge=row,
            mode=edge_modes.wanted(session, edge),
            is_connected=edges.is_connected(row, page.now),
            tls_keys=edge_tls_keys.of_edge(session, edge),
            addresses=shown,
            jobs=edge_jobs.find(session, Page(_JOBS_SHOWN), edge=edge).rows,
            state_of=edge_jobs.state_of,
        )


@router.get("/{edge}/revoke")
def ask_to_revoke(edge: str, page: TheFormPage) -> PageAnswer:
    """Ask how an edge is to be revoked."""
    with page.hub.database.reading() as session:
        return page.show("edges/revoke.html", edge=edges.get(session, edge), form={})


@router.post("/{edge}/revoke")
def revoke_edge(edge: str, page: TheFormPage, form: TheForm) -> Response:
    """Revoke an edge: its connection ends, and its requests are refused."""
    how = form.get("how", "")
    with page.hub.change(page.caller.name) as change:
        edges.revoke(change, edge, wipe=how == "wipe", keeps_serving=how == "keep-serving")
        hub_memory.note(change, page.hub.sealer)
    page.hub.wakeups.wake_edges({edge})
    return page.go("edges", edge, done="revoked")


@router.get("/{edge}/accept")
def ask_to_accept(edge: str, page: TheFormPage) -> PageAnswer:
    """Ask whether an edge may stand where it now is."""
    with page.hub.database.reading() as session:
        return page.show("edges/accept.html", edge=edges.get(session, edge), fault=None)


@router.post("/{edge}/accept")
def accept_edge(edge: str, page: TheFormPage) -> Response:
    """Accept the network that an edge connects from."""
    with page.hub.database.reading() as session:
        row = edges.get(session, edge)
    return page.change(
        lambda change: edge_networks.accept(change, edge),
        lambda fault: page.refused("edges/accept.html", fault, edge=row),
        "edges", edge, done="saved",
    )  # fmt: skip


@router.get("/{edge}/mode")
def ask_for_mode(edge: str, page: TheFormPage) -> PageAnswer:
    """Ask whether an edge is to keep its files otherwise than it does."""
    with page.hub.database.reading() as session:
        row = edges.get(session, edge)
        return page.show("edges/mode.html", edge=row, mode=edge_modes.wanted(session, edge), fault=None)


@router.post("/{edge}/mode")
def put_mode(edge: str, page: TheFormPage, form: TheForm) -> Response:
    """Have an edge keep its files in the clear, or sealed."""
    wanted: edge_modes.WantedMode = "sealed" if form.get("mode") == "sealed" else "open"
    with page.hub.database.reading() as session:
        row, mode = edges.get(session, edge), edge_modes.wanted(session, edge)
    return page.change(
        lambda change: edge_modes.put(change, page.hub.sealer, edges.get(change.session, edge), wanted),
        lambda fault: page.refused("edges/mode.html", fault, edge=row, mode=mode),
        "edges", edge, done="saved",
    )  # fmt: skip


@router.get("/{edge}/tls-key/renew")
def ask_to_renew_tls_key(edge: str, page: TheFormPage) -> PageAnswer:
    """Ask whether an edge is to have another key for phones by HTTPS."""
    with page.hub.database.reading() as session:
        row, keys = edges.get(session, edge), edge_tls_keys.of_edge(session, edge)
        words = edge_tls_keys.in_words(keys)
        return page.show("edges/tls_key.html", edge=row, keys=keys, words=words, fault=None)


@router.post("/{edge}/tls-key/renew")
def renew_tls_key(edge: str, page: TheFormPage) -> Response:
    """Ask an edge for another key for phones by HTTPS."""
    with page.hub.database.reading() as session:
        row, keys = edges.get(session, edge), edge_tls_keys.of_edge(session, edge)
        words = edge_tls_keys.in_words(keys)
    return page.change(
        lambda change: edge_tls_keys.renew(change, edges.get(change.session, edge)),
        lambda fault: page.refused("edges/tls_key.html", fault, edge=row, keys=keys, words=words),
        "edges", edge, done="saved",
    )  # fmt: skip
