"""``ringfence network``: what sites ask of their boxes' networks."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import AsJson, Row
from ringfence.cli.support.questions import typed_secret

app = typer.Typer(help="Networks of boxes: what they give phones, and what phones reach.", no_args_is_help=True)

NONE = "none"
_BY_DEFAULT = "default"
_PORT_ACCESS = {
    "off": "the phone's port does not ask for a certificate (802.1X)",
    "try": "a phone that can't show a certificate (802.1X) is let in all the same",
    "require": "only a phone that shows a certificate (802.1X) is let in",
}


@app.command()
def show(site: Site, as_json: AsJson = False) -> None:
    """Show what a site asks of its boxes' networks.

    Example: ringfence network show home-office-anna
    """
    found = hub().get(f"{site_path(site)}/network")
    if as_json:
        output.show_json(found)
    else:
        _show(found)


@app.command("set")
def set_network(
    site: Site,
    box: Annotated[
        bool | None, typer.Option("--box/--no-box", help="Whether its edges are boxes before they say so.")
    ] = None,
    prefix: Annotated[
        int | None, typer.Option(help="Length of each box's subnet's prefix, 24 to 29; 29 has room for five phones.")
    ] = None,
    mtu: Annotated[int | None, typer.Option(help="MTU of the tunnel, 1280 to 1500.")] = None,
    uplink_kbit: Annotated[
        int | None, typer.Option(help="What the home's line takes in kbit/s, so that calls go first; 0: not known.")
    ] = None,
    known_only: Annotated[
        bool | None, typer.Option("--known-only/--any-phone", help="Whether only the site's phones get an address.")
    ] = None,
    guests: Annotated[
        bool | None, typer.Option("--guests/--no-guests", help="Whether other devices get out to the internet.")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Domain that phones are told; none for none.")] = None,
    ntp_server: Annotated[
        list[str] | None, typer.Option(help="Where boxes get the time; each time once, none for none.")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=ADDRESS,…", help="A name that boxes answer; each time once, none for none."),
    ] = None,
    reach: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROTOCOL:PORTS@NETWORK",
            help="What phones may reach through the tunnel; none for nothing, default for their SIP servers.",
        ),
    ] = None,
    direct_media: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="A site to exchange media with directly, if it says so too; none for none."),
    ] = None,
    port_access: Annotated[str | None, typer.Option(help="802.1X on the phone's port: off, try or require.")] = None,
    wifi: Annotated[str | None, typer.Option(metavar="SSID", help="Wi-Fi network of the home; none for none.")] = None,
    wifi_country: Annotated[str, typer.Option(help="Two letters, whose rules the radio follows.")] = "",
    wifi_passphrase: Annotated[
        bool, typer.Option("--wifi-passphrase", help="Prompt for its passphrase, or read it from a pipe.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change what a site asks of its boxes' networks; they go by it within a second.

    Example: ringfence network set home-office-anna --ntp-server 192.0.2.1 --reach udp:5060@192.0.2.10
    """
    if (wifi_passphrase or wifi_country) and wifi is None:
        raise BadArgument("a passphrase or a country is of no Wi-Fi network", to_do="Name it with --wifi SSID.")
    parts: dict[str, object] = {
        "box": box, "prefix": prefix, "mtu": mtu, "uplink_kbit": uplink_kbit, "known_only": known_only,
        "guests": guests,
        "domain": "" if domain == NONE else domain, "ntp_servers": _list(ntp_server),
        "names": None if name is None else dict(map(_name, _list(name) or [])),
        "direct_media": _list(direct_media), "port_access": port_access,
    }  # fmt: skip
    parts |= {"reach_by_default": True} if reach == [_BY_DEFAULT] else {"reach": _list(reach)}
    if wifi is not None:
        said = typed_secret("Passphrase") if wifi_passphrase else None
        ssid = "" if wifi == NONE else wifi
        parts["wifi"] = {"ssid": ssid, "country": wifi_country, "passphrase": said}
    wanted = {each: value for each, value in parts.items() if value is not None}
    if not wanted:
        raise BadArgument("nothing is to be changed", to_do=f"To see what is set: ringfence network show {site}")
    found = hub().patch(f"{site_path(site)}/network", wanted)
    if as_json:
        output.show_json(found)
    else:
        _show(found)


def _list(said: list[str] | None) -> list[str] | None:
    return [] if said == [NONE] else said


def _name(said: str) -> tuple[str, list[str]]:
    name, equals, addresses = said.partition("=")
    if not equals:
        raise BadArgument(f"{said[:60]!r} is not NAME=ADDRESS", to_do="Write it like pbx.example.org=192.0.2.10.")
    return name, [each.strip() for each in addresses.split(",") if each.strip()]


def _show(found: Row) -> None:
    names = [f"{name} {', '.join(addresses)}" for name, addresses in found["names"].items()]
    wifi = found["wifi"]
    by_default = ", as follows from the phones' SIP servers" if found["reach_by_default"] else ""
    lines = {
        "Boxes": "all of its edges" if found["box"] else "those of its edges that say so",
        "Subnets": f"one /{found['prefix']} for each box: ringfence box list --site {found['site']}",
        "MTU": found["mtu"],
        "Line": f"{found['uplink_kbit']} kbit/s, calls first" if found["uplink_kbit"] else "as fast as it can",
        "Phones": "only those of the site get an address" if found["known_only"] else "any device gets an address",
        "Guests": "get out to the internet, and nowhere else" if found["guests"] else "get nowhere",
        "Domain": found["domain"] or NONE,
        "Time": ", ".join(found["ntp_servers"]) or "the box's own",
        "Names": "; ".join(names) or NONE,
        "Reach": (", ".join(found["reach"]) or "nothing") + by_default,
        "Direct media": ", ".join(found["direct_media"]) or NONE,
        "Port": f"{found['port_access']}: {_PORT_ACCESS.get(found['port_access'], '')}",
        "Wi-Fi": f"{wifi['ssid']}, {wifi['country']}" if wifi else NONE,
    }
    for title, text in lines.items():
        output.say(f"{title:<14} {text}")
