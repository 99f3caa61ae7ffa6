"""Phones that hold somebody else's trust list: how it is erased at the phone (TRUST.md, PHONES.md section 4).

Such a phone refuses every file that its former owner did not sign, and nothing that is served to it changes that.
"""

from ringfence.phones.family import Fact, Family
from ringfence.phones.settings.types import Mark

_RESET = "hold # while it gets power until its keys blink, then type 123456789*0#"
_IN_SETTINGS = (
    "Settings > Security Configuration > Trust List: open the list that is there (CTL, ITL), unlock with **#, press "
    "Erase. The phone restarts."
)
_IN_SETUP = (
    "Settings (or Applications) > Administrator Settings > Security Setup > Trust List > ITL, and CTL if there is one: "
    "unlock with **#, press Erase."
)
_IN_RESETS = "Applications > Admin settings > Reset settings > Security settings: confirm. The phone restarts."
_OR_RESET = f"Or reset it: {_RESET}."
_OR_RESET_79XX = (
    f"Or, if its settings are locked, reset it: {_RESET}. It may then ask for term…default.loads: import a load for "
    "its model first."
)
ERASE_79XX = Fact(
    (_IN_SETTINGS, _OR_RESET_79XX),
    Mark.CERTAIN,
    "PHONES.md sections 4 and 7; TRUST.md, phones that were somebody else's",
)
ERASE_IN_SETUP = Fact(
    (_IN_SETUP, _OR_RESET), Mark.CERTAIN, "PHONES.md section 4; TRUST.md, phones that were somebody else's"
)
ERASE_BY_RESET = Fact(
    (_IN_RESETS, _OR_RESET),
    Mark.LIKELY,
    "pavelekshin/ciscoipphone-remote-control @738f7ca, the keys that it presses on 78xx and 88xx; TRUST.md",
)
_CLUSTER = (
    "If its Call Manager still runs: there, set “Prepare Cluster for Rollback to pre 8.0” to True and reset the phone "
    "while it is connected there. It then takes anybody's files, and nothing needs to be done at the phone. In mixed "
    "mode its CTL must go as well."
)
"""From TRUST.md, phones that were somebody else's."""
_CERTIFICATE = (
    "A certificate that its former owner gave it (LSC) stays, and is used before the maker's: the reset erases it, or "
    "later `ringfence phone certificate {mac} delete`."
)


def steps(family: Family, mac: str) -> tuple[str, ...]:
    """Return what to do with a phone of a family that holds somebody else's list, a step each; none if it holds none.

    Args:
        family: The phone's.
        mac: Its MAC address, as people write it.
    """
    if not family.erase_list.value:
        return ()
    return (_CLUSTER, *family.erase_list.value, _CERTIFICATE.format(mac=mac))
