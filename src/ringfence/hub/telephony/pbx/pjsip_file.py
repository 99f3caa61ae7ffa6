"""pjsip_ringfence.conf as it stands at Asterisk: which steps of UpdateConfig make it hold other passwords.

An endpoint names its authentication sections; each password has a section of its own. A section exists before an
endpoint names it, and as long as one does: an endpoint that names one that is not there answers 500 to everything.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ringfence.hub.errors import PbxRefused
from ringfence.hub.telephony.pbx.port import Credential

FILE = "pjsip_ringfence.conf"
_CATEGORY = re.compile(r"Category-(\d+)")
_LINE = re.compile(r"Line-(\d+)-\d+")


@dataclass(frozen=True, slots=True)
class ConfigStep:
    """One action of UpdateConfig."""

    action: str
    section: str
    variable: str = ""
    value: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, without their numbers."""
        found = {"Action": self.action, "Cat": self.section}
        if self.variable:
            # A leading > is taken for the end of =>, so that there must be another one.
            value = f">{self.value}" if self.value.startswith(">") else self.value
            found |= {"Var": self.variable, "Value": value}
        return found


@dataclass(slots=True)
class PjsipFile:
    """The sections of the file; ``names`` is what each line's endpoint names, as far as ``steps`` has come."""

    auths: dict[str, dict[str, str]]
    names: dict[str, tuple[str, ...]]
    where: str
    _removed: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, answer: Mapping[str, str], where: str) -> "PjsipFile":
        """Return the file in GetConfig's answer."""
        sections: dict[str, tuple[str, dict[str, str]]] = {}
        for key, value in answer.items():
            if found := _CATEGORY.fullmatch(key):
                sections[found[1]] = (value, {})
            elif (found := _LINE.fullmatch(key)) and found[1] in sections:
                name, _equals, text = value.partition("=")
                sections[found[1]][1][name] = text
        auths: dict[str, dict[str, str]] = {}
        names: dict[str, tuple[str, ...]] = {}
        first: set[str] = set()
        for name, options in sections.values():
            if options.get("type") == "auth":
                auths[name] = options
            elif options.get("type") == "endpoint" and name not in first:
                # UpdateConfig finds the first section of a name: an endpoint behind its AOR is out of its reach.
                names[name] = tuple(each.strip() for each in options.get("auth", "").split(",") if each.strip())
            first.add(name)
        return cls(auths, names, where)

    def steps(self, credentials: Sequence[Credential]) -> list[list[ConfigStep]]:
        """Return the steps, those in one list that must not be separated, and go by the result from now on.

        Raises:
            PbxRefused: The file has no endpoint for a line.
        """
        found: list[list[ConfigStep]] = []
        for credential in credentials:
            found += self._steps(credential)
        return found

    def is_loaded(
        self,
        credentials: Sequence[Credential],
        endpoints: Sequence[Mapping[str, str]],
        auths: Sequence[Mapping[str, str]],
    ) -> bool:
        """Return whether PJSIP has loaded what the file says of these, by its lists of endpoints and auth sections."""
        loaded = {row.get("ObjectName", ""): row for row in auths}
        named = {row.get("ObjectName", ""): set(re.split(r"[,\s]+", row.get("Auths", ""))) - {""} for row in endpoints}
        for credential in credentials:
            for line in credential.lines:
                if named.get(line) != set(self.names[line]):
                    return False
                for section, password in zip(self.names[line], credential.passwords, strict=True):
                    if section not in loaded or loaded[section].get("Password") != password.reveal():
                        return False
        return not self._removed & loaded.keys()

    def _steps(self, credential: Credential) -> Iterator[list[ConfigStep]]:
        lost = [line for line in credential.lines if line not in self.names]
        if lost:
            raise PbxRefused(
                f"Asterisk's {FILE} has no endpoint {lost[0]} that can be changed", where=self.where,
                to_do="Export the accounts again (ringfence sip export --help), then run pjsip reload.",
            )  # fmt: skip
        main = self._main(credential)
        old = self.names[credential.lines[0]][1:] if main in self.names[credential.lines[0]] else ()
        second = [old[0] if old else self._free(f"{main}-old")] if len(credential.passwords) > 1 else []
        wanted = (main, *second)
        for section, password in zip(wanted, credential.passwords, strict=True):
            yield from self._give(section, credential.user, password.reveal())
        before = {name for line in credential.lines for name in self.names[line]}
        for line in credential.lines:
            if self.names[line] != wanted:
                self.names[line] = wanted
                yield [ConfigStep("Update", line, "auth", ",".join(wanted))]
        needed = {name for names in self.names.values() for name in names}
        for section in sorted((before & self.auths.keys()) - needed):
            del self.auths[section]
            self._removed.add(section)
            yield [ConfigStep("DelCat", section)]

    def _main(self, credential: Credential) -> str:
        """Return the section for the preferred password: the lines' own, or a new one if others go by theirs too."""
        named = self.names[credential.lines[0]]
        theirs = {line for line, names in self.names.items() if named and named[0] in names}
        if named and theirs <= set(credential.lines):
            return named[0]
        return self._free(f"auth-{credential.user}")

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found in self.auths:
            number += 1
            found = f"{name}-{number}"
        return found

    def _give(self, section: str, user: str, password: str) -> Iterator[list[ConfigStep]]:
        options = {"type": "auth", "auth_type": "userpass", "username": user, "password": password}
        self._removed.discard(section)
        if section not in self.auths:
            self.auths[section] = options
            yield [ConfigStep("NewCat", section), *(ConfigStep("Append", section, *each) for each in options.items())]
        elif self.auths[section].get("password") != password:
            self.auths[section]["password"] = password
            yield [ConfigStep("Update", section, "password", password)]
