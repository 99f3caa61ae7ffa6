"""Templates: files whose values are still to be filled in."""

import re

_MARKED = re.compile(
    r"\{\{.*\}\}|\{\$.*\}|\$\{.*\}|\{[A-Za-z_]\w*\}|%%?[A-Za-z_]\w*%%?|\[\[?[A-Za-z_ ]+\]?\]|"
    r"__[A-Za-z_]+__|@@?[A-Za-z_]+@@?|<[A-Za-z_ ]+>|\$[A-Za-z_]\w*|#[A-Za-z_]+#|<\?.*\?>"
)
_WORDS = re.compile(
    r"(?:(?:your|my|the|sip|asterisk|pbx|server|phone|auth|user|line|peer|enter|insert|here)[ _.-]*)*"
    r"(?:ip(?:[ _-]?address)?|host(?:name)?|server|asterisk|secret|password|passwd|pass|user(?:name)?|"
    r"extension|exten|ext|number|peername|name|here|changeme|change[ _-]me|todo|fixme)(?:[ _-]*(?:here|\d?))?",
    re.IGNORECASE,
)
_CROSSES = re.compile(r"[xX]{3,}|[xX](?:[.][xX]){3}|[xX]{1,3}(?:\.[xX]{1,3}){3}|\.{3,}|\?{2,}|-{3,}")
_SHOUTED = re.compile(r"[A-Z][A-Z _-]+\d?")


def is_placeholder(text: str, *, may_be_word: bool = False) -> bool:
    """Return whether a value is to be filled in by somebody.

    Args:
        text: The value.
        may_be_word: Whether a plain lower-case word such as ``password`` is likelier a value than a placeholder.
    """
    if not text:
        return False
    if _MARKED.fullmatch(text) or _CROSSES.fullmatch(text):
        return True
    if _WORDS.fullmatch(text) is None:
        return False
    return not may_be_word or _SHOUTED.fullmatch(text) is not None
