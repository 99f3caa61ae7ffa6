"""What can be wrong with a bundle, where it is served, and where it comes from; each sentence in every language."""

from ringfence.errors import BadInput, ContentRefused, EnvironmentFault, NotPermitted, RingfenceError
from ringfence.portable import words
from ringfence.portable.words import Language


class PortableFault(RingfenceError):  # noqa: N818 - as the families in `ringfence.errors`
    """A fault whose sentences are in the table of words."""

    def __init__(self, key: str, *, where: str = "", **values: object) -> None:
        """Say what is wrong by the name of its sentence; that of what to do has ``-to-do`` behind it."""
        self.key = key
        self.values = values
        super().__init__(words.say("en", key, **values), where=where, to_do=self._to_do("en"))

    def _to_do(self, language: Language) -> str:
        key = f"{self.key}-to-do"
        return words.say(language, key) if words.has(key) else ""

    def in_language(self, language: Language) -> str:
        """Return the whole sentence in a language."""
        what = words.say(language, self.key, **self.values)
        place = f" ({self.where})" if self.where else ""
        return f"{what}{place}. {self._to_do(language)}".rstrip()


class UnreadableBundle(PortableFault, BadInput):
    """A file is no bundle, or can't be read."""


class WrongOpener(PortableFault, NotPermitted):
    """A passphrase or identity opens nothing here."""


class BundleRefused(PortableFault, ContentRefused):
    """A bundle is damaged, foreign, expired, or older than one that was taken."""


class CannotServe(PortableFault, EnvironmentFault):
    """The machine does not let us serve at present."""


class HubOutOfReach(PortableFault, EnvironmentFault):
    """No newer bundle could be fetched; later perhaps."""


class DownloadRefused(PortableFault, NotPermitted):
    """The hub gives this bundle out no more, or not for this password."""
