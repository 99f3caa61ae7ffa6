"""What can go wrong with the keys behind phones' trust lists."""

from ringfence.errors import BadInput, Conflict, ContentRefused, EnvironmentFault, NotFound


class UnknownTrustRole(NotFound):
    """No key of phones' trust has this role."""


class TrustNotInitialised(NotFound):
    """The organisation has no keys for its phones' trust yet."""


class TrustInitialised(Conflict):
    """The organisation has keys for its phones' trust already."""


class TrustKeyMissing(EnvironmentFault):
    """A key is not where it is kept."""


class TrustKeyForeign(ContentRefused):
    """What is kept as a key is none, or another one than its certificate's."""


class TrustKeyStoreAway(EnvironmentFault):
    """What keeps the keys does not answer, or refuses."""


class TrustClockWrong(EnvironmentFault):
    """A clock is so wrong that what is made now would not be valid."""


class PhonesBehind(Conflict):
    """Phones are not known to hold the newest list, and could not take the one after the next."""


class RotationBegun(Conflict):
    """Somebody else takes the same step at the same time."""


class SastLost(EnvironmentFault):
    """The key that signs lists is not there."""


class RecoveryFileNeeded(BadInput):
    """What is asked for needs the recovery file."""


class RecoveryNotProven(Conflict):
    """Nobody has shown yet that the recovery file opens."""


class BadRecoveryCertificate(BadInput):
    """What should be the certificate of the recovery key can't be one."""


class BadRecoveryFile(ContentRefused):
    """A file is no recovery file, is cut short or damaged."""


class NotAListToSign(ContentRefused):
    """What the recovery key is to sign is no trust list."""


class RecoveryPassphraseWrong(BadInput):
    """A passphrase does not open a recovery file."""


class ForeignRecoveryFile(BadInput):
    """A recovery file holds a key that was never this organisation's."""


class OlderRecoveryFile(BadInput):
    """A recovery file holds a key that another one has taken the place of."""


class ChallengeRefused(BadInput):
    """A challenge is not the hub's, is too old, or is not signed by the key that it is said to be."""


class PbxBehind(Conflict):
    """A PBX has a certificate that phones would not know any more."""


class PhonesWithoutCertificate(Conflict):
    """Phones have no certificate that a PBX could demand."""
