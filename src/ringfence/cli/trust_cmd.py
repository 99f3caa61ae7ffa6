"""``ringfence trust``: the keys that make an organisation's phones refuse everybody else's files."""

import base64
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli import phone_trust_cmd
from ringfence.cli.support import output
from ringfence.cli.support.api import Json, PeoplesApi, load_login
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument, FileExists
from ringfence.cli.support.files import private_file, read_bytes
from ringfence.cli.support.output import AsJson, Column, field, moment
from ringfence.cli.support.pbx_files import root_alone_reads, write_pbx_file
from ringfence.cli.support.questions import Yes, confirm, typed_secret
from ringfence.counted import counted
from ringfence.errors import EnvironmentFault
from ringfence.phones.sip.pbx_tls import CERTIFICATE, KEY, TlsPbx

if TYPE_CHECKING:
    from ringfence.hub.trust.recovery_file import RecoveryKey

app = typer.Typer(help="Phones' trust: keys for files that only these phones accept.", no_args_is_help=True)
app.command("status")(phone_trust_cmd.status)
app.command("release")(phone_trust_cmd.release)
app.command("keep")(phone_trust_cmd.keep)
app.command("adopt")(phone_trust_cmd.adopt)
app.command("rekey")(phone_trust_cmd.rekey)

PASSPHRASE = "RINGFENCE_RECOVERY_PASSPHRASE"  # noqa: S105 - the variable's name
_LARGEST_CERTIFICATE_BYTES = 20_000
_DER = b"\x30\x82"
"""How every certificate in DER begins."""
Sheet = Annotated[
    Path | None, typer.Option(help="The recovery sheet to print; FILE with .html otherwise.", show_default=False)
]
PrintPassphrase = Annotated[bool, typer.Option("--print-passphrase", help="Put the passphrase on the sheet, too.")]
RecoveryFile = Annotated[Path, typer.Argument(metavar="FILE", help="The recovery file.")]


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recovery file, which is made here.")],
    sheet: Sheet = None,
    print_passphrase: PrintPassphrase = False,
    with_file: Annotated[
        bool,
        typer.Option("--with", help="FILE is there: the recovery file of a hub that is lost, whose phones follow it."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the keys of the phones' trust; one of them only here, as a recovery file and a sheet to print.

    The hub never has that key: if it loses its own, phones follow a new one by this file alone. The passphrase is shown
    once. Nothing changes at phones.

    Example: ringfence trust init /media/usb/phones.recovery
    """
    api = hub()
    if with_file:
        from ringfence.identity.certificates import to_pem

        key = _opened(file)
        made = api.post("/trust", {"recovery_certificate": to_pem(key.certificate)})
        output.tell(
            f"Keys of the phones' trust made. Phones of the lost hub follow them after this:  "
            f"ringfence trust recover {file}",
            made, as_json=as_json,
        )  # fmt: skip
        return
    new = _NewFile(file, sheet or file.with_name(f"{file.name}.html"), print_passphrase=print_passphrase)
    made = new.given(api, "/trust", {}, as_json=as_json)
    if as_json:
        output.show_json(made)


@app.command()
def check(file: RecoveryFile, as_json: AsJson = False) -> None:
    """Show the hub that the recovery file opens and is the right one. Phones take signed files only after that.

    The passphrase comes from RINGFENCE_RECOVERY_PASSPHRASE, or is asked for. Neither it nor the key is sent.

    Example: ringfence trust check /media/usb/phones.recovery
    """
    api, key = hub(), _opened(file)
    challenge = api.post("/trust/challenge")["challenge"]
    body = {
        "challenge": challenge,
        "fingerprint": key.fingerprint,
        "signature": base64.b64encode(key.prove(base64.b64decode(challenge))).decode(),
    }
    trust = api.post("/trust/check", body)
    output.tell(f"{file} opens, and its key is SAST 2 of the phones' lists.", trust, as_json=as_json)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the keys of the phones' trust, and what is to be done about them.

    Example: ringfence trust show
    """
    trust = hub().get("/trust")
    if as_json:
        output.show_json(trust)
        return
    columns: list[Column] = [
        ("ROLE", field("role")), ("STATE", field("state")), ("KEPT IN", field("kept_in")), ("ENDS", moment("ends_at")),
        ("FINGERPRINT", lambda row: row["fingerprint"][:16]), ("NEXT STEP", field("next_step")),
    ]  # fmt: skip
    output.show_table(trust["keys"], columns, empty="No keys yet. Make them: ringfence trust init FILE.")
    if trust["recovery"]:
        output.say(trust["recovery"]["sentence"])
    if trust["list"]:
        made = trust["list"]
        output.say(f"List {made['number']}, {output.when(made['signed_at'])}: {made['why']}.")
        if made["phones_without"]:
            output.say(f"Not known to hold it: {counted(made['phones_without'], 'phone')}.")
    for each in trust["pbxes"]:
        whose = f"site {each['site']}" if each["site"] else "all sites"
        output.say(
            each["behind"]
            or f"{each['pbx'].title()} for {whose} has the certificate {each['fingerprint'][:16]}, exported "
            f"{output.when(each['made_at'])} by {each['made_by']}."
        )


@app.command()
def rotate(
    role: Annotated[str, typer.Argument(help="tftp, capf, tvs, ccm or sast-2.")],
    to: Annotated[
        Path | None, typer.Option(help="For sast-2: the new recovery file, which is made here.", show_default=False)
    ] = None,
    sheet: Sheet = None,
    print_passphrase: PrintPassphrase = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Change a key, one step at a time; phones that lack the last list are named, and the next step waits for them.

    TFTP, CAPF, TVS and CCM take two steps: a new key that phones learn, then its use. Publish after each.

    Example: ringfence trust rotate tftp
    """
    confirm(f"Take the next step of changing the key of {role}", yes=yes)
    api = hub()
    if role.lower() == "sast-2" and to is not None:
        new = _NewFile(to, sheet or to.with_name(f"{to.name}.html"), print_passphrase=print_passphrase)
        trust = new.given(api, "/trust/rotate", {"role": role}, as_json=as_json)
    else:
        trust = api.post("/trust/rotate", {"role": role})
    if as_json:
        output.show_json(trust)
        return
    made = trust["list"]
    output.say(f"List {made['number']}: {made['why']}. Phones get it with the next publish:  ringfence publish")
    if role.lower() == "ccm" and any(key["role"] == "ccm" and key["state"] == "next" for key in trust["keys"]):
        output.say("PBXes get the new key once every phone has that list, which this says:  ringfence trust show")


@app.command()
def recover(file: RecoveryFile, yes: Yes = False, as_json: AsJson = False) -> None:
    """Put a new key in the place of SAST 1, lost or not, by the recovery file; other keys that are lost are made anew.

    The recovery key signs the list here. Neither it nor its passphrase is sent.

    Example: ringfence trust recover /media/usb/phones.recovery
    """
    from ringfence.phones.trust.roles import SigningHash

    confirm("Put a new key in the place of SAST 1", yes=yes)
    api, key = hub(), _opened(file)
    begun = api.post("/trust/recovery")
    signatures = {
        form: base64.b64encode(key.sign_list(base64.b64decode(data), SigningHash[form.split()[1]])).decode()
        for form, data in begun["data"].items()
    }
    trust = api.post("/trust/recover", {"signed_at": begun["signed_at"], "signatures": signatures})
    if as_json:
        output.show_json(trust)
        return
    output.say(f"List {trust['list']['number']} has a new SAST 1, signed by the recovery key.")
    output.say("Phones get it with the next publish:  ringfence publish")


@app.command("import-ca")
def import_ca(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CA's certificate, in PEM or DER.")],
    as_json: AsJson = False,
) -> None:
    """Add a CA of a phones' maker, by whose certificates phones show who they are; 802.1X has the same ones.

    Example: ringfence trust import-ca cmca2.cer
    """
    from ringfence.identity.certificates import to_pem

    data = read_bytes(file, _LARGEST_CERTIFICATE_BYTES)
    if data.startswith(_DER):
        from cryptography import x509

        try:
            data = to_pem(x509.load_der_x509_certificate(data)).encode()
        except ValueError:
            raise BadArgument("this is not a certificate", where=str(file)) from None
    row = hub().post("/trust/authorities", {"pem": data.decode("utf-8", "replace")})
    output.tell(f"CA {row['id']} ({row['subject']}) added. All: ringfence port-authority list", row, as_json=as_json)


@app.command("export-pbx")
def export_pbx(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to write to.")],
    pbx: Annotated[TlsPbx, typer.Option("--for", help="The PBX to write files for.")],
    site: Annotated[str | None, typer.Option(help="Only phones of this site.")] = None,
    at: Annotated[
        str, typer.Option(help="Where FOLDER is at the PBX, if that is another machine.", show_default=False)
    ] = "",
    demand_certificate: Annotated[
        bool, typer.Option("--demand-certificate", help="Have the PBX refuse phones without their own certificate.")
    ] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Demand certificates though phones have none: the PBX refuses these.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite files of an export before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the PBX's certificate and private key for SIP over TLS, and the configuration for it.

    Phones with a trust list of yours take this certificate and no other. With --demand-certificate the PBX takes phones
    by the certificates that were issued to them here, and Kamailio lets each register as itself alone.

    Example: ringfence trust export-pbx /etc/kamailio/ringfence --for kamailio
    """
    if not replace:
        for name in (KEY, CERTIFICATE):
            if (folder / name).exists():
                raise FileExists("this file exists", where=str(folder / name), to_do="Replace it with --replace.")
    body = {
        "pbx": str(pbx), "folder": at or str(folder.resolve()), "site": site,
        "demand_certificate": demand_certificate, "leave_out": leave_out,
    }  # fmt: skip
    made = hub().post("/trust/pbx", body)
    files = sorted(made["files"].items())
    written = [str(write_pbx_file(folder, name, text, is_key=name == KEY)) for name, text in files]
    if as_json:
        output.show_json({"files": written, "fingerprint": made["fingerprint"], "warnings": made["warnings"]})
        return
    for warning in made["warnings"]:
        output.say(f"Mind: {warning}")
    for path in written:
        output.say(f"{path} written.")
    for path in filter(root_alone_reads, written):
        output.say(f"Only root can read {path}. If the PBX runs as somebody else, give it to that user.")
    output.say(_NEXT_AT_PBX[pbx])


_NEXT_AT_PBX = {
    TlsPbx.KAMAILIO: "Next: include kamailio-tls.cfg in kamailio.cfg as it says at its top, and restart Kamailio. "
    "After a further export: kamcmd tls.reload, and kamcmd htable.reload ringfence_phones.",
    TlsPbx.ASTERISK: "Next: #tryinclude pjsip_ringfence_tls.conf in pjsip.conf, and restart Asterisk.",
}


class _NewFile:
    """A recovery file with its sheet, made here, and given to the hub as a certificate."""

    def __init__(self, file: Path, sheet: Path, *, print_passphrase: bool) -> None:
        self._file, self._sheet, self._print_passphrase = file, sheet, print_passphrase

    def given(self, api: PeoplesApi, path: str, body: Json, *, as_json: bool) -> Json:
        """Make the files, send the hub the certificate, and say what is to be done; return the answer and the files.

        Where the hub refuses the certificate, there are no files.
        """
        from ringfence.hub.trust.recovery_file import RecoveryKey, new_passphrase
        from ringfence.hub.trust.recovery_sheet import SheetOf, recovery_sheet
        from ringfence.identity.certificates import to_pem

        organisation = api.get("/trust")["organisation"]
        key, passphrase = RecoveryKey.new(organisation), new_passphrase()
        sealed = key.sealed(passphrase)
        subject = key.certificate.subject.rfc4514_string()
        of = SheetOf(load_login().url, organisation, subject, key.fingerprint, time.time())
        page = recovery_sheet(of, sealed, passphrase.reveal() if self._print_passphrase else "")
        told: Json = {"file": str(self._file), "sheet": str(self._sheet), "passphrase": passphrase.reveal()}
        with private_file(self._file, sealed), private_file(self._sheet, page.encode()):
            try:
                made = api.post(path, {**body, "recovery_certificate": to_pem(key.certificate)})
            except EnvironmentFault:
                self._tell(told, as_json=as_json)  # the hub may have taken it: then nothing else opens the file
                raise
        if not as_json:
            self._tell(told, as_json=False)
            output.say(
                f"Print the sheet{'' if self._print_passphrase else ', write the passphrase on it'}, and keep it in a "
                f"safe. Delete {self._sheet}. Then try the file:  ringfence trust check {self._file}"
            )
        return {**made, **told}

    def _tell(self, told: Json, *, as_json: bool) -> None:
        if as_json:
            output.show_json(told)
            return
        output.say(f"{self._file} holds the key that the hub does not have, and {self._sheet} is the sheet for it.")
        output.say(f"The passphrase, shown only once:\n\n  {told['passphrase']}\n")


def _opened(file: Path) -> "RecoveryKey":
    from ringfence.hub.trust.recovery_file import open_file, typed_passphrase

    passphrase = os.environ.get(PASSPHRASE) or typed_secret("Passphrase of the recovery file")
    return open_file(file, typed_passphrase(passphrase))
