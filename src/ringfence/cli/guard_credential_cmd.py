"""``ringfence guard credential``: what phones away from their edge's wire fetch their files with."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer()
credential = typer.Typer(
    help="Provisioning credentials of phones that can give one over HTTP: Yealink and Snom.", no_args_is_help=True
)
app.add_typer(credential, name="credential")

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="The MAC address in any usual notation, or as SEP….")]


@credential.command()
def create(
    mac: MacAddress,
    only: Annotated[bool, typer.Option("--only", help="End the others at once, such as a stolen one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a phone a new credential, which its file brings it.

    The one before is good until the phone has used the new one.

    Example: ringfence guard credential create 80:5E:C0:12:34:56
    """
    made = hub().post(f"{phone_path(mac)}/credential", {"only": only})
    if as_json:
        output.show_json(made)
        return
    output.say(f"Phone {made['mac']} has a new credential. Next, to put it into its file: ringfence publish")
    output.say("It proves the phone to its edge over HTTP where its place does not, such as behind a router.")
    output.say("The phone must take that file once by its place, or be told user and password by hand.")
    output.say("It does not protect against anyone who eavesdrops: the file itself is not encrypted.")


@credential.command()
def show(mac: MacAddress, as_json: AsJson = False) -> None:
    """Show which credentials of a phone are good, and whether it has used them.

    Example: ringfence guard credential show 80:5E:C0:12:34:56
    """
    found = hub().get(f"{phone_path(mac)}/credential")
    if as_json:
        output.show_json(found)
        return
    columns = [
        ("NUMBER", output.field("serial")),
        ("CREATED", lambda row: output.when(row["created_at"])),
        ("USED BY THE PHONE", lambda row: output.when(row["proved_at"]) if row["proved_at"] else "not yet"),
    ]
    empty = f"No credential. Make one: ringfence guard credential create {found['mac']}."
    output.show_table(found["good"], columns, empty=empty)


@credential.command()
def password(mac: MacAddress, as_json: AsJson = False) -> None:
    """Show a phone's newest user and password, to type them into the phone; the audit log records this.

    Example: ringfence guard credential password 80:5E:C0:12:34:56
    """
    shown = hub().post(f"{phone_path(mac)}/credential/reveal")
    output.tell(f"{shown['user']} {shown['password']}", shown, as_json=as_json)


@credential.command()
def remove(mac: MacAddress, yes: Yes = False, as_json: AsJson = False) -> None:
    """End all of a phone's credentials: only its place on its edge's wire proves it then.

    Example: ringfence guard credential remove 80:5E:C0:12:34:56
    """
    confirm(f"Remove the credentials of phone {mac}", yes=yes)
    hub().delete(f"{phone_path(mac)}/credential")
    said = "Credentials removed. Next, to take the last one out of the phone's file: ringfence publish"
    output.tell(said, {"removed": mac}, as_json=as_json)
