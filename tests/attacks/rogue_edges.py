"""What an edge that has gone bad may try, or who has a copy of its disk: it harms its own site only. See ``ROGUES``.

Each looks, when the attack is over, that the hub has kept what it must and told people: that is the last column.
"""

import itertools
import json
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

import urllib3

from attacks.attack_outcomes import Got
from attacks.attacked_hub import ADDRESSES, ANNA, AttackedHub
from attacks.hub_outcomes import HubEntry
from ringfence.hub.fleet import edge_certificates
from ringfence.identity.certificates import make_request
from ringfence.phones.mac import Mac
from ringfence.wire import codec, paths
from ringfence.wire.messages import RenewRequest, Report, ReportBatch
from support.reporting_edge import alerts
from support.running_hub import EdgeInHand

PAUSE_S = 0.02
_VICTIM = Mac.parse(ANNA).bare
_MOST_IN_A_BATCH = 500
_SENTENCE = "x" * 7500  # 500 of them are just less than the longest message
_LARGEST_DATABASE_BYTES = 64 << 20
"""An edge's whole budget (fleet/report_budget.py) in the database and its log; the flood sends some hundred MiB."""


def lies_about_anothers_phone(place: AttackedHub, over: Event) -> Got:
    """Report that Anna's phone took its file here, asks as somebody else, was reloaded and registered."""
    lies = itertools.cycle(("file-served", "file-refused", "phone-reloaded", "window-used", "banned"))

    def report(seq: int) -> Report:
        return Report(
            seq, place.hub.clock(), next(lies), "It is so.", name=f"SEP{_VICTIM}.cnf.xml", owner=_VICTIM,
            peer="192.0.2.66", finding="other-mac", release=1,
        )  # fmt: skip

    return _report(place, over, report, batch=20)


def floods_reports(place: AttackedHub, over: Event) -> Got:
    """Send as many and as long reports as one batch takes, again and again."""

    def report(seq: int) -> Report:
        return Report(seq, place.hub.clock(), "agent-note", _SENTENCE, name=f"file-{seq}", peer=f"192.0.2.{seq % 250}")

    return _report(place, over, report, batch=_MOST_IN_A_BATCH)


def _report(place: AttackedHub, over: Event, report: object, batch: int) -> Got:
    place.rogue.use(place.rogue.response.certificate_pem)
    stored = sent = 0
    refusals: set[str] = set()
    while not over.wait(PAUSE_S):
        reports = tuple(report(stored + number) for number in range(1, batch + 1))  # type: ignore[operator]
        answer = place.rogue.post(paths.REPORTS, ReportBatch(reports, stored))
        sent += 1
        if answer.status == 200:
            stored = int(answer.json["stored_through"])
        else:
            refusals.add(f"{answer.status}")
    place.did = f"{sent} batches of {batch}" + (f", refused with {', '.join(sorted(refusals))}" if refusals else "")
    return []


def renews_a_copy(place: AttackedHub, over: Event) -> Got:
    """Renew with a copy of Anna's edge's key as fast as may be, so that the true one's certificate counts no more."""
    issued = refused = 0
    for pool in _elsewhere(place, place.edge, over):
        body = codec.to_json(RenewRequest(make_request(place.edge.key, "edge")))
        answer = pool.request("POST", paths.RENEW, body=body)
        issued += answer.status == 200
        refused += answer.status != 200
    place.did = f"{issued} certificates, then refused {refused} times"
    return []


def serves_itself_with_a_stolen_disk(place: AttackedHub, over: Event) -> Got:
    """Ask for all that Anna's edge has, with the key from its disk, from other networks; the site holds moved edges."""
    place.administrator().do("PATCH", f"/sites/{place.site}/guard", {"edge_moves": "hold"})
    got: list[bytes] = []
    answers: dict[str, int] = {}
    names = ("timestamp.json", "1.targets.json", "1.snapshot.json", "2.root.json")
    for pool in _elsewhere(place, place.edge, over):
        for path in (*(paths.METADATA + name for name in names), paths.STATE, paths.BLOBS + place.blob, paths.GUARD):
            answer = pool.request("GET", path)
            got.append(answer.data)
            answers[str(answer.status)] = answers.get(str(answer.status), 0) + 1
        pool.request("POST", paths.RENEW, body=codec.to_json(RenewRequest(make_request(place.edge.key, "edge"))))
    place.did = "answers: " + ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
    return got


def goes_on_after_its_revocation(place: AttackedHub, over: Event) -> Got:
    """Ask for everything though the hub has revoked it."""
    place.administrator().do("POST", f"/edges/{place.rogue.response.edge_id}/revoke", {})
    got: list[bytes] = []
    for pool in _elsewhere(place, place.rogue, over):
        for path in (paths.METADATA + "1.targets.json", paths.STATE, paths.BLOBS + place.blob, paths.EVENTS):
            answer = pool.request("GET", path)
            assert answer.status in {403, 404}, (path, answer.status)
            got.append(answer.data)
    place.did = f"refused {len(got)} times"
    return got


def _elsewhere(place: AttackedHub, edge: EdgeInHand, over: Event) -> Iterator[urllib3.HTTPSConnectionPool]:
    """Yield an edge's key and certificate in one network after another, until the attack is over."""
    address = urlsplit(place.hub.device_url)
    context = place.hub.device_context()
    context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
    for source in itertools.cycle(ADDRESSES):
        if over.wait(PAUSE_S):
            return
        with urllib3.HTTPSConnectionPool(
            str(address.hostname), address.port, ssl_context=context, retries=False, source_address=(source, 0)
        ) as pool:
            yield pool


# -- afterwards ----------------------------------------------------------------------------------------------------


def nothing_is_believed(place: AttackedHub) -> str:
    """Anna's phone is as it was, and people are told who lies."""
    assert alerts(place.hub, place.site) == []
    assert [kind for kind, _, _ in alerts(place.hub, place.rogues_site) if kind == "foreign-reports"]
    rules = json.loads(place.edge.get(paths.GUARD).data)
    assert not rules.get("elsewhere"), "it is not shut out at home"
    return "alert foreign-reports at its own site; nothing at Anna's"


def the_database_is_bounded(place: AttackedHub) -> str:
    """What comes is paced and, beyond the edge's budget, counted and not kept."""
    size = sum(path.stat().st_size for path in place.hub.folder.path.glob("hub.sqlite*"))
    assert size < _LARGEST_DATABASE_BYTES, size
    not_kept = sum(count for kind, _, count in alerts(place.hub, place.rogues_site) if kind == "report-flood")
    return f"database {size / (1 << 20):.0f} MiB; {not_kept} reports not kept"


def the_true_one_renews_too(place: AttackedHub) -> str:
    """The edge at home is let in with what it has; that its day's certificates are used up ends it no sooner."""
    place.edge.use(place.edge.response.certificate_pem)
    assert place.edge.get(paths.GREETING).status == 200
    return f"at most {edge_certificates.MOST_A_DAY} certificates a day; the one at home is let in"


def the_moved_one_is_told_of(place: AttackedHub) -> str:
    """People see that the edge was in another network; at home it goes on."""
    assert [kind for kind, _, _ in alerts(place.hub, place.site) if kind == "edge-moved"]
    assert place.edge.get(paths.BLOBS + place.blob).status == 200
    return "alert edge-moved; at home it is served"


ROGUES = (
    HubEntry("lies about another site's phone", lies_about_anothers_phone, then=nothing_is_believed),
    HubEntry("a flood of reports", floods_reports, then=the_database_is_bounded, lasts_s=20),
    HubEntry("a copy that renews", renews_a_copy, then=the_true_one_renews_too),
    HubEntry("a thief with the disk", serves_itself_with_a_stolen_disk, then=the_moved_one_is_told_of),
    HubEntry("a revoked edge", goes_on_after_its_revocation),
)
