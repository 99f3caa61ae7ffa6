"""What pages lead to: each caller sees what is for their role."""

from dataclasses import dataclass

from ringfence.hub.people import rights
from ringfence.hub.people.callers import Caller


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """One entry of the navigation; it is for those who may use its path by ``method``."""

    title: str
    path: str
    method: str = "GET"
    is_of_hub: bool = False
    """Whether it is for those who run the hub."""

    def is_at(self, path: str) -> bool:
        """Return whether a page belongs to this entry."""
        return path == self.path or (self.path != "/" and path.startswith(self.path + "/"))


ENTRIES = (
    NavigationEntry("Overview", "/"),
    NavigationEntry("Sites", "/sites"),
    NavigationEntry("Edges", "/edges"),
    NavigationEntry("Jobs of edges", "/edge-jobs"),
    NavigationEntry("Phones", "/phones"),
    NavigationEntry("Discovered phones", "/guard/waiting"),
    NavigationEntry("Activation codes", "/activations"),
    NavigationEntry("Drafts", "/drafts"),
    NavigationEntry("Publish", "/publish", "POST"),
    NavigationEntry("Rollouts", "/rollouts"),
    NavigationEntry("Alerts", "/guard/alerts"),
    NavigationEntry("Guard's log", "/guard/log"),
    NavigationEntry("Windows", "/guard/windows"),
    NavigationEntry("Bans", "/guard/bans"),
    NavigationEntry("Settings", "/settings/organisation"),
    NavigationEntry("Catalogue of settings", "/settings/catalogue"),
    NavigationEntry("Groups", "/groups"),
    NavigationEntry("Phone books", "/phone-books"),
    NavigationEntry("Templates", "/templates"),
    NavigationEntry("Firmware", "/firmware"),
    NavigationEntry("Rings and wallpapers", "/assets"),
    NavigationEntry("PBXes", "/pbxes"),
    NavigationEntry("Concentrators", "/concentrators"),
    NavigationEntry("VPN head ends", "/vpn"),
    NavigationEntry("CAs for 802.1X", "/port-authorities"),
    NavigationEntry("Portable bundles", "/bundles"),
    NavigationEntry("Phones' trust", "/trust"),
    NavigationEntry("SIP secrets", "/sip/rotations"),
    NavigationEntry("Alert channels", "/alert-channels"),
    NavigationEntry("People", "/people"),
    NavigationEntry("Sign-in providers", "/sign-in-providers"),
    NavigationEntry("API tokens", "/api-tokens"),
    NavigationEntry("Audit log", "/audit"),
    NavigationEntry("Organisations", "/organisations", is_of_hub=True),
    NavigationEntry("Hub", "/hub", is_of_hub=True),
)


def entries_for(caller: Caller) -> list[NavigationEntry]:
    """Return the entries that somebody may use."""
    return [
        entry
        for entry in ENTRIES
        if rights.may(caller.role, entry.method, entry.path, is_limited=caller.is_limited)
        and (caller.is_hubwide or not entry.is_of_hub)
    ]
