"""Commands that list things: each says what and in which columns; choosing, sorting and printing are here for all."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any, TypeVar

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import AsJson, Column, Row

T = TypeVar("T")

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="FIELD=TEXT",
        help="Only rows whose FIELD, a heading, is TEXT, in any case; FIELD~TEXT: has TEXT in it; FIELD!=TEXT: is not. "
        "Several must all fit.",
    ),
]
Sort = Annotated[
    str | None, typer.Option("--sort", metavar="FIELD", help="Sort by a heading; -FIELD: from the end of it.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="How many to show at most; all by default.")]
LimitOfNewest = Annotated[int, typer.Option("--limit", min=1, help="How many to show.")]
SortOfLog = Annotated[
    str | None,
    typer.Option("--sort", metavar="WHEN", help="when: the oldest first; -when: the newest first, as usual."),
]

_FILTER = re.compile(r"(?P<field>[^=~!]+)(?P<how>!=|=|~)(?P<text>.*)", re.DOTALL)
_SHOWN_BY_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """What a command lists: a list of the API, and how it is shown."""

    path: str
    columns: Sequence[Column]
    empty: str
    """What to say where there is nothing, with what to do next."""
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    note: Callable[[Row], str] | None = None
    """Returns a sentence to say of a row below the table; empty for none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted, in which order, and how many; by the headings of their columns."""

    filters: Sequence[str] = ()
    sort: str | None = None
    limit: int | None = None

    def of(self, rows: Iterable[Row], columns: Sequence[Column]) -> list[Row]:
        """Return the rows that are wanted; what comes after them is not asked for.

        Raises:
            BadArgument: A filter or the order names no heading.
        """
        fitting: Iterable[Row] = rows
        for text in self.filters:
            fitting = filter(_condition(text, columns), fitting)
        if self.sort is not None:
            name = self.sort.removeprefix("-")
            cell = _cell_of(name, columns)
            fitting = sorted(fitting, key=lambda row: _rank(cell(row)), reverse=self.sort != name)
        return list(islice(fitting, self.limit))

    @property
    def is_plain(self) -> bool:
        """Whether the first rows of the list are what is wanted."""
        return not self.filters and self.sort is None


def show(listing: Listing, choice: Choice, *, as_json: bool) -> None:
    """Print a list, as far as it is wanted."""
    from ringfence.cli.support.connection import hub  # an edge, which also lists, starts without it

    client = hub()
    query = dict(listing.query)
    if choice.is_plain:
        rows: list[Row] = [*client.items(listing.path, limit=choice.limit, **query)]
    else:
        rows = choice.of(client.rows(listing.path, query), listing.columns)
    if as_json:
        output.show_json(rows)
    else:
        output.show_table(rows, listing.columns, empty=listing.empty if choice.is_plain else "Nothing fits.")
        for sentence in filter(None, map(listing.note, rows) if listing.note else ()):
            output.say(sentence)


def lists(what: Callable[..., Listing]) -> Callable[..., None]:
    """Make a command of a function that says what it lists: with --filter, --sort, --limit and --json."""

    def run(
        *, filters: Filters = None, sort: Sort = None, limit: Limit = None, as_json: AsJson = False,
        **given: Any,  # noqa: ANN401 - the command's own parameters
    ) -> None:  # fmt: skip
        show(what(**given), Choice(filters or (), sort, limit), as_json=as_json)

    return described(run, what)


def lists_newest(what: Callable[..., Listing]) -> Callable[..., None]:
    """Make a command of a function that says which log it lists: with --filter, --sort, --limit and --json.

    The newest is first, or the oldest. The hub puts them in that order, so that no log is read as a whole for it.
    """

    def run(
        *, filters: Filters = None, sort: SortOfLog = None, limit: LimitOfNewest = _SHOWN_BY_DEFAULT,
        as_json: AsJson = False,
        **given: Any,  # noqa: ANN401 - the command's own parameters
    ) -> None:  # fmt: skip
        log = what(**given)
        ordered = replace(log, query={**log.query, "sort": order_of_log(sort)})
        show(ordered, Choice(filters or (), None, limit), as_json=as_json)

    return described(run, what)


def order_of_log(sort: str | None) -> str | None:
    """Return in which order the hub is asked for a log; None where nobody said.

    Raises:
        BadArgument: It is none that a log has.
    """
    if sort is None:
        return None
    name = sort.removeprefix("-")
    if _folded(name) != "when":
        raise BadArgument(
            f"a log is not sorted by {name.strip()[:40]!r}", to_do="By when: the oldest first; by -when: the newest."
        )
    return "when" if name == sort else "-when"


def described(run: Callable[..., T], what: Callable[..., object], *given_by_run: str) -> Callable[..., T]:
    """Return ``run`` under the name, help and place of ``what``, with the parameters of both.

    Args:
        run: What is called; it takes those of ``what`` as ``given``.
        what: A command, or what says what one lists.
        given_by_run: Parameters of ``what`` that are no options, as ``run`` gives them itself.
    """
    parameters_of_what = inspect.signature(what, eval_str=True).parameters.values()
    own = [each for each in parameters_of_what if each.name not in given_by_run]
    added = [each for each in inspect.signature(run, eval_str=True).parameters.values() if each.name != "given"]
    functools.update_wrapper(run, what)
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *added)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks at first
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    del run.__wrapped__  # type: ignore[attr-defined]  # its parameters are fewer
    return run


def _condition(text: str, columns: Sequence[Column]) -> Callable[[Row], bool]:
    parts = _FILTER.fullmatch(text)
    if parts is None:
        raise BadArgument(
            f"{text[:60]!r} is no filter", to_do="Write it like SITE=berlin, MODEL~88 or STATE!=connected."
        )
    cell = _cell_of(parts["field"], columns)
    asked = parts["text"].strip().casefold()
    match parts["how"]:
        case "=":
            return lambda row: output.shown(cell(row)).casefold() == asked
        case "!=":
            return lambda row: output.shown(cell(row)).casefold() != asked
        case _:
            return lambda row: asked in output.shown(cell(row)).casefold()


def _cell_of(name: str, columns: Sequence[Column]) -> Callable[[Row], object]:
    asked = _folded(name)
    for heading, cell in columns:
        if _folded(heading) == asked:
            return cell
    known = ", ".join(heading.lower().replace(" ", "-") for heading, _cell in columns if heading)
    raise BadArgument(f"there is no field {name.strip()[:40]!r} here", to_do=f"There are: {known}.")


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip()).casefold()


def _rank(value: object) -> tuple[int, float, str]:
    """Return what a cell is sorted by: numbers before texts, and nothing last."""
    if value is None or value == "":
        return (2, 0, "")
    if isinstance(value, bool | int | float):
        return (0, value, "")
    plain = str(value)
    digits = plain.replace(",", "")
    return (0, float(digits), "") if re.fullmatch(r"\d+(?:\.\d+)?", digits) else (1, 0, plain.casefold())
