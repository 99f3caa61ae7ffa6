"""``ringfence phone certificate``: a phone's own certificates, and what it is to do about them."""

from enum import StrEnum
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm


class CertificateAction(StrEnum):
    """What is done about a phone's certificate."""

    SHOW = "show"
    FETCH = "fetch"
    ISSUE = "issue"
    DELETE = "delete"
    CANCEL = "cancel"


_PROOFS = {"fresh": "of its own", "replayable": "may be recorded"}
_DOES = {
    "fetch": "give its certificate",
    "issue": "make a key and take a certificate",
    "delete": "delete its certificate",
}


def certificate(
    mac: MacAddress,
    action: Annotated[CertificateAction, typer.Argument(help="What to do.")] = CertificateAction.SHOW,
    password: Annotated[
        bool,
        typer.Option("--password", help="With issue: make an authentication string, to type at the phone."),
    ] = False,
    bits: Annotated[int, typer.Option(help="With issue: the size of the phone's new RSA key, 1024 or 2048.")] = 2048,
    pem: Annotated[bool, typer.Option("--pem", help="With show: print the certificates in PEM.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show a phone's certificates, or say what it is to do about them when it connects to CAPF the next time.

    A phone connects when it starts, if its file names a CAPF. Each session shows its certificate, also without an
    order. issue has the phone make a key and gives it a certificate for it; for one that has one, this renews it.
    delete revokes that certificate at once. cancel takes an order back.

    Example: ringfence phone certificate 00:1B:54:C2:9A:10 issue --password
    """
    path = f"{phone_path(mac)}/certificate"
    match action:
        case CertificateAction.SHOW:
            _show(hub().get(path), pem=pem, as_json=as_json)
        case CertificateAction.FETCH:
            _tell(hub().post(f"{path}/fetch"), "fetch", as_json=as_json)
        case CertificateAction.ISSUE:
            ordered = hub().post(f"{path}/issue", {"key_bits": bits, "with_password": password})
            _tell(ordered, "issue", as_json=as_json)
        case CertificateAction.DELETE:
            confirm(f"Revoke and delete the certificate that was issued to phone {mac}", yes=yes)
            _tell(hub().delete(path), "delete", as_json=as_json)
        case CertificateAction.CANCEL:
            hub().delete(f"{path}/order")
            output.tell("The phone keeps its certificate as it is.", {"cancelled": mac}, as_json=as_json)


def _show(found: Row, *, pem: bool, as_json: bool) -> None:
    if as_json:
        output.show_json(found)
        return
    if pem:
        for row in found["certificates"]:
            output.show_text(row["pem"])
        return
    columns = [
        ("KIND", lambda row: row["kind"].upper()),
        ("SERIAL", field("serial")),
        ("ENDS", moment("ends_at")),
        ("PROOF", lambda row: _PROOFS.get(row["proof"], row["proof"])),
        ("STATE", lambda row: "revoked" if row["revoked_at"] else "" if row["is_stored"] else "not taken by the phone"),
        ("SEEN", moment("seen_at")),
        ("SUBJECT", field("subject")),
    ]
    empty = "It has shown no certificate yet. It does when its file names a CAPF, and the phone starts."
    output.show_table(found["certificates"], columns, empty=empty)
    if (waiting := found["waiting"]) is not None:
        output.say(f"When it connects, it is to {_DOES[waiting['operation']]}; until {output.when(waiting['until'])}.")
        if waiting["refusal"]:
            output.say(f"At the last try it was refused: {waiting['refusal_sentence']}.")


def _tell(answer: Row, operation: str, *, as_json: bool) -> None:
    if as_json:
        output.show_json(answer)
        return
    if operation == "delete":
        output.say("What was issued to the phone is revoked.")
    output.say(f"When the phone connects, it is to {_DOES[operation]}.")
    output.say(f"Next, so that its file leads it there: ringfence publish, and ringfence phone reload {answer['mac']}")
    if operation == "issue" and answer["password"] is not None:
        output.say(f"Type this at the phone, under Security, LSC: {answer['password']}")
        output.say("It is shown this once.")
