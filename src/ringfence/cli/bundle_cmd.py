"""``ringfence bundle``: encrypted files with which a home's phones are served where there is no box."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import complete_site
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import new_file
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.secret import Secret

app = typer.Typer(help="Portable bundles: one encrypted file for a home without any box.", no_args_is_help=True)

_LONGEST_PASSPHRASE_BYTES = 4096

BundleId = Annotated[str, typer.Argument(metavar="BUNDLE", help="Its id, as ringfence bundle list shows it.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write; nothing may be there yet.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="Read the passphrase from this file's first line; otherwise it is asked for.")
]


@app.command()
def make(
    subject: Annotated[str, typer.Argument(metavar="SITE|MAC", help="A site, for all its phones, or one phone.")],
    out: Out,
    name: Annotated[str, typer.Option(help="For people: whose it is.")] = "",
    passphrase_file: PassphraseFile = None,
    recipient: Annotated[
        str, typer.Option(help="An age recipient (age1…) instead of a passphrase.", show_default=False)
    ] = "",
    days: Annotated[int, typer.Option(help="How long each bundle is good.", min=1, max=366)] = 30,
    firmware: Annotated[bool, typer.Option(help="Whether the firmware is in it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Make a bundle: what a site's phones may fetch, or one phone, signed, and encrypted for a passphrase or recipient.

    Left empty, the passphrase is a new one, printed only here, as is the password for downloads (--watch). The hub
    keeps neither, and makes newer bundles for the same passphrase until you revoke the bundle.

    Example: ringfence bundle make home-office-anna --out anna.rfb
    """
    client = hub()
    passphrase = Secret("") if recipient else _passphrase(passphrase_file)
    body = {
        **_subject(subject), "name": name, "passphrase": passphrase.reveal(), "recipient": recipient, "days": days,
        "leave_out_firmware": not firmware,
    }  # fmt: skip
    with new_file(out) as file:
        row = client.post("/bundles", body)
        for part in client.fetch(f"/bundles/{segment(row['id'])}/file"):
            file.write(part)
    if as_json:
        output.show_json({**row, "file": str(out)})
        return
    output.say(f"{out}: bundle {row['id']}, number {row['number']}, good until {output.when(row['expires_at'])}.")
    if row["passphrase"] is not None:
        output.say("Its passphrase, printed only here. Tell it by another way than you send the file:")
        output.say(f"\n  {row['passphrase']}\n")
    output.say(f"Its download password, printed only here. It opens nothing:\n\n  {row['download_password']}\n")
    output.say(f"Newer ones are at {row['url']} (--watch).")
    output.say("The program that serves it: ringfence bundle portable --out ringfence-portable.pyz")


@app.command()
def renew(bundle: BundleId, out: Out, as_json: AsJson = False) -> None:
    """Write the newest bundle of a line, for the same passphrase or recipient.

    Example: ringfence bundle renew bundle-3f9c0a7b21de --out anna-2.rfb
    """
    client = hub()
    size = 0
    with new_file(out) as file:
        for part in client.fetch(f"/bundles/{segment(bundle)}/file"):
            size += file.write(part)
    output.tell(f"{out}: {size:,} bytes.", {"file": str(out), "size_bytes": size}, as_json=as_json)


@app.command("list")
@lists
def list_bundles(
    site: Annotated[str | None, typer.Option(help="Those of this site.", autocompletion=complete_site)] = None,
) -> Listing:
    """List the portable bundles, newest first.

    Example: ringfence bundle list --site home-office-anna
    """
    columns = [
        ("ID", field("id")),
        ("FOR", lambda row: row["mac"] or row["site"]),
        ("NAME", field("name")),
        ("NUMBER", field("number")),
        ("ENDS", moment("expires_at")),
        ("FETCHED", moment("last_fetched_at")),
        ("REVOKED", moment("revoked_at")),
    ]
    empty = "No portable bundles. Make one: ringfence bundle make SITE --out FILE."
    return Listing("/bundles", columns, empty=empty, query={"site": site})


@app.command()
def revoke(bundle: BundleId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Make no newer bundle of a line, and let its download password in no more.

    Whoever has a bundle and its passphrase can go on reading what is in it: change the phones' SIP secrets
    (ringfence sip rotate) where that may be a stranger.

    Example: ringfence bundle revoke bundle-3f9c0a7b21de
    """
    confirm(f"Revoke portable bundle {bundle}", yes=yes)
    row = hub().post(f"/bundles/{segment(bundle)}/revoke")
    output.tell(
        f"Portable bundle {row['id']} revoked. Whoever has the file and its passphrase can still read it until you "
        "change the phones' secrets: ringfence sip rotate",
        row,
        as_json=as_json,
    )


@app.command()
def portable(out: Out, as_json: AsJson = False) -> None:
    """Write the program that serves this hub's bundles: one file, for Python 3.11 and newer on any system.

    Example: ringfence bundle portable --out ringfence-portable.pyz
    """
    size = 0
    with new_file(out) as file:
        for part in hub().download("/bundles/portable"):
            size += file.write(part)
    output.tell(
        f"{out}: {size:,} bytes. At home: python3 {out.name} FILE.rfb", {"file": str(out), "size_bytes": size},
        as_json=as_json,
    )  # fmt: skip


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")],
    passphrase_file: PassphraseFile = None,
    identity: Annotated[Path | None, typer.Option(help="The file with the age identity, if it is for one.")] = None,
    key: Annotated[
        str, typer.Option(help="The hub's public key, in hexadecimal; it is asked for by default.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say what is in a bundle, once it is opened and its signature checked.

    Example: ringfence bundle inspect anna.rfb
    """
    from ringfence.portable import bundle as bundles
    from ringfence.portable.age_identity import Identity
    from ringfence.portable.primitives import best

    opener = _asker(passphrase_file) if identity is None else Identity.parse(_text(identity))
    opened = bundles.open_bundle(file, opener, _key(key), best())
    try:
        _show(opened.manifest.to_dict(), as_json=as_json)
    finally:
        opened.close()


def _show(manifest: Row, *, as_json: bool) -> None:
    if as_json:
        output.show_json(manifest)
        return
    output.say(
        f"Bundle {manifest['bundle']}, number {manifest['number']}, with release {manifest['release']} of "
        f"{manifest['site']}. Made {output.when(manifest['made_at'])}, good until "
        f"{output.when(manifest['expires_at'])}."
    )
    output.show_table(manifest["phones"], [("PHONE", field("mac")), ("MODEL", field("model")), ("NAME", field("name"))],
                      empty="No phones.")  # fmt: skip
    output.show_table(manifest["files"], [("FILE", field("name")), ("BYTES", field("length")), ("KIND", field("kind"))],
                      empty="No files.")  # fmt: skip


def _subject(text: str) -> dict[str, str]:
    """Return which site or phone is meant: twelve hexadecimal digits are a phone's."""
    from ringfence.phones.errors import BadMac
    from ringfence.phones.mac import Mac

    try:
        return {"mac": str(Mac.parse(text))}
    except BadMac:
        return {"site": text}


def _passphrase(file: Path | None) -> Secret:
    """Return the passphrase that was given; an empty one asks for a new one."""
    if file is not None:
        return Secret(_text(file).partition("\n")[0].removesuffix("\r"))
    typed = typer.prompt("Passphrase (empty for a new one)", default="", hide_input=True, show_default=False)
    if typed and typer.prompt("Once more", hide_input=True) != typed:
        raise BadArgument("the two passphrases differ")
    return Secret(typed)


def _asker(file: Path | None) -> Callable[[], bytes]:
    def ask() -> bytes:
        if file is not None:
            return _text(file).partition("\n")[0].removesuffix("\r").encode()
        return str(typer.prompt("Passphrase", hide_input=True)).encode()

    return ask


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST_PASSPHRASE_BYTES).decode("utf-8", "replace")
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="FILE") from None


def _key(text: str) -> bytes:
    told = text or str(hub().get("/bundles/key")["signing_key"])
    try:
        return bytes.fromhex(told)
    except ValueError:
        raise BadArgument("a hub's key has 64 hexadecimal digits") from None
