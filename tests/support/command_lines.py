"""Finds the command lines that texts name: hints, help texts, docstrings and documents."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMAND = re.compile(r"(?<![\w./@-])(?<!version of )(?:/opt/ringfence/bin/)?ringfence (?=[a-z]|--version|--help)")
_PROSE_ENDS = re.compile(r"[.,;:!?)]+(?=\s|$)|[`”“)(]|\s-\s|\n\s*\n|'(?=[\s.,;]|$)")
_LINE_ENDS = re.compile(r"\s+#|\s\||\n|;\s|\s&&|`|$")
_MAKE = re.compile(r"(?:(?<=`)|(?<=')|^\s+(?:sudo )?|(?<=sudo ))make ([a-z0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Named:
    """A command line as a text names it; in prose, words that belong to the sentence may follow."""

    where: str
    words: tuple[str, ...]
    is_prose: bool
    is_mention: bool = False
    """Whether it says which command is meant, and not what to type: then arguments may be left out."""

    def readings(self) -> Iterator[tuple[str, ...]]:
        """Yield what may be meant: all of it, or in prose less, but never less than its last option or placeholder."""
        least = len(self.words)
        if self.is_prose:
            needed = [at for at, word in enumerate(self.words, 1) if word.startswith("-") or word.isupper()]
            least = max(needed, default=1)
        yield from (self.words[:count] for count in range(len(self.words), least - 1, -1))


def _split(text: str) -> tuple[str, ...]:
    text = re.sub(r"\s+", " ", text).strip()
    try:
        return tuple(shlex.split(text))
    except ValueError:  # an apostrophe
        return tuple(text.split())


def in_text(text: str, where: str, *, is_code: bool = False, is_mention: bool = False) -> Iterator[Named]:
    """Yield the command lines of a text; in code each goes to the end of its line."""
    for found in _COMMAND.finditer(text):
        begin = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        is_line = is_code or begin.strip() in {"Example:", "sudo", "$", "ExecStart="}
        ends = _LINE_ENDS if is_line else _PROSE_ENDS
        end = ends.search(text, found.end())
        words = _split(text[found.end() : end.start() if end else len(text)])
        words = tuple(word.removesuffix("'s") for word in words)
        yield Named(where, words, is_prose=not is_line, is_mention=is_mention and begin.strip() != "Example:")


def in_source(path: Path) -> Iterator[Named]:
    """Yield the command lines of a Python file's strings; what a string is filled in with is X."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.left) for node in ast.walk(tree) if isinstance(node, ast.BinOp)}
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.JoinedStr):
            pieces = [str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values]
            yield from in_text("".join(pieces), where)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield from in_text(node.value, where, is_mention=id(node) in documents)
        elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            yield from in_text(f"{node.left.value}X", where)


def in_document(path: Path) -> Iterator[Named]:
    """Yield the command lines of a document: of its blocks of code, of what stands in backticks, and of its prose."""
    text = path.read_text()
    if path.suffix in {".1", ".8"}:
        text = re.sub(r"\\f[A-Z]|\\&", "", text.replace("\\-", "-"))
    is_fenced = False
    prose: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    ") or path.suffix in {".service", ".1"}:
            yield from in_text(line.replace("=/opt", " /opt"), f"{path}:{number}", is_code=True)
        else:
            prose.append(line)
    whole = "\n".join(prose)
    for span in re.findall(r"`([^`]+)`", whole):
        yield from in_text(span, str(path), is_code=True, is_mention=True)
    yield from in_text(re.sub(r"`[^`]+`", "", whole), str(path))


def made_in(text: str) -> set[str]:
    """Return the targets of make that a text names in code."""
    return set(_MAKE.findall(text))
