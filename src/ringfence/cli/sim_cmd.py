"""``ringfence sim``: virtual phones and attackers, to try a site out and for tests."""

import datetime as dt
import ipaddress
import itertools
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.tftp_arguments import EXAMPLES, read_options, read_server
from ringfence.cli.support.uploads import progress
from ringfence.counted import counted
from ringfence.errors import EnvironmentFault
from ringfence.phones.mac import Mac
from ringfence.sim.attacks.every import ATTACKS
from ringfence.sim.attacks.every import run as run_attack
from ringfence.sim.attacks.target import AttackTarget
from ringfence.sim.attacks.verdict import AttackOutcome, AttackVerdict
from ringfence.sim.errors import GaveWay
from ringfence.stop_signals import call_on_stop

if TYPE_CHECKING:
    from ringfence.sim.https_side import HttpsSide
    from ringfence.sim.steps import Step
    from ringfence.sim.trusting_phone import PhoneTrust

_LARGEST_AUTHORITIES = 1 << 20

app = typer.Typer(help="Virtual phones and attackers, to test a site without hardware.", no_args_is_help=True)


@app.command()
def phone(
    family: Annotated[str, typer.Option(help="A family such as cisco-79xx, or one of its models, such as 7942.")],
    mac: Annotated[str, typer.Option(help="The phone's MAC address, in any notation.")],
    server: Annotated[str, typer.Option(help="The TFTP server, HOST or HOST:PORT.")],
    source: Annotated[str | None, typer.Option(help="The address to ask from and to listen on.")] = None,
    option: Annotated[list[str] | None, typer.Option(help=f"A TFTP option to request: {EXAMPLES}.")] = None,
    retry: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Seconds until it asks again for a refused configuration; by default as its family does."
        ),
    ] = None,
    http: Annotated[
        bool | None,
        typer.Option("--http/--no-http", help="Ask over HTTP first, or never; by default as its model does."),
    ] = None,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="The HTTP port; real phones know 6970 only.")] = 6970,
    https_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The HTTPS port of its configuration; real phones know 6971 only.")
    ] = 6971,
    load: Annotated[str, typer.Option(help="The firmware that it runs, such as sip9971.9-4-2SR4-1.")] = "",
    register: Annotated[bool, typer.Option("--register", help="Register its lines with its SIP server.")] = False,
    pace: Annotated[
        bool, typer.Option("--pace", help="Wait between files as its family does; otherwise don't wait.")
    ] = False,
    web_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Offer a web interface on this port; real phones use 80."),
    ] = None,
    memory: Annotated[
        Path | None,
        typer.Option(
            help="Be a phone with trust lists or a profile key, and keep them and its configuration in this folder."
        ),
    ] = None,
    mic: Annotated[
        Path | None,
        typer.Option(help="With --memory: the certificate that its maker gave it, and its key, in one PEM file."),
    ] = None,
    sha1_only: Annotated[
        bool,
        typer.Option(
            "--sha1-only", help="With --memory: check signatures in SHA-1 alone, whatever its model is known to check."
        ),
    ] = False,
    ex_cucm: Annotated[
        bool, typer.Option("--ex-cucm", help="With --memory: begin with the list of a former Call Manager.")
    ] = False,
    https_ca: Annotated[
        Path | None,
        typer.Option(help="Be an SPA or Multiplatform phone that speaks HTTPS, and knows the CAs in this PEM file."),
    ] = None,
    rule: Annotated[
        str, typer.Option(help="With --https-ca: the profile rule that was typed at it, such as https://HOST/$MA.cfg.")
    ] = "",
    resolve: Annotated[
        list[str] | None, typer.Option(metavar="NAME=ADDRESS", help="With --https-ca: what its DNS says of a name.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Boot once, then exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each step as a line of JSON.")] = False,
) -> None:
    """Boot a virtual phone, and boot it again whenever a NOTIFY asks for it.

    With --once the exit code is 0 if the phone took its configuration, 8 if it rejected it, 7 if the server is silent
    and 4 if the server does not give it the file. A phone with trust lists rejects what its list does not vouch for.

    Example: ringfence sim phone --family 9971 --mac 00:11:22:33:44:55 --server 192.168.1.2 --memory flash
    """
    try:
        # Here and not above: the XML library is an extra that only this command needs.
        from ringfence.sim.phone import VirtualPhone
        from ringfence.sim.provisioning import HttpFirst
        from ringfence.sim.sip_side import SipHabits
        from ringfence.sim.steps import as_event, in_words
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"virtual phones need {missing.name}, which is not installed", to_do="Run pip install 'ringfence[sim]'."
        ) from None

    def print_step(step: "Step") -> None:
        elapsed_s = time.monotonic() - begun
        if as_json:
            output.say(json.dumps({**as_event(step), "elapsed_s": round(elapsed_s, 3)}, ensure_ascii=False))
        else:
            output.say(f"{elapsed_s:8.3f} s  {in_words(step)}")

    begun = time.monotonic()
    https = None
    if https_ca is not None:
        https = _https(https_ca, (Mac.parse(mac), family), memory, mic, rule, resolve or [])
        memory = mic = None
    elif rule or resolve:
        raise BadArgument("--rule and --resolve are for phones that speak HTTPS", to_do="Name its CAs with --https-ca.")
    virtual = VirtualPhone(
        Mac.parse(mac),
        family,
        read_server(server),
        source_host=source,
        options=read_options(option) if option else None,
        retry_s=retry,
        on_step=print_step,
        sip=SipHabits(registers=register),
        running_load=load,
        web_port=web_port,
        trust=_trust(memory, mic, sha1_only=sha1_only, ex_cucm=ex_cucm),
        https=https,
        https_port=https_port,
    )
    if pace:
        virtual.go_at_its_pace()
    if http or (http is None and virtual.model.http_provisioning.value):
        virtual.ask_by(HttpFirst(http_port))
    if once:
        virtual.boot()
        return
    call_on_stop(virtual.stop)
    virtual.run()


def _https(
    authorities: Path, who: tuple[Mac, str], memory: Path | None, mic: Path | None, rule: str, resolve: list[str]
) -> "HttpsSide":
    """Return what of a phone speaks HTTPS; ``who`` is its address and its model."""
    from ringfence.phones.families import family_or_model
    from ringfence.sim.https_side import HttpsSide, addresses_of
    from ringfence.sim.phone_memory import PhoneMemory
    from ringfence.sim.trusting_phone import read_identity

    known = {name: address for name, _equals, address in (each.partition("=") for each in resolve)}
    try:
        with authorities.open(encoding="ascii") as file:
            believed = file.read(_LARGEST_AUTHORITIES)
    except (OSError, UnicodeDecodeError) as fault:
        why = getattr(fault, "strerror", None) or "it is no PEM"
        raise BadArgument(f"--https-ca can't be read: {why}", where=str(authorities)) from None
    return HttpsSide(
        who[0], family_or_model(who[1])[1], believed, read_identity(mic) if mic is not None else None, rule,
        PhoneMemory(memory), lambda name: (known[name],) if name in known else addresses_of(name),
    )  # fmt: skip


def _trust(memory: Path | None, mic: Path | None, *, sha1_only: bool, ex_cucm: bool) -> "PhoneTrust | None":
    """Return what the phone believes and keeps, None for one without trust lists."""
    if memory is None:
        if mic or sha1_only or ex_cucm:
            raise BadArgument(
                "--mic, --sha1-only and --ex-cucm are for phones with trust lists",
                to_do="Name the folder for what the phone keeps with --memory.",
            )
        return None
    from ringfence.phones.trust.roles import SigningHash
    from ringfence.phones.trust.trust_list import ITL_NAME
    from ringfence.sim.former_owner import foreign_list
    from ringfence.sim.phone_memory import PhoneMemory
    from ringfence.sim.trusting_phone import PhoneTrust, read_identity

    trust = PhoneTrust(
        PhoneMemory(memory),
        read_identity(mic) if mic is not None else None,
        frozenset({SigningHash.SHA1}) if sha1_only else None,
    )
    if ex_cucm and not trust.lists():
        trust.memory.keep_trust_list(ITL_NAME, foreign_list(dt.datetime.now(dt.UTC)))
    return trust


@app.command()
def fleet(
    phones: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")],
    server: Annotated[str, typer.Option(help="The TFTP server, HOST or HOST:PORT.")],
    family: Annotated[str, typer.Option(help="A family or model, such as 9971.")] = "9971",
    first_mac: Annotated[str, typer.Option(help="The first one's MAC address; the others follow it.")] = "001B54000001",
    at_once: Annotated[int, typer.Option(min=1, max=15_000, help="How many boot at the same time at most.")] = 500,
    over: Annotated[float, typer.Option(min=0, help="Spread their starts over this many seconds.")] = 0.0,
    source: Annotated[
        str,
        typer.Option(help="The address to ask from, or a network whose addresses take turns, such as 127.1.0.0/16."),
    ] = "",
    option: Annotated[list[str] | None, typer.Option(help=f"A TFTP option to request: {EXAMPLES}.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Boot thousands of phones at your own server, and time it.

    The exit code is 9 if a phone did not boot.

    Example: ringfence sim fleet --phones 2000 --server 192.168.1.2 --over 30
    """
    try:
        from ringfence.sim.fleet import BOOTED, Fleet
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"virtual phones need {missing.name}, which is not installed", to_do="Run pip install 'ringfence[sim]'."
        ) from None
    with progress("phones booted") as (show, _advance):
        report = Fleet(
            read_server(server),
            family,
            Mac.parse(first_mac),
            phones,
            at_once=at_once,
            over_s=over,
            sources=_sources(source, phones),
            options=read_options(option or []),
            on_progress=lambda done: show(done, phones),
        ).run()
    said = report.as_document()
    if as_json:
        output.show_json(said)
    else:
        outcomes = ", ".join(f"{count} {word}" for word, count in report.outcomes.most_common())
        output.say(f"{counted(phones, 'phone')} in {report.duration_s:.1f} s: {outcomes}.")
        output.say(
            f"{counted(report.files, 'file')}, {report.size_bytes:,} B; {counted(report.refused, 'request')} refused."
        )
        if report.boots_s:
            output.say(f"Half of the phones booted within {said['boot_p50_s']} s, 99 % within {said['boot_p99_s']} s.")
    lost = phones - report.outcomes[BOOTED]
    if lost:
        raise GaveWay(
            f"{lost} of {phones} phones did not boot",
            where=server,
            to_do="Check that the hub knows them and that they are published.",
        )


def _sources(said: str, phones: int) -> list[str]:
    """Return the addresses that a fleet asks from."""
    if "/" not in said:
        return [said]
    try:
        network = ipaddress.ip_network(said, strict=False)
    except ValueError:
        raise BadArgument(f"{said!r} is not a network", to_do="Write it like 127.1.0.0/16.") from None
    return [str(address) for address in itertools.islice(network.hosts(), phones)]


@app.command()
def attack(
    name: Annotated[str, typer.Argument(help=f"Which attack: {', '.join(ATTACKS)}, or all.")],
    server: Annotated[str, typer.Option(help="Your own TFTP server on this machine, HOST or HOST:PORT.")],
    file: Annotated[str, typer.Option(help="A file that it gives to anybody; about 200 kB measures best.")],
    log: Annotated[Path | None, typer.Option(help="The server's log, for the attack on the log.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Attack your own server and see how it copes.

    Only an address of this machine can be the target. The exit code is 9 if the server gave way.

    Example: ringfence sim attack all --server 127.0.0.1:6969 --file firmware.loads
    """
    chosen = tuple(ATTACKS) if name == "all" else (name,)
    if not ATTACKS.keys() >= set(chosen):
        raise BadArgument("there is no such attack", where=name, to_do=f"Known: {', '.join(ATTACKS)}, all.")
    if log is not None and not log.is_file():
        raise BadArgument("there is no such log file", where=str(log), to_do="Name the file that the server logs to.")
    target = AttackTarget(read_server(server), file)
    verdicts = []
    for one in chosen:
        verdict = run_attack(one, target, log=log)
        verdicts.append(verdict)
        if not as_json:
            _say_verdict(verdict)
    if as_json:
        output.show_json([asdict(verdict) for verdict in verdicts])
    lost = [verdict.attack for verdict in verdicts if verdict.outcome is AttackOutcome.GAVE_WAY]
    if lost:
        raise GaveWay(f"the server gave way to {', '.join(lost)}", where=server)


def _say_verdict(verdict: AttackVerdict) -> None:
    output.say(f"{verdict.attack}: {verdict.outcome}")
    for sentence in (verdict.did, verdict.answered, verdict.because):
        if sentence:
            output.say(f"  {sentence}")
    if verdict.figures:
        output.say("  " + ", ".join(f"{name} {figure}" for name, figure in verdict.figures.items()))
