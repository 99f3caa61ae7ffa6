"""What can go wrong where people come in: accounts, passwords, second steps, passkeys and providers."""

from ringfence.errors import BadInput, Conflict, EnvironmentFault, NotFound, NotPermitted
from ringfence.hub.errors import TooManyTries


class UnknownPerson(NotFound):
    """Nobody has this id or name."""


class UnknownSession(NotFound):
    """No session has this id, or it has ended."""


class UnknownSignInProvider(NotFound):
    """No sign-in provider of the organisation has this id."""


class SignInProviderTaken(Conflict):
    """A sign-in provider has this id already."""


class UnknownPasskey(NotFound):
    """Somebody has no passkey with this id."""


class PersonTaken(Conflict):
    """Somebody signs in with this name already."""


class LastOwner(Conflict):
    """Without this owner nobody could manage the organisation, or the hub."""


class PasswordRefused(BadInput):
    """A password that is too short, too long, or easily guessed."""


class SecondStepRefused(BadInput):
    """A second step that can't be set up as it was asked."""


class SignInProviderRefused(BadInput):
    """A sign-in provider that can't be set up as it was asked."""


class PasskeyRefused(BadInput):
    """A passkey that can't be added, or an answer of one that proves nothing."""


class PasskeysUnavailable(BadInput):
    """Browsers use no passkey at a hub that is reached by an address alone."""


class SignInProviderUnavailable(EnvironmentFault):
    """A sign-in provider can't be reached, may not be, or does not answer as the standard has it."""


class PasswordsBusy(EnvironmentFault):
    """As many passwords as the machine has memory for are being checked."""


class NotSignedIn(NotPermitted):
    """The request carries no API token and no session that this hub knows."""


class SignInRefused(NotSignedIn):
    """Name, password, code or link let nobody in."""


class TooManySignIns(TooManyTries):
    """Too many sign-ins were refused."""


class ConfirmationNeeded(NotPermitted):
    """Who is signed in must prove again who they are."""


class ForgedRequest(NotPermitted):
    """Another site may have made the browser send this request."""
