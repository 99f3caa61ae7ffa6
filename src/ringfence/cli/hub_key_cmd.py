"""``ringfence hub keys``: the hub's own keys, and their changes."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="The hub's own keys: what each is for, when it ends, and changing it.", no_args_is_help=True)


@app.command("list")
@lists
def list_hub_keys() -> Listing:
    """List every key of the hub: what it is for, its age, its end, and what is done with it next.

    WAITING says how many sites or sealed values do not follow the newest key yet.

    Example: ringfence hub keys list
    """
    columns = [
        ("KEY", field("key")),
        ("MEANING", field("meaning")),
        ("ALGORITHM", field("algorithm")),
        ("NAMED", lambda row: str(row["fingerprint"])[:16]),
        ("MADE", moment("made_at")),
        ("ENDS", moment("ends_at")),
        ("WAITING", field("waiting")),
        ("KEPT IN", field("kept_in")),
        ("NEXT", field("next_step")),
        ("PROBLEM", field("problem")),
    ]
    return Listing("/hub-keys", columns, empty="The hub has no keys.")


@app.command()
def rotate(
    key: Annotated[str, typer.Argument(help="sealing, root, targets, snapshot or timestamp.")],
    alone: Annotated[
        bool, typer.Option("--alone", help="No other process of the hub runs with a copy of its keys.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a new key in the place of one, while the hub runs; what the old one signed or sealed follows by itself.

    Edges that are off follow when they are back, however long that is. The CA is changed with `ringfence hub move DIR
    --new-authority`. Copies from before do not have the new key: make one afterwards.

    Example: ringfence hub keys rotate timestamp --yes
    """
    confirm(f"Put a new key in the place of the hub's {key} key", yes=yes)
    made = hub().post(f"/hub-keys/{key}/rotate", {"alone": alone})
    output.tell(
        f"The new {key} key is {made['fingerprint'][:16]}. What follows: ringfence hub keys list. Make a copy of the "
        "hub once WAITING is 0: ringfence hub backup DIR FILE",
        made,
        as_json=as_json,
    )


@app.command()
def retire(
    leave_broken: Annotated[
        bool, typer.Option("--leave-broken", help="Leave values behind that can't be opened by any key.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove the sealing keys before the newest one, once nothing in the database is sealed by them.

    Copies of the hub from before open as ever, as each copy has its keys. A copy of the database alone needs the keys
    of its time.

    Example: ringfence hub keys retire --yes
    """
    confirm("Remove the sealing keys before the newest", yes=yes)
    done = hub().post("/hub-keys/sealing/retire", {"leave_broken": leave_broken})
    output.tell(f"Sealing keys removed: {done['retired']}.", done, as_json=as_json)
