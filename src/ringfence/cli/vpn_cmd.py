"""``ringfence vpn``: head ends for the AnyConnect client that phones have of their own."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.api import Json
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument, FileExists
from ringfence.cli.support.files import private_file, read_bytes
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Column, Row, field, moment
from ringfence.cli.support.pbx_files import write_pbx_file
from ringfence.cli.support.questions import Yes, confirm
from ringfence.errors import NotPermitted
from ringfence.phones.vpn.head_end import VpnLogin
from ringfence.phones.vpn.ocserv import CONFIGURATION, CONNECT, OcservVersion, certificate_file, key_file

if TYPE_CHECKING:
    from ringfence.cli.support.vpn_look import SeenHeadEnd

app = typer.Typer(help="Head ends for phones with a VPN client of their own (AnyConnect).", no_args_is_help=True)

_LARGEST_CERTIFICATE_BYTES = 32_000
_SCRIPT_MODE = 0o755
HeadEnd = Annotated[str, typer.Argument(metavar="NAME", help="The head end, as ringfence vpn list shows it.")]
Login = Annotated[
    VpnLogin | None, typer.Option(help="How phones sign in: by their certificate, or by a name and a password.")
]
Routes = Annotated[
    list[str] | None,
    typer.Option("--route", metavar="NETWORK", help="A network that phones reach through it; several are possible."),
]
_ADDRESS = "Where phones find it, HOST or HOST:PORT; up to three, in their order."


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Its name, which the setting vpn of phones has then.")],
    address: Annotated[list[str], typer.Option("--address", metavar="HOST", help=_ADDRESS)],
    network: Annotated[str, typer.Option(help="Phones' addresses inside.")] = "10.99.0.0/22",
    login: Login = VpnLogin.CERTIFICATE,
    route: Routes = None,
    as_json: AsJson = False,
) -> None:
    """Add a head end. Then announce its certificate, name it in the setting vpn, and export its files.

    Example: ringfence vpn init berlin --address vpn.example.org --route 192.0.2.0/24
    """
    body = {
        "name": name, "addresses": address, "network": network, "login": str(login or VpnLogin.CERTIFICATE),
        "routes": route or [],
    }  # fmt: skip
    made = hub().post("/vpn", body)
    output.tell(f"VPN head end {made['name']} added. {made['next_step']}", made, as_json=as_json)


@app.command("list")
@lists
def list_head_ends() -> Listing:
    """List the head ends, with what is to be done next.

    Example: ringfence vpn list
    """
    return Listing("/vpn", COLUMNS, "No VPN head ends. Add one: ringfence vpn init NAME --address HOST.")


def _certificate_ends(row: Row) -> str:
    used = [each for each in row["certificates"] if each["state"] == "in-use"]
    return output.when(used[0]["ends_at"]) if used else "no certificate"


COLUMNS: tuple[Column, ...] = (
    ("NAME", field("name")), ("ADDRESSES", lambda row: ", ".join(row["addresses"])), ("LOGIN", field("login")),
    ("PHONES", field("phones")), ("MISSING", field("missing")), ("CERTIFICATE ENDS", _certificate_ends),
    ("NEXT STEP", lambda row: row["attention"] or row["next_step"]),
)  # fmt: skip


@app.command()
def show(name: HeadEnd, as_json: AsJson = False) -> None:
    """Show a head end: its certificates, how far their change is, and what is to be done next.

    Example: ringfence vpn show berlin
    """
    row = hub().get(f"/vpn/{segment(name)}")
    if as_json:
        output.show_json(row)
        return
    output.say(f"{row['name']}: {', '.join(row['addresses'])}; phones sign in by {row['login']}.")
    output.say(f"Inside: {row['network']}; they reach {', '.join(row['routes']) or 'everything'} through it.")
    columns: list[Column] = [
        ("STATE", field("state")), ("ENDS", moment("ends_at")), ("SUBJECT", field("subject")),
        ("PIN", field("pin")), ("FINGERPRINT", lambda each: each["fingerprint"][:16]),
    ]  # fmt: skip
    output.show_table(row["certificates"], columns, empty="No certificate yet.")
    output.say(f"Phones: {row['phones']}; not known to have the file that is due: {row['missing']}.")
    for sentence in filter(None, (row["attention"], row["next_step"])):
        output.say(sentence)


@app.command()
def change(
    name: HeadEnd,
    address: Annotated[
        list[str] | None, typer.Option("--address", metavar="HOST", help=f"{_ADDRESS} All of them.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="Phones' addresses inside.")] = None,
    login: Login = None,
    route: Routes = None,
    as_json: AsJson = False,
) -> None:
    """Change a head end. What is not said stays as it is; phones are told by the next publish.

    A new address goes in beside the old one first: a phone that has not taken its file knows the old one alone.

    Example: ringfence vpn change berlin --address vpn.example.org --address vpn2.example.org
    """
    body = {
        "addresses": address or None, "network": network, "login": None if login is None else str(login),
        "routes": route or None,
    }  # fmt: skip
    row = hub().patch(f"/vpn/{segment(name)}", body)
    output.tell(f"VPN head end {name} changed. Phones are told by:  ringfence publish", row, as_json=as_json)


@app.command()
def announce(
    name: HeadEnd,
    certificate: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The certificate in PEM, with those of CAs behind it.")
    ] = None,
    make: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Make a key and a certificate there instead, at the head end itself."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Announce a certificate: the next publish puts it beside the present one in every phone's file.

    The head end goes on with the present one until `ringfence vpn switch`. The first certificate is in use at once. The
    hub never gets the key.

    Example: ringfence vpn announce berlin /etc/ocserv/ringfence/new.pem
    """
    if (certificate is None) is (make is None):
        raise BadArgument("give the certificate's FILE, or --make FOLDER", where="ringfence vpn announce")
    api = hub()
    if make is not None:
        row = _made(name, make)
    else:
        assert certificate is not None  # noqa: S101 - one of the two is there, as was checked
        pem = read_bytes(certificate, _LARGEST_CERTIFICATE_BYTES).decode("utf-8", "replace")
        row = api.post(f"/vpn/{segment(name)}/certificates", {"pem": pem})
    after = api.get(f"/vpn/{segment(name)}")
    said = "is in use" if row["state"] == "in-use" else "is announced"
    output.tell(f"Certificate {row['fingerprint'][:16]} of {name} {said}. {after['next_step']}", row, as_json=as_json)


def _made(name: str, folder: Path) -> Json:
    """Make a key and a certificate here, and announce the certificate; where the hub refuses it, there is no file."""
    from ringfence.hub.vpn import new_certificate
    from ringfence.identity.certificates import fingerprint, to_pem

    api = hub()
    addresses = api.get(f"/vpn/{segment(name)}")["addresses"]
    key, certificate = new_certificate.make(addresses, time.time())
    digest = fingerprint(certificate)
    with (
        private_file(folder / key_file(digest), key.reveal().encode()),
        private_file(folder / certificate_file(digest), to_pem(certificate).encode()),
    ):
        return api.post(f"/vpn/{segment(name)}/certificates", {"pem": to_pem(certificate)})


@app.command()
def withdraw(name: HeadEnd, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take back the announcement of a certificate that was never used.

    Example: ringfence vpn withdraw berlin
    """
    confirm(f"Withdraw the announced certificate of {name}", yes=yes)
    hub().delete(f"/vpn/{segment(name)}/certificates")
    output.tell(f"The announced certificate of {name} is withdrawn.", {"withdrawn": name}, as_json=as_json)


@app.command()
def switch(
    name: HeadEnd,
    leave_behind: Annotated[
        bool, typer.Option("--leave-behind", help="Do it though phones are missing: these can't connect then.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take the announced certificate into use. Refused while phones are missing; they are named.

    The head end shows it after the next export and a restart of ocserv there.

    Example: ringfence vpn switch berlin
    """
    confirm(f"Have {name} use the announced certificate", yes=yes)
    row = hub().post(f"/vpn/{segment(name)}/switch", {"leave_behind": leave_behind})
    output.tell(f"{name} uses the announced certificate. {row['next_step']}", row, as_json=as_json)


@app.command()
@lists
def phones(
    name: HeadEnd,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only those not known to have the file that is due.")
    ] = False,
) -> Listing:
    """List a head end's phones, and which were not seen to take the file with its newest certificate.

    Example: ringfence vpn phones berlin --missing
    """
    columns: list[Column] = [
        ("PHONE", field("mac")), ("SITE", field("site")), ("MODEL", field("model")),
        ("READY", lambda row: "no" if row["missing"] else "yes"), ("FILE TAKEN", moment("taken_at")),
        ("PASSWORD", lambda row: "yes" if row["has_password"] else "no"), ("NEXT STEP", field("next_step")),
    ]  # fmt: skip
    query = {"missing": "true" if missing else None}
    return Listing(f"/vpn/{segment(name)}/phones", columns, "No phones.", query)


@app.command()
def password(name: HeadEnd, mac: MacAddress, as_json: AsJson = False) -> None:
    """Give a phone another password for its head end; it is typed once at the phone. It is shown only now.

    Example: ringfence vpn password berlin 00:1B:54:C2:9A:10
    """
    made = hub().post(f"/vpn/{segment(name)}/passwords", {"mac": mac})
    if as_json:
        output.show_json(made)
        return
    output.say(f"At the phone:  {made['user']}  {made['password']}")
    output.say("The head end knows it with its next export, or at once where `ringfence vpn follow` runs.")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to write to.")],
    name: HeadEnd,
    at: Annotated[
        str, typer.Option(help="Where FOLDER is at the head end, if that is another machine.", show_default=False)
    ] = "",
    for_ocserv: Annotated[
        OcservVersion, typer.Option("--for-ocserv", help="What runs there: 1.2 or newer, or 1.1 (Debian 12).")
    ] = OcservVersion.WITH_PHONES,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite files of an export before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write ocserv's configuration for a head end, the certificate that it is to show, and who may use it.

    The key of the certificate is not among it: it lies at the head end already.

    Example: ringfence vpn export /etc/ocserv/ringfence berlin
    """
    if not replace and (folder / CONFIGURATION).exists():
        raise FileExists("this file exists", where=str(folder / CONFIGURATION), to_do="Replace it with --replace.")
    body = {"folder": at or str(folder.resolve()), "version": str(for_ocserv)}
    made = hub().post(f"/vpn/{segment(name)}/export", body)
    written = [write_pbx_file(folder, each, text) for each, text in sorted(made["files"].items())]
    (folder / CONNECT).chmod(_SCRIPT_MODE)
    if as_json:
        output.show_json({
            "files": list(map(str, written)), "certificate": made["certificate"], "key_file": made["key_file"],
            "warnings": made["warnings"],
        })  # fmt: skip
        return
    for warning in made["warnings"]:
        output.say(f"Mind: {warning}")
    for path in written:
        output.say(f"{path} written.")
    if not (folder / made["key_file"]).exists():
        output.say(f"The key of the certificate has to be there as {made['key_file']}.")
    output.say(f"Next, at the head end: systemctl restart ocserv. Then:  ringfence vpn check {name}")


@app.command()
def check(
    name: HeadEnd,
    host: Annotated[str | None, typer.Argument(metavar="HOST", help="Look only there.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a running head end, as a phone would, and say what is wrong and who is missing.

    Exit code 1 if something is wrong. That it shows the certificate in use is told to the hub: phones' files need the
    older one no more then.

    Example: ringfence vpn check berlin
    """
    from ringfence.cli.support import vpn_look
    from ringfence.phones.vpn.head_end import read_address

    api = hub()
    row = api.get(f"/vpn/{segment(name)}")
    seen = [vpn_look.look(read_address(each)) for each in ([host] if host else row["addresses"])]
    findings = [finding for each in seen for finding in _findings(row, each)]
    shown = {each.fingerprint for each in seen if not each.problem}
    if len(shown) == 1 and not any(each.problem for each in seen):
        try:
            row = api.post(f"/vpn/{segment(name)}/shown", {"fingerprint": shown.pop()})
        except NotPermitted:
            findings.append((True, "The hub was not told, which needs an administrator."))
    if as_json:
        output.show_json({
            "head_end": row, "ok": all(is_well for is_well, _said in findings),
            "findings": [{"ok": is_well, "says": said} for is_well, said in findings],
        })  # fmt: skip
    else:
        for is_well, said in findings:
            output.say(f"{'ok  ' if is_well else 'BAD '} {said}")
        for sentence in filter(None, (row["attention"], row["next_step"])):
            output.say(sentence)
    if not all(is_well for is_well, _said in findings):
        raise typer.Exit(1)


_SHOWS = {
    "in-use": (True, "shows the certificate in use"),
    "leaving": (False, "shows the certificate of before: export its files, and restart ocserv"),
    "announced": (
        False, "shows the announced certificate already: phones that lack it can't connect. Switch, or go back",
    ),
    "retired": (False, "shows a certificate that phones' files do not name any more: no phone can connect"),
}  # fmt: skip


def _findings(row: Json, seen: "SeenHeadEnd") -> list[tuple[bool, str]]:
    """Return what was seen at one address, each with whether it is well."""
    if seen.problem:
        return [(False, f"{seen.address}: nothing answers there: {seen.problem}")]
    states = {each["fingerprint"]: each["state"] for each in row["certificates"]}
    unknown = (False, "shows a certificate that was never announced: no phone can connect")
    is_well, says = _SHOWS.get(states.get(seen.fingerprint, ""), unknown)
    found = [(is_well, f"{seen.address}: {says} ({seen.fingerprint[:16]}; {seen.agreed})")]
    found.append((
        True, f"{seen.address}: takes what older phones speak (AES-256-CBC with SHA-1)" if seen.takes_old
        else f"{seen.address}: refuses what 8900 and 9900 phones speak (AES-256-CBC with SHA-1), which others need not",
    ))  # fmt: skip
    if seen.knows_phones:
        found.append((True, f"{seen.address}: answers phones at /svc"))
    elif row["login"] == VpnLogin.CERTIFICATE.value:
        found.append((True, f"{seen.address}: wants a certificate before it says whether it answers phones at /svc"))
    else:
        found.append((False, f"{seen.address}: does not answer phones at /svc: they need ocserv 1.2 or newer"))
    return found


@app.command()
def follow(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where ocserv's files are, as exported.")],
    name: HeadEnd,
    at: Annotated[
        str, typer.Option("--at", metavar="HOST:PORT", help="Where ocserv is to be looked at.")
    ] = "127.0.0.1:443",
    occtl_socket: Annotated[Path, typer.Option(help="The socket by which occtl reaches ocserv.")] = Path(
        "/run/occtl.socket"
    ),
) -> None:
    """Keep who may use a head end as the hub has it, until stopped. Beside ocserv, as root.

    A phone that is removed or blocked, or whose certificate is revoked, is disconnected within seconds. While the hub
    is away, all stays as it is. An API token with the role head-end is enough: RINGFENCE_HUB, RINGFENCE_TOKEN.

    Example: ringfence vpn follow /etc/ocserv/ringfence berlin
    """
    import threading

    from ringfence.cli.support import vpn_look
    from ringfence.cli.support.vpn_follower import Occtl, VpnFollower
    from ringfence.phones.vpn.head_end import read_address
    from ringfence.stop_signals import call_on_stop

    address, stopped = read_address(at), threading.Event()
    follower = VpnFollower(
        hub(), name, folder, Occtl(occtl_socket), lambda: vpn_look.look(address).fingerprint, output.say,
        time.monotonic,
    )  # fmt: skip
    call_on_stop(stopped.set)
    follower.run(stopped)


@app.command()
def remove(name: HeadEnd, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a head end that no setting and no phone's file names.

    Example: ringfence vpn remove berlin
    """
    confirm(f"Remove VPN head end {name}", yes=yes)
    hub().delete(f"/vpn/{segment(name)}")
    output.tell(f"VPN head end {name} removed.", {"removed": name}, as_json=as_json)
