"""A virtual phone's directory key: it opens menus, lists and forms over HTTP, and types as somebody at the phone does.

Source: Cisco Unified IP Phone Services Application Development Notes, CiscoIPPhoneMenu, -Directory and -Input; Snom's
forms name the place of what was typed in their URL.
"""

import http.client
from urllib.parse import quote_plus, urlsplit

from lxml import etree

from ringfence.server.errors import FileRefused
from ringfence.sim.provisioning import CONNECT_S

_LARGEST_BYTES = 1 << 20
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


class DirectoryKey:
    """What a phone shows after its directory key was pressed: a menu, a list or a form."""

    def __init__(self, url: str, *, source_host: str | None = None) -> None:
        """Open ``url``. FileRefused, or OSError where nobody answers there."""
        self._source = (source_host, 0) if source_host else None
        self._shown = self._fetch(url)

    @property
    def title(self) -> str:
        """What it shows at the top."""
        return self._shown.findtext("Title") or ""

    @property
    def prompt(self) -> str:
        """What it tells its user."""
        return self._shown.findtext("Prompt") or ""

    @property
    def items(self) -> dict[str, str]:
        """The items of a menu, with what they open."""
        return {each.findtext("Name") or "": each.findtext("URL") or "" for each in self._shown.iterfind("MenuItem")}

    @property
    def entries(self) -> dict[str, str]:
        """The names of a list, with what is dialled for them."""
        rows = self._shown.iterfind("DirectoryEntry")
        return {each.findtext("Name") or "": each.findtext("Telephone") or "" for each in rows}

    def choose(self, item: str) -> None:
        """Open an item of the menu; KeyError where it is not there."""
        self._shown = self._fetch(self.items[item])

    def type(self, text: str) -> None:
        """Type into the form and send it off."""
        url, token = self._shown.findtext("URL") or "", self._shown.findtext("InputItem/InputToken")
        if token:
            self._shown = self._fetch(url.replace(token, quote_plus(text)))
            return
        parameter = self._shown.findtext("InputItem/QueryStringParam") or ""
        self._shown = self._fetch(f"{url}?{quote_plus(parameter)}={quote_plus(text)}")

    def _fetch(self, url: str) -> "etree._Element":
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 80, timeout=CONNECT_S, source_address=self._source
        )
        try:
            connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise FileRefused(1, str(answer.status), where=url)
            return etree.fromstring(answer.read(_LARGEST_BYTES), _PARSER)
        finally:
            connection.close()
