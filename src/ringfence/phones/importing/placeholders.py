"""Templates: files whose values are still to be filled in."""

import re

_MARKED = re.compile(
    r"\{\{.*\}\}|\{\$.*\}|\$\{.*\}|%%[A-Za-z_]\w*%%|\[\[[A-Za-z_ ]+\]\]|\[=+ ?[^=\]]+=+\]|"
    r"_{1,2}[A-Z][A-Z_]+_{1,2}|@@[A-Za-z_]+@@|<[A-Za-z_ ]+>|<\?.*\?>|"
    r"([!#*@=~])\1+[A-Za-z_ ]+\1{2,}|#[A-Z0-9]+(?: [A-Z0-9]+)+#"
)
# What may just as well be a password.
_LIGHTLY_MARKED = re.compile(
    r"\{[A-Za-z_]\w*\}|%[A-Za-z_]\w*%|\[[A-Za-z_ ]+\]|@[A-Za-z_]+@|\$[A-Za-z_]\w*|#[A-Za-z_ ]+#"
)
_WHAT = (
    r"ip(?:[ _-]?address)?|host(?:name)?|server|asterisk|secret|password|passwd|pass|user(?:name)?|"
    r"extension|exten|ext|number|peername|name|here|changeme|change[ _-]me|todo|fixme"
)
_WORDS = re.compile(
    rf"(?:(?:your|my|the|sip|pbx|phone|auth|line|peer|enter|insert|{_WHAT})[ _.-]*)*(?:{_WHAT})(?:[ _-]*(?:here|\d?))?",
    re.IGNORECASE,
)
_ASKED_FOR = re.compile(r"your|enter|insert|here|\s", re.IGNORECASE)
_SHOUTED = re.compile(r"[A-Z][A-Z _-]+\d?")
_CROSSES = re.compile(r"[xX]{3,}|[xX]{1,3}(?:\.[xX]{1,3}){3}|\.{3,}|\?{2,}|-{3,}")


def is_placeholder(text: str, *, is_secret: bool = False) -> bool:
    """Return whether a value is to be filled in by somebody; words that may be a value are none.

    Args:
        text: The value.
        is_secret: Whether it is a password, which may hold any characters.
    """
    if _MARKED.fullmatch(text) or _CROSSES.fullmatch(text) or (not is_secret and _LIGHTLY_MARKED.fullmatch(text)):
        return True
    is_asked_for = _SHOUTED.fullmatch(text) is not None or _ASKED_FOR.search(text) is not None
    return is_asked_for and _WORDS.fullmatch(text) is not None
