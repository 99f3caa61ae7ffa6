"""What makes a new machine a site's box at its first start: the files that cloud-init reads (data source NoCloud).

https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html; Raspberry Pi OS reads the same ones from its
boot partition. They are JSON, which is YAML as well: what somebody names ends no line and begins no key.

The first start may be without a network for days: what needs one is a service of its own, which tries until the box is
enrolled, and is gone afterwards.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.cli.support.errors import BadArgument
from ringfence.secret import Secret

USER_DATA, META_DATA, NETWORK_CONFIG = "user-data", "meta-data", "network-config"
PACKAGES = (
    "chrony", "dnsmasq-base", "hostapd", "iproute2", "nftables", "python3-venv", "wireguard-go", "wireguard-tools",
)  # fmt: skip
LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE = 63, 8
"""Of WPA2 (IEEE 802.11, annex J.4)."""
LONGEST_SSID_BYTES = 32
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_WIRELESS = re.compile(r"wl.*")
_SSH_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [^\n\r]{0,200})?")
_FOLDER, _TOKEN_FILE = "/var/lib/ringfence-edge", "/etc/ringfence/token"
_SCRIPT = "/usr/local/sbin/ringfence-first-start"
_USER = "ringfence-edge"
_PROGRAMS = "/opt/ringfence"


@dataclass(frozen=True, slots=True)
class Wifi:
    """A Wi-Fi network; ``country`` is the two letters whose rules the radio follows.

    Raises:
        BadArgument: A part of it is none that WPA2 knows.
    """

    ssid: str
    passphrase: Secret
    country: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.ssid.encode()) <= LONGEST_SSID_BYTES or not self.ssid.isprintable():
            raise BadArgument(f"a Wi-Fi network's name has 1 to {LONGEST_SSID_BYTES} bytes", where=repr(self.ssid[:40]))
        said = self.passphrase.reveal()
        if not (SHORTEST_PASSPHRASE <= len(said) <= LONGEST_PASSPHRASE and said.isascii() and said.isprintable()):
            sizes = f"{SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE}"
            raise BadArgument(f"a Wi-Fi passphrase has {sizes} letters, digits and marks of ASCII")
        if re.fullmatch(r"[A-Z]{2}", self.country) is None:
            raise BadArgument("a country is two capital letters, such as DE", where=repr(self.country[:10]))


@dataclass(frozen=True, slots=True)
class Seed:
    """What a box is to be.

    Args:
        hostname: The machine's name, of letters, digits and hyphens.
        instance: What no other seed has: cloud-init begins anew with another one.
        token: The enrolment token for its site.
        requirement: What pip installs.
        phone_port: The interface where the phone is.
        uplink: The interface to the home's router.
        wifi: The uplink's network, if it is wireless.
        ssh_keys: Public keys that may sign in; without any, SSH stays off.

    Raises:
        BadArgument: An interface or a key is none, or uplink and Wi-Fi don't fit.
    """

    hostname: str
    instance: str
    token: Secret
    requirement: str
    phone_port: str
    uplink: str
    wifi: Wifi | None = None
    ssh_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.phone_port, self.uplink):
            if _INTERFACE.fullmatch(name) is None:
                raise BadArgument("this is not an interface's name", where=repr(name[:40]))
        if self.phone_port == self.uplink:
            raise BadArgument(
                "the phone's port can't be the uplink", where=self.uplink, to_do="Name both: a box has two interfaces."
            )
        if (self.wifi is not None) is not (_WIRELESS.fullmatch(self.uplink) is not None):
            what = "has no Wi-Fi network" if self.wifi is None else "is not wireless"
            raise BadArgument(
                f"the uplink {self.uplink} {what}",
                to_do="Name one with --wifi, or a wired interface with --uplink."
                if self.wifi is None
                else "Leave --wifi out, or name the wireless interface with --uplink.",
            )
        if not self.requirement.isprintable():
            raise BadArgument("this is nothing that pip installs", where=repr(self.requirement[:60]))
        for key in self.ssh_keys:
            if _SSH_KEY.fullmatch(key) is None:
                raise BadArgument("this is not a public key for SSH", where=repr(key[:40]))


def seed_files(seed: Seed) -> Mapping[str, str]:
    """Return the files by name. ``user-data`` and ``network-config`` hold secrets."""
    return {
        USER_DATA: "#cloud-config\n" + _json(_user_data(seed)),
        META_DATA: _json({"instance-id": seed.instance, "local-hostname": seed.hostname}),
        NETWORK_CONFIG: _json(_network_config(seed)),
    }


def _user_data(seed: Seed) -> object:
    files = [
        _file(_TOKEN_FILE, seed.token.reveal() + "\n", "0600"),
        _file(_SCRIPT, first_start(seed), "0755"),
        _file("/etc/systemd/system/ringfence-first-start.service", _FIRST_START_UNIT),
        _file("/etc/systemd/system/ringfence-box.service", box_unit(seed)),
        _file(
            "/etc/NetworkManager/conf.d/90-ringfence.conf",
            f"[keyfile]\nunmanaged-devices=interface-name:{seed.phone_port};interface-name:rf-tunnel;interface-name:rf-phone\n",
        ),
    ]
    service = {
        "name": _USER, "system": True, "homedir": _FOLDER, "no_create_home": True, "shell": "/usr/sbin/nologin",
        "lock_passwd": True,
    }  # fmt: skip
    administrator = {
        "name": "admin", "gecos": "Administrator", "shell": "/bin/bash", "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": list(seed.ssh_keys),
    }  # fmt: skip
    commands = [] if seed.ssh_keys else ["systemctl disable --now ssh.service ssh.socket || true"]
    commands += ["systemctl daemon-reload", "systemctl enable --now --no-block ringfence-first-start.service"]
    return {
        "hostname": seed.hostname,
        "ssh_pwauth": False,
        "disable_root": True,
        "users": [service, *([administrator] if seed.ssh_keys else [])],  # and not the image's own one
        "write_files": files,
        "runcmd": commands,
    }


def _network_config(seed: Seed) -> object:
    if seed.wifi is None:
        return {"version": 2, "ethernets": {seed.uplink: {"dhcp4": True, "optional": True}}}
    return {
        "version": 2,
        "wifis": {
            seed.uplink: {
                "dhcp4": True,
                "optional": True,
                "regulatory-domain": seed.wifi.country,
                "access-points": {seed.wifi.ssid: {"password": seed.wifi.passphrase.reveal()}},
            }
        },
    }


def first_start(seed: Seed) -> str:
    """Return the script that installs and enrols: each step may fail, and is done again with the next try."""
    folder = f"--folder {_FOLDER} --user {_USER}"
    return f"""#!/bin/sh
# Makes this machine a box: installs what it needs, enrols it, and starts it. Tried again until all of it has worked.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends {" ".join(PACKAGES)}
install -d -m 0700 -o {_USER} -g {_USER} {_FOLDER}
[ -x {_PROGRAMS}/bin/pip ] || python3 -m venv {_PROGRAMS}
{_PROGRAMS}/bin/pip install --no-cache-dir {_quoted(seed.requirement)}
if [ -s {_TOKEN_FILE} ]; then
    {_PROGRAMS}/bin/ringfence edge enrol - {folder} < {_TOKEN_FILE}
fi
rm -f {_TOKEN_FILE}
systemctl enable --now ringfence-box.service
for light in /sys/class/leds/ACT /sys/class/leds/led0; do
    [ ! -w "$light/trigger" ] || echo heartbeat > "$light/trigger"
done
systemctl disable ringfence-first-start.service
"""


def box_unit(seed: Seed) -> str:
    """Return the unit of the edge on a box, as ``packaging/systemd`` has it for those who install it themselves."""
    return f"""[Unit]
Description=Ringfence box: the phone's port, its files and its tunnel
After=network.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={_PROGRAMS}/bin/ringfence-edge --folder {_FOLDER} --listen 0.0.0.0:69 --user {_USER} \
--phone-port {seed.phone_port} --uplink {seed.uplink}
Restart=always
RestartSec=2
RestartPreventExitStatus=3
TimeoutStopSec=30
KillMode=process
UMask=0077
LimitNOFILE=65536
LimitCORE=0
MemoryMax=1G
TasksMax=128
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_NET_ADMIN CAP_SETGID CAP_SETPCAP CAP_SETUID \
CAP_SYS_CHROOT CAP_KILL
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths=-/etc/NetworkManager/system-connections
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


_FIRST_START_UNIT = f"""[Unit]
Description=Makes this machine a Ringfence box
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={_SCRIPT}
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
"""


def _file(path: str, content: str, permissions: str = "0644") -> Mapping[str, str]:
    return {"path": path, "content": content, "permissions": permissions}


def _quoted(text: str) -> str:
    """Return a word for the shell, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
