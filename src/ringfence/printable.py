"""Text from elsewhere, made safe to keep and to show."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, longest: int) -> str:
    """Return at most ``longest`` characters of a text, those that could act on a terminal, a log or a page replaced.

    Control characters, line and paragraph separators, marks that change the direction of writing, lone surrogates and
    other invisible characters become U+FFFD, one for one.
    """
    cut = text[:longest]
    if cut.isprintable():
        return cut
    return "".join(character if character.isprintable() else REPLACEMENT for character in cut)
