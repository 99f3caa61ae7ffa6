"""``ringfence line``: SIP accounts on phones."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Lines: a phone's SIP accounts.", no_args_is_help=True)

LineKey = Annotated[int, typer.Argument(help="The line's number on the phone, from 1.", min=1)]


def _path(mac: str, index: int) -> str:
    return f"{phone_path(mac)}/lines/{index}"


@app.command("set")
def set_line(
    mac: MacAddress,
    index: LineKey,
    name: Annotated[str | None, typer.Option(help="The SIP user that registers, such as 201.")] = None,
    label: Annotated[str | None, typer.Option(help="What the phone shows next to the key.")] = None,
    display_name: Annotated[str | None, typer.Option(help="What others see when it calls.")] = None,
    auth_name: Annotated[str | None, typer.Option(help="The digest user, if it differs from the name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a line to a phone, or change one.

    Only the parts that you give change. A phone's first line gets a generated password.

    Example: ringfence line set 00:1B:54:C2:9A:10 1 --name 201 --label Anna
    """
    asked = {"name": name, "label": label, "display_name": display_name, "auth_name": auth_name}
    line = hub().put(_path(mac, index), {key: value for key, value in asked.items() if value is not None})
    if as_json:
        output.show_json(line)
    else:
        output.say(f"Line {line['index']} set: {line['name']}, shown as “{line['label']}”. Next: ringfence publish")
        if line["also_on"]:
            output.say(f"The SIP user {line['name']} is also on {', '.join(line['also_on'])}.")


@app.command("list")
@lists
def list_lines(mac: MacAddress) -> Listing:
    """List a phone's lines, without passwords.

    Example: ringfence line list 00:1B:54:C2:9A:10
    """
    columns = [
        ("LINE", field("index")),
        ("NAME", field("name")),
        ("LABEL", field("label")),
        ("DISPLAY NAME", field("display_name")),
        ("AUTH NAME", field("auth_name")),
    ]
    return Listing(
        f"{phone_path(mac)}/lines", columns, empty="No lines yet. Add one: ringfence line set MAC 1 --name USER."
    )


@app.command()
def remove(mac: MacAddress, index: LineKey, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a line from a phone.

    Example: ringfence line remove 00:1B:54:C2:9A:10 2
    """
    confirm(f"Remove line {index} of phone {mac}, with its password", yes=yes)
    hub().delete(_path(mac, index))
    said = f"Line {index} removed. Next, to take it off the phone: ringfence publish"
    output.tell(said, {"removed": {"mac": mac, "line": index}}, as_json=as_json)


@app.command()
def password(mac: MacAddress, index: LineKey, as_json: AsJson = False) -> None:
    """Show a line's SIP password; the audit log records this.

    Example: ringfence line password 00:1B:54:C2:9A:10 1
    """
    shown = hub().post(f"{_path(mac, index)}/password/reveal")
    output.tell(shown["password"], shown, as_json=as_json)


@app.command()
def rotate(mac: MacAddress, index: LineKey, as_json: AsJson = False) -> None:
    """Give a line a new generated password; change it at the PBX too.

    ``ringfence sip rotate`` changes both sides without an outage.

    Example: ringfence line rotate 00:1B:54:C2:9A:10 1
    """
    line = hub().post(f"{_path(mac, index)}/password/rotate")
    said = f"Line {index} has a new password: ringfence line password shows it. Next: ringfence publish"
    output.tell(said, line, as_json=as_json)
