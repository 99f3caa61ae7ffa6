"""``ringfence trust status|release|keep|adopt|rekey``: how far phones are with files that only they accept."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, complete_phone
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted


def _state(row: Row) -> str:
    """Return how far a phone is, and whether its list makes it come by HTTPS."""
    return f"{row['state']}, https" if row["has_https_list"] else str(row["state"])


COLUMNS = (
    ("PHONE", field("mac")), ("SITE", field("site")), ("MODEL", field("model")), ("WANTED", field("wanted")),
    ("STATE", _state), ("LIST TAKEN", moment("list_taken_at")), ("NEXT STEP", field("next_step")),
)  # fmt: skip


@lists
def status(
    site: Annotated[str | None, typer.Argument(help="Only phones of this site.")] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Only phones that have not taken their newest list or key.")
    ] = False,
) -> Listing:
    """List how far phones are with files that only they accept, and what comes next for each.

    Example: ringfence trust status anna-s-home
    """
    query = {"site": site, "late": "true" if late else None}
    return Listing("/phone-trust", COLUMNS, "No phones.", query)


def release(mac: MacAddress, yes: Yes = False, as_json: AsJson = False) -> None:
    """Let a phone go, such as one that is sold: it takes a list that makes it accept anybody's files again.

    That needs a publish and a boot at its site; `ringfence trust status` says when it was seen to have worked.

    Example: ringfence trust release 00:1B:54:C2:9A:10
    """
    confirm(f"Let phone {mac} take anybody's files again", yes=yes)
    shown = hub().post(f"/phone-trust/{segment(mac)}/release")
    output.tell(f"Phone {mac} is let go with the next publish. {shown['next_step']}", shown, as_json=as_json)


def keep(mac: MacAddress, as_json: AsJson = False) -> None:
    """Take back that a phone be let go, as long as it has not taken the list that does it.

    Example: ringfence trust keep 00:1B:54:C2:9A:10
    """
    shown = hub().post(f"/phone-trust/{segment(mac)}/keep")
    output.tell(f"Phone {mac} is kept.", shown, as_json=as_json)


def adopt(
    mac: MacAddress,
    erased: Annotated[
        bool, typer.Option("--erased", help="Its list was erased, or it was reset, at the phone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take over a phone that was somebody else's, was let go, or was erased: say what to do, and offer it a list anew.

    A phone that holds somebody else's list refuses all files that are not signed by that. What erases it at the phone
    depends on the model; this command names the steps, and by what one sees that they worked.

    An SPA or Multiplatform phone that was reset is offered its first profile again, with a new key.

    Example: ringfence trust adopt 00:1B:54:C2:9A:10
    """
    path = f"/phone-trust/{segment(mac)}"
    shown = hub().get(path)
    if erased or not shown["holds_list"]:
        shown = hub().post(f"{path}/adopt" + ("?erased=true" if erased else ""))
        said = [f"Phone {mac}, {shown['model']}, is begun with anew. {shown['next_step']}"]
    else:
        said = [f"Phone {mac}, {shown['model']}, may hold a list of this organisation: nothing was changed."]
    if shown["steps"] and not erased:
        said += ["", "If it holds somebody else's trust list, or was reset:"]
        said += [f"  {number}. {step}" for number, step in enumerate(shown["steps"], 1)]
        said += ["", shown["worked_when"], f"Then: ringfence trust adopt {mac} --erased"]
    output.tell("\n".join(said), shown, as_json=as_json)


def rekey(
    mac: Annotated[str | None, typer.Argument(help="A phone's MAC address.", autocompletion=complete_phone)] = None,
    site: Annotated[str | None, typer.Option(help="All phones of this site that have a key.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give SPA or Multiplatform phones new keys for their profiles; the old ones end once the phones have followed.

    Phones that have not taken the key that they have are named, and keep it.

    Example: ringfence trust rekey --site anna-s-home
    """
    if (mac is None) == (site is None):
        raise BadArgument("give one phone, or --site", to_do="Example: ringfence trust rekey --site anna-s-home")
    confirm(f"Give {f'phone {mac}' if mac else f'the phones of site {site}'} new keys for their profiles", yes=yes)
    api = hub()
    if mac is not None:
        shown = api.post(f"/phone-trust/{segment(mac)}/rekey")
        output.tell(f"Phone {mac} gets key {shown['profile_key']} with the next publish.", shown, as_json=as_json)
        return
    phones = [each for each in api.items("/phone-trust", site=site) if each["profile_key"] is not None]
    behind = [each["mac"] for each in phones if not each["has_newest_key"]]
    changed = [api.post(f"/phone-trust/{segment(each['mac'])}/rekey") for each in phones if each["has_newest_key"]]
    if as_json:
        output.show_json({"changed": [each["mac"] for each in changed], "behind": behind})
        return
    if changed:
        output.say(f"New keys for {counted(len(changed), 'phone')} come with the next publish:  ringfence publish")
    elif not behind:
        output.say(f"No phone of site {site} has a key for its profiles.")
    if behind:
        output.say(f"Not seen to take the key that they have, and left with it: {', '.join(behind)}")
