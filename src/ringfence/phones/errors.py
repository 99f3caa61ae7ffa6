"""What can be wrong with phones, their settings, their files and their SIP messages."""

from ringfence.errors import (
    BadInput,
    ContentRefused,
    NotFound,
    PeerFault,
)


class BadMac(BadInput):
    """A text that is not the MAC address of a phone."""


class UnknownFamily(NotFound):
    """A family of phones that this version does not know."""


class UnknownSetting(NotFound):
    """A setting that none of the families in question has."""


class ValueOutOfRange(BadInput):
    """A value that its setting does not take."""


class LimitExceeded(BadInput):
    """A value is longer or greater than the phone's firmware takes for that element."""


class CredentialsDisagree(BadInput):
    """Two lines of one phone have different credentials, and the firmware holds one per device."""


class RenderFault(BadInput):
    """A template failed, or made a file that is not well-formed XML; nothing was produced."""


class ConfigurationRejected(ContentRefused):
    """A phone would discard this file, silently and whole."""


class BadSipMessage(PeerFault):
    """Bytes that are no SIP message, or one beyond the limits that we keep."""


class IncompletePhone(BadInput):
    """A phone lacks something without which its configuration is of no use."""


class BadPatch(BadInput):
    """A patch names no element of a phone's file, or one that can't hold a text."""


class UnknownModel(NotFound):
    """A model of phone that no family has."""


class BadFamily(BadInput):
    """A family that somebody added does not fit together."""


class BadTemplateName(BadInput):
    """A template is for a file that phones can't ask for."""


class BadLoads(BadInput):
    """A .loads file that can't be read, or names what can't be."""


class UnfitAccount(BadInput):
    """A SIP account can't be held by the PBX that it is written for."""


class NotImportable(BadInput):
    """A file that is there already can't be read back as a phone."""


class BadAsset(BadInput):
    """A sound, picture or language file that can't be made into what phones take."""


class BadFields(ContentRefused):
    """A trust list, a signed or encrypted file, or a frame can't be read; the error says what is wrong, and where."""


class WrongKey(ContentRefused):
    """A file was not signed by the key of this certificate, or not encrypted to it."""


class UnfitCertificate(BadInput):
    """Phones would not take a certificate for what it is to do."""


class BadTrustFrame(PeerFault):
    """Bytes that are no frame of CAPF or TVS, or one beyond the limits that we keep."""


class CertificateRefused(PeerFault):
    """Whoever speaks for a phone did not show that phone's certificate; ``refusal`` names why (``trust/refusals.py``).

    Args:
        refusal: A ``CertificateRefusal``.
        what: Its sentence.
        detail: What was seen, where that helps: a name, an issuer.
    """

    def __init__(self, refusal: str, what: str, detail: str = "") -> None:
        super().__init__(what, where=detail)
        self.refusal = refusal
