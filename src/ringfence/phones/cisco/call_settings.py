"""Cisco enterprise phones: the settings of clock, SIP, sound and calls, in operators' words.

One table for all models; ``families.py`` says where a model's default or limit differs. The limits are those of
PHONES.md sections 4 to 4f; where sources disagree, the stricter one holds here.
"""

from ringfence.phones.settings.builders import (
    ON_IS_1,
    ON_IS_2,
    ON_IS_3,
    TRUE_FALSE,
    choice_setting,
    number_setting,
    text_setting,
    yes_no_setting,
)
from ringfence.phones.settings.time_zones import CISCO_ZONE, CISCO_ZONE_CHOICES
from ringfence.phones.settings.types import (
    HOST_CHARACTERS,
    Form,
    Mark,
    Setting,
    SettingType,
)

_DATE_ORDERS = (
    "D{0}M{0}Y",
    "D{0}M{0}YY",
    "D{0}M{0}YA",
    "D{0}M{0}YYA",
    "M{0}D{0}Y",
    "M{0}D{0}YY",
    "M{0}D{0}YA",
    "M{0}D{0}YYA",
)
DATE_TEMPLATES = tuple(order.format(delimiter) for delimiter in "./-" for order in _DATE_ORDERS)

_LOWEST_PORT = 1024
_HIGHEST_PORT = 65535

RELOAD = (
    Setting(
        "reload",
        SettingType.CHOICE,
        "now",
        "When a phone is told of a new configuration: now, when nobody uses it (idle; enterprise phones: with "
        "reload_by web), at night (reload_hour), or never; then it takes it at its next boot.",
        choices=("now", "idle", "night", "never"),
        element="the edge's order",
        source="Ringfence itself",
    ),
    Setting(
        "reload_hour",
        SettingType.NUMBER,
        2,
        "The hour (in the winter time of time_zone) at which telling phones at night starts; it is spread over an "
        "hour.",
        unit="o'clock",
        minimum=0,
        maximum=23,
        element="the edge's order",
        source="Ringfence itself",
    ),
)

LEAVE_OUT = Setting(
    "leave_out",
    SettingType.TEXT,
    "",
    "What the phone's own file is not to state although it would: names of elements or parameters, with commas "
    "between them, such as callStats or vendorConfig/webAccess. The phone's own defaults hold for them then.",
    maximum=20_000,
    form=Form.ELEMENTS,
    element="what it names",
    source="Ringfence itself",
)

RELOAD_BY = Setting(
    "reload_by",
    SettingType.CHOICE,
    "notify",
    "How a phone is told of a new configuration: by SIP (notify), or by keys that the edge presses through the phone's "
    "web interface (web; needs web_access on, and edge_url).",
    choices=("notify", "web"),
    element="the edge's order",
    source="PHONES.md section 6; the keys that restart a phone are known for 79xx (likely) and for no other",
)


TIME = (
    Setting(
        "time_zone",
        SettingType.CHOICE,
        "Etc/UTC",
        "The time zone of the phone's clock, by its IANA name.",
        choices=tuple(CISCO_ZONE),
        wire={zone: cisco_name for zone, cisco_name in CISCO_ZONE.items()},  # noqa: C416 - keys widen to Value
        element="timeZone",
    ),
    Setting(
        "cisco_time_zone",
        SettingType.CHOICE,
        "",
        "Cisco's own name of the zone; replaces time_zone on a phone that shows the wrong hour.",
        choices=CISCO_ZONE_CHOICES,
        element="timeZone",
    ),
    Setting(
        "date_template",
        SettingType.CHOICE,
        "D.M.Y",
        "How the phone shows the date: D, M and Y (two digits) or YY (four); A at the end for a 12-hour clock.",
        choices=DATE_TEMPLATES,
        element="dateTemplate",
    ),
    text_setting(
        "ntp_servers",
        "Time servers, at most three, with commas between them; empty: the phone takes its SIP server's time.",
        "ntps",
        3 * HOST_CHARACTERS + 2,
        Form.HOSTS,
    ),
)

SIP = (
    text_setting(
        "sip_server", "The SIP server that the phone registers with.", "processNodeName", HOST_CHARACTERS, Form.HOST
    ),
    text_setting(
        "sip_server_2",
        "The SIP server that takes over when the first is unreachable.",
        "processNodeName",
        HOST_CHARACTERS,
        Form.HOST,
    ),
    text_setting(
        "sip_server_3",
        "The SIP server that takes over when both others are unreachable.",
        "processNodeName",
        HOST_CHARACTERS,
        Form.HOST,
    ),
    number_setting("sip_port", "The SIP servers' port.", "sipPort", 5060, (1, _HIGHEST_PORT)),
    choice_setting(
        "sip_transport",
        "The transport of SIP between phone and server.",
        "transportLayerProtocol",
        {"udp": "2", "tcp": "1", "tls": "3"},
        "tcp",
    ),
    number_setting(
        "sip_listen_port",
        "The port on which the phone itself listens for SIP, and for the order to reload.",
        "voipControlPort",
        5060,
        (_LOWEST_PORT, _HIGHEST_PORT),
    ),
    text_setting(
        "outbound_proxy", "A proxy that all SIP goes through; empty: none.", "outboundProxy", HOST_CHARACTERS, Form.HOST
    ),
    number_setting("outbound_proxy_port", "The outbound proxy's port.", "outboundProxyPort", 5060, (1, _HIGHEST_PORT)),
    number_setting(
        "register_expires_s",
        "How long a registration is valid.",
        "timerRegisterExpires",
        3600,
        (60, 65535),
        "seconds",
        Mark.LIKELY,
    ),
    choice_setting(
        "device_security",
        "Whether SIP is signed or encrypted; other than none needs sip_transport tls and a trust list on the phone.",
        "deviceSecurityMode",
        {"none": "1", "authenticated": "2", "encrypted": "3"},
        "none",
    ),
    number_setting("sip_tls_port", "The SIP servers' port for TLS.", "securedSipPort", 5061, (1, _HIGHEST_PORT)),
    yes_no_setting(
        "sip_needs_password",
        "Whether the phone registers with a password; no: the SIP server knows it by something else.",
        "whether lines have a password",
        TRUE_FALSE,
        on=True,
    ),
    number_setting(
        "keepalive_s",
        "How often the phone checks whether a standby server is alive.",
        "timerKeepAliveExpires",
        120,
        (15, 3600),
        "seconds",
        Mark.LIKELY,
    ),
    yes_no_setting(
        "nat_enabled",
        "Yes if the phone reaches the SIP server through NAT.",
        "natEnabled",
        TRUE_FALSE,
        on=False,
        mark=Mark.LIKELY,
    ),
    text_setting(
        "nat_address",
        "The public address to put into SIP if NAT is on; empty: learnt from the server.",
        "natAddress",
        HOST_CHARACTERS,
        Form.HOST,
    ),
)

SOUND = (
    number_setting(
        "media_port_first",
        "The first UDP port for voice and video.",
        "startMediaPort",
        16384,
        (_LOWEST_PORT, _HIGHEST_PORT),
    ),
    number_setting(
        "media_port_last",
        "The last UDP port for voice and video.",
        "stopMediaPort",
        32766,
        (_LOWEST_PORT, _HIGHEST_PORT),
    ),
    choice_setting(
        "preferred_codec",
        "The codec that the phone offers first; none: its own order.",
        "preferredCodec",
        {
            "none": "none",
            "g711ulaw": "g711ulaw",
            "g711alaw": "g711alaw",
            "g722": "g722",
            "g729a": "g729a",
            "iLBC": "iLBC",
            "iSAC": "iSAC",
            "L16": "L16",
        },
        "none",
    ),
    yes_no_setting(
        "g722", "Whether the phone offers the wideband codec G.722.", "advertiseG722Codec", ON_IS_1, on=True
    ),
    yes_no_setting(
        "silence_suppression", "Whether the phone stops sending while nobody speaks.", "enableVad", TRUE_FALSE, on=False
    ),
    choice_setting(
        "dtmf_mode",
        "How key presses are sent in a call: avt is RFC 4733, as offered by the other side.",
        "dtmfOutofBand",
        {"avt": "avt", "avt_always": "avt_always", "none": "none"},
        "avt",
    ),
    number_setting("dtmf_payload", "The RTP payload type of key presses.", "dtmfAvtPayload", 101, (96, 127)),
    number_setting(
        "kpml",
        "Whether digits go to the server one by one (KPML): 0 is off, which stock Asterisk needs.",
        "kpml",
        0,
        (0, 3),
    ),
    number_setting(
        "dscp_audio",
        "The type-of-service byte of voice packets; 184 is expedited forwarding.",
        "dscpForAudio",
        184,
        (0, 255),
    ),
    number_setting("dscp_video", "The type-of-service byte of video packets; 136 is AF41.", "dscpVideo", 136, (0, 255)),
)

CALLS = (
    yes_no_setting("call_waiting", "Whether a second call may come in during a call.", "callWaiting", ON_IS_3, on=True),
    number_setting("max_calls", "How many calls one line can hold at a time.", "maxNumCalls", 4, (1, 200)),
    number_setting(
        "busy_trigger",
        "The number of calls on a line from which further callers hear busy; not above max_calls.",
        "busyTrigger",
        2,
        (1, 200),
    ),
    yes_no_setting(
        "anonymous_call_block",
        "Whether calls without a number are rejected.",
        "anonymousCallBlock",
        ON_IS_2,
        on=False,
    ),
    yes_no_setting(
        "caller_id_blocking", "Whether the phone hides its own number.", "callerIdBlocking", ON_IS_2, on=False
    ),
    yes_no_setting(
        "auto_answer", "Whether the phone answers every call by itself.", "autoAnswerEnabled", ON_IS_1, on=False
    ),
    number_setting(
        "auto_answer_delay_s",
        "How long the phone rings before it answers a call by itself.",
        "autoAnswerTimer",
        1,
        (1, 60),
        "seconds",
        Mark.LIKELY,
    ),
    choice_setting(
        "do_not_disturb",
        "Where the do-not-disturb key's state is kept: phone, or server (needs a server that knows it).",
        "dndControl",
        {"phone": "0", "server": "1"},
        "phone",
        Mark.LIKELY,
    ),
    choice_setting(
        "do_not_disturb_alert",
        "What happens to a call while do-not-disturb is on.",
        "dndCallAlert",
        {"nothing": "0", "flash": "1", "beep": "5"},
        "flash",
        mark=Mark.LIKELY,
    ),
    number_setting(
        "do_not_disturb_reminder_min",
        "How often the phone reminds people of do-not-disturb.",
        "dndReminderTimer",
        5,
        (0, 60),
        "minutes",
        Mark.LIKELY,
    ),
    yes_no_setting("missed_calls", "Whether missed calls are listed.", "MissedCallLoggingOption", ON_IS_1, on=True),
    yes_no_setting(
        "transfer_by_hanging_up",
        "Whether hanging up completes a transfer.",
        "transferOnhookEnabled",
        TRUE_FALSE,
        on=False,
    ),
    choice_setting(
        "ring_idle",
        "How the line rings while the phone is idle.",
        "ringSettingIdle",
        {"default": "0", "off": "1", "flash": "2", "once": "3", "ring": "4"},
        "ring",
    ),
    choice_setting(
        "ring_busy",
        "How the line rings during another call.",
        "ringSettingActive",
        {"default": "0", "off": "1", "flash": "2", "once": "3", "ring": "4", "beep": "5"},
        "beep",
        Mark.LIKELY,
    ),
    text_setting(
        "line_proxy",
        "The SIP server of a line that is not the phone's; empty: the phone's servers.",
        "proxy",
        HOST_CHARACTERS,
        Form.HOST,
    ),
    number_setting(
        "line_proxy_port",
        "The port of the line's SIP server; sip_port if nobody sets it.",
        "port",
        5060,
        (1, _HIGHEST_PORT),
    ),
    text_setting(
        "sip_contact",
        "The user part of the line's Contact; the line's name if nobody sets it.",
        "contact",
        127,
        Form.DIAL,
    ),
    text_setting(
        "hotline",
        "The number that the phone dials as soon as the handset is lifted; empty: none.",
        "TEMPLATE/@rewrite",
        64,
        Form.DIAL,
    ),
    text_setting("voicemail_number", "What the messages key dials.", "messagesNumber", 127, Form.DIAL),
    text_setting(
        "external_number_mask",
        "The public number of the line, with X for the digits of the extension.",
        "externalNumberMask",
        40,
        Form.DIAL,
    ),
    yes_no_setting(
        "call_list_lamps",
        "Whether call lists show who is on the phone; needs a server that reports presence.",
        "callLogBlfEnabled",
        ON_IS_2,
        on=False,
    ),
    choice_setting(
        "message_lamp",
        "How the phone shows waiting messages.",
        "messageWaitingLampPolicy",
        {"lamp-and-prompt": "3", "prompt": "4", "lamp": "5", "nothing": "6"},
        "lamp-and-prompt",
    ),
)
