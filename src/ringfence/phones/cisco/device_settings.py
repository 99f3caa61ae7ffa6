"""Cisco enterprise phones: the settings of display, keys, access and firmware, in operators' words."""

from dataclasses import replace

from ringfence.phones.settings.builders import (
    ON_IS_0,
    ON_IS_1,
    ON_IS_2,
    TRUE_FALSE,
    choice_setting,
    number_setting,
    text_setting,
    url_setting,
    yes_no_setting,
)
from ringfence.phones.settings.types import (
    HOST_CHARACTERS,
    Form,
    Mark,
    Setting,
    SettingType,
)

DISPLAY = (
    text_setting("phone_label", "The text at the top of the phone's screen.", "phoneLabel", 12),
    text_setting(
        "user_locale",
        "The language, by the name of its file, such as German_Germany; empty: English.",
        "userLocale/name",
        64,
        Form.FILE_NAME,
    ),
    text_setting("user_locale_code", "The language's code, such as de_DE.", "langCode", 10, Form.WORD),
    text_setting(
        "user_locale_version",
        "The version of the language's files; the phone fetches them again when it changes.",
        "userLocale/version",
        32,
        Form.WORD,
    ),
    text_setting(
        "network_locale",
        "The country whose tones the phone plays, such as Germany; empty: United States.",
        "networkLocale",
        64,
        Form.FILE_NAME,
    ),
    text_setting(
        "network_locale_version", "The version of the tones' file.", "networkLocaleInfo/version", 32, Form.WORD
    ),
    number_setting(
        "idle_timeout_s",
        "After how long the phone counts as idle and shows idle_url; 0: never.",
        "idleTimeout",
        0,
        (0, 65535),
        "seconds",
        Mark.LIKELY,
    ),
    yes_no_setting(
        "background_image_choice",
        "Whether people choose the background picture on the phone.",
        "backgroundImageAccess",
        TRUE_FALSE,
        on=True,
    ),
    text_setting(
        "dial_plan_file",
        "A file of dialling patterns of your own, for phones without a dial_plan.",
        "dialTemplate",
        64,
        Form.FILE_NAME,
        "dialplan.xml",
    ),
    text_setting(
        "soft_key_file",
        "A file of soft keys of your own, for phones without soft_keys; empty: the phone's own.",
        "softKeyFile",
        64,
        Form.FILE_NAME,
    ),
)

URLS = (
    url_setting(
        "edge_url",
        "Where the site's phones reach the edge's HTTP, such as http://192.0.2.1:6970, for lists that the edge serves.",
        "servicesURL",
    ),
    url_setting("services_url", "What the services key shows.", "servicesURL"),
    url_setting(
        "directory_url",
        "What the directory key shows; empty: the site's phone books, if edge_url is set.",
        "directoryURL",
    ),
    url_setting("messages_url", "What the messages key shows instead of dialling voicemail_number.", "messagesURL"),
    url_setting("information_url", "What the help key shows.", "informationURL"),
    url_setting("idle_url", "What an idle phone shows.", "idleURL"),
    *(
        url_setting(
            f"secure_{name}_url", f"What {name}_url is for phones that use HTTPS.", f"secure{name.capitalize()}URL"
        )
        for name in ("services", "directory", "messages", "information", "idle", "authentication")
    ),
    url_setting(
        "problem_report_url",
        "Where the phone sends a problem report that somebody makes on it.",
        "problemReportUploadURL",
    ),
    url_setting(
        "authentication_url",
        "The URL that is asked whether a command to the phone's web interface is allowed.",
        "authenticationURL",
    ),
)

CAPF = (
    choice_setting(
        "capf_auth",
        "Whether the phone asks for a certificate of its own when it starts (CAPF), and how it shows who it is: by a "
        "password, without, by the certificate that it was given before (lsc; its maker's if it has none), or by its "
        "maker's (mic). Where trust is encrypted, phones without a known certificate do so by themselves.",
        "capfAuthMode",
        {"off": "0", "password": "1", "no-password": "2", "lsc": "3", "mic": "4"},
        "off",
    ),
    text_setting(
        "capf_server",
        "Where the phone asks for a certificate (CAPF) and whom to believe (TVS), by address or name; empty: at "
        "edge_url or its box, where trust is not off.",
        "processNodeName",
        HOST_CHARACTERS,
        Form.HOST,
    ),
)

ACCESS = (
    choice_setting(
        "web_access", "The phone's own web pages.", "webAccess", {"off": "1", "on": "0", "read-only": "2"}, "off"
    ),
    choice_setting(
        "settings_access",
        "The settings menu on the phone.",
        "settingsAccess",
        {"on": "1", "off": "0", "restricted": "2"},
        "on",
    ),
    yes_no_setting(
        "ssh_access",
        "The phone's SSH server, for fault finding; needs ssh_user and ssh_password.",
        "sshAccess",
        ON_IS_0,
        on=False,
    ),
    text_setting("ssh_user", "The user name for SSH.", "sshUserId", 50, Form.WORD),
    Setting(
        "ssh_password",
        SettingType.TEXT,
        "",
        "The password for SSH; it is in the phone's file only while ssh_access is on.",
        maximum=31,
        form=Form.PASSWORD,
        secret=True,
        element="sshPassword",
    ),
    Setting(
        "admin_password",
        SettingType.TEXT,
        "",
        "The password of the phone's web administration.",
        maximum=31,
        form=Form.PASSWORD,
        secret=True,
        element="adminPassword",
    ),
    Setting(
        "phone_password",
        SettingType.TEXT,
        "",
        "What unlocks the settings menu on the keypad; empty: **#, the factory default.",
        maximum=31,
        form=Form.KEYPAD,
        secret=True,
        element="phonePassword",
    ),
    yes_no_setting("pc_port", "The phone's socket for a computer.", "pcPort", ON_IS_0, on=True),
    yes_no_setting(
        "span_to_pc_port",
        "Whether the computer sees the phone's own packets, for fault finding.",
        "spanToPCPort",
        ON_IS_0,
        on=False,
    ),
    yes_no_setting(
        "voice_vlan_access",
        "Whether the computer may reach the voice network through the phone.",
        "voiceVlanAccess",
        ON_IS_0,
        on=False,
        mark=Mark.LIKELY,
    ),
    yes_no_setting("cdp", "Whether the phone speaks CDP to its switch.", "enableCdpSwPort", ON_IS_1, on=True),
    yes_no_setting("lldp", "Whether the phone speaks LLDP-MED to its switch.", "enableLldpSwPort", ON_IS_1, on=True),
    yes_no_setting(
        "peer_firmware_sharing",
        "Whether phones in one network fetch firmware from each other.",
        "peerFirmwareSharing",
        ON_IS_1,
        on=False,
    ),
)

NETWORK = (
    yes_no_setting(
        "dot1x",
        "Whether the phone answers 802.1X on its network socket; no: as people set it on the phone.",
        "eapAuthentication",
        ON_IS_2,  # 0 leaves it to people, 1 switches it off, 2 switches it on (PHONES.md section 13)
        on=False,
    ),
    text_setting(
        "log_server",
        "Where the phone sends its log (syslog), a host or an address; empty: nowhere.",
        "logServer",
        HOST_CHARACTERS,
        Form.HOST,
    ),
    text_setting(
        "load_server",
        "Another TFTP server for firmware; empty: the edge, which is what you want.",
        "loadServer",
        HOST_CHARACTERS,
        Form.HOST,
    ),
    choice_setting(
        "ip_mode",
        "Which IP versions the phone uses.",
        "ipAddressMode",
        {"ipv4": "0", "ipv6": "1", "both": "2"},
        "ipv4",
    ),
)

VPN = (
    Setting(
        "vpn",
        SettingType.TEXT,
        "",
        "The VPN head end that the phone connects to, by its name (ringfence vpn list): its addresses, its "
        "certificates and how phones sign in come from there. Empty: as vpn_url and its kin say.",
        element="vpnGroup",
        maximum=40,
        form=Form.WORD,
    ),
    url_setting("vpn_url", "The VPN head end that the phone connects to; empty: no VPN.", "vpnGroup/addresses/url1"),
    url_setting("vpn_url_2", "The head end that takes over when the first is unreachable.", "vpnGroup/addresses/url2"),
    url_setting("vpn_url_3", "The head end that takes over when both are unreachable.", "vpnGroup/addresses/url3"),
    text_setting(
        "vpn_certificates",
        "The head ends' certificates: base64 of the SHA-1 of each, at most ten, with commas between them.",
        "vpnGroup/credentials",
        300,
        Form.SHA1,
    ),
    choice_setting(
        "vpn_login",
        "How the phone authenticates: by a name and password, by a password, or by its certificate.",
        "vpnGroup/authMethod",
        {"name-and-password": "0", "password": "1", "certificate": "2"},
        "certificate",
    ),
    yes_no_setting(
        "vpn_keeps_password", "Whether the phone remembers the password.", "vpnGroup/pswdPersistent", ON_IS_1, on=False
    ),
    yes_no_setting(
        "vpn_detects_office",
        "Whether the phone skips the VPN if it reaches its TFTP server without it.",
        "vpnGroup/autoNetDetect",
        ON_IS_1,
        on=True,
    ),
    yes_no_setting(
        "vpn_checks_host",
        "Whether the head end's certificate must name its host.",
        "vpnGroup/enableHostIDCheck",
        ON_IS_1,
        on=True,
    ),
    number_setting("vpn_mtu", "The largest packet in the VPN.", "vpnGroup/mtu", 1290, (256, 1406), "bytes"),
    number_setting(
        "vpn_fails_after_s", "After how long the phone gives up on a head end.", "vpnGroup/failConnectTime", 30,
        (5, 600), "seconds",
    ),
)  # fmt: skip

FIRMWARE = (
    Setting(
        "firmware_load",
        SettingType.TEXT,
        "",
        "Firmware by its load's name, such as sip9971.9-4-2SR4-1, with commas between several: each phone takes the "
        "one for its model. Empty: it keeps what it has.",
        maximum=500,
        form=Form.WORDS,
        element="loadInformation",
    ),
    text_setting(
        "inactive_load",
        "Firmware that the phone keeps beside the one that it runs, by its load's name (8800, 8900, 9900 series).",
        "inactiveLoadInformation",
        64,
        Form.WORD,
    ),
)

WALLPAPER = replace(
    text_setting(
        "wallpaper",
        "The picture that a phone shows, by its file's name, such as sea.png; the file comes by ringfence asset "
        "import. People can't choose another then. Empty: the phone's own.",
        "defaultWallpaperFile",
        64,
        Form.FILE_NAME,
    ),
    mark=Mark.LIKELY,
)
VIDEO = yes_no_setting("video", "Whether the phone offers video.", "videoCapability", ON_IS_1, on=True)
"""For phones that show video; others fail now and then where their file speaks of it (PHONES.md section 13)."""
LINE_MODE = yes_no_setting(
    "line_mode",
    "Whether the keys beside the screen that hold calls are line keys too; as it is needed if nobody sets it.",
    "lineMode",
    ON_IS_1,
    on=False,
    mark=Mark.LIKELY,
)
"""For phones whose session keys can be line keys (PHONES.md section 13)."""
BLUETOOTH = yes_no_setting("bluetooth", "Whether Bluetooth headsets may be used.", "bluetooth", ON_IS_1, on=True)
WIFI = yes_no_setting("wifi", "Whether the phone may use Wi-Fi.", "wifi", ON_IS_1, on=False)
USB = yes_no_setting("usb", "Whether the phone's USB sockets work.", "usb1", ON_IS_1, on=True)
FEATURE_POLICY_FILE = text_setting(
    "feature_policy_file",
    "A file of features of your own, for phones without a feature_policy; empty: the phone's own.",
    "featurePolicyFile",
    64,
    Form.FILE_NAME,
)
