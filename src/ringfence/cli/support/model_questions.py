"""Questions about the models of imported phones, where their files do not tell them for certain."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import NotConfirmed
from ringfence.counted import counted, some
from ringfence.errors import BadInput

if TYPE_CHECKING:  # only the commands that need it load it: it loads the XML library and the templates
    from ringfence.phones.importing.outcome import Entry

_ONE_BY_ONE = "each"
_MOST_NAMED = 5


def ask_for_models(entries: "Sequence[Entry]") -> list[str]:
    """Ask for models that are not certain: once for all phones that fit the same, or one by one.

    Returns:
        What was answered, as the option ``--model`` takes it: ``MAC=MODEL``.

    Raises:
        NotConfirmed: The answer is an end: Ctrl-C, or Ctrl-D.
    """
    try:
        return list(_answers(entries))
    except typer.Abort:
        output.say("")
        raise NotConfirmed("nothing was imported", to_do="With --no-ask models stay as they are guessed.") from None


def _answers(entries: "Sequence[Entry]") -> Iterator[str]:
    from ringfence.imports.folder_import import guess_in_words, uncertain

    for group in uncertain(entries):
        phones = [entry.phone for entry in group if entry.phone is not None]
        paths = some([entry.path for entry in group], _MOST_NAMED)
        said = f"{counted(len(group), 'phone')} {guess_in_words(phones[0].guess, len(group))}: {paths}."
        output.show_paragraph(said, "")
        one_by_one = f"; {_ONE_BY_ONE}: one by one" if len(group) > 1 else ""
        answer = _ask(f"Model (Enter: as guessed{one_by_one})", may_be_each=len(group) > 1)
        for entry, phone in zip(group, phones, strict=True):
            name = _ask(f"{entry.path} (Enter: as guessed)") if answer == _ONE_BY_ONE else answer
            if name:
                yield f"{phone.mac.bare}={name}"


def _ask(question: str, *, may_be_each: bool = False) -> str:
    """Return a model's name, empty for Enter; ask again where there is no such model."""
    from ringfence.phones.families import model as model_of

    while True:
        answer = str(typer.prompt(question, default="", show_default=False, err=True)).strip()
        if not answer or (may_be_each and answer == _ONE_BY_ONE):
            return answer
        try:
            return model_of(answer)[1].name
        except BadInput as fault:
            output.show_paragraph(f"{fault.what}. {fault.to_do}", "")
