"""The conformance list: what a TFTP server has to do, each with its number and source, and where we deviate.

The numbers are the team's (TFTP.md section 2). A test says which of them it shows: ``@pytest.mark.clause(13)``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """One entry. ``deviation`` says what we do instead, and why; empty where we do what the clause says."""

    number: int
    text: str
    source: str
    deviation: str = ""


_STRANGERS = (
    "transfers have connected sockets: the kernel answers a stranger with ICMP port unreachable instead of ERROR 5, "
    "and no stranger's datagram costs us a wake-up; the machine itself answers ERROR 5"
)

CLAUSES: tuple[Clause, ...] = (
    # RFC 1350, and what RFC 1123 says of it
    Clause(1, "RRQ is opcode 1, name NUL, mode NUL; the mode in any case", "RFC 1350 §5"),
    Clause(2, "answers come from a fresh port, except in single-port mode", "RFC 1350 §4"),
    Clause(3, "without options the first answer is DATA 1", "RFC 1350 §2, §4"),
    Clause(4, "blocks of 512 octets; a shorter one ends the transfer", "RFC 1350 §2, §6"),
    Clause(5, "an empty file is one empty DATA 1, and its ACK is awaited", "RFC 1350 §6"),
    Clause(6, "a multiple of 512 is closed by an empty DATA", "RFC 1350 §6"),
    Clause(7, "the last DATA is repeated until its ACK comes or tries run out", "RFC 1350 §6"),
    Clause(8, "after a lost ACK the same DATA is sent again", "RFC 1350 §2"),
    Clause(9, "an ACK of a block to come moves nothing", "RFC 1350 §2, §4"),
    Clause(10, "a duplicate ACK sends nothing (the Sorcerer's Apprentice)", "RFC 1123 §4.2.3.1"),
    Clause(11, "only the timer repeats: adaptive, exponential, with jitter", "RFC 1123 §4.2.3.2"),
    Clause(12, "repetitions are finite; then the transfer is let go and told of", "RFC 1123 §4.2.3.2"),
    Clause(13, "a stranger's packet gets ERROR 5 and disturbs nothing", "RFC 1350 §4", deviation=_STRANGERS),
    Clause(14, "another port of the same host, and the same port of another, are strangers", "RFC 1350 §4", _STRANGERS),
    Clause(15, "an ERROR of the client ends the transfer at once, unanswered", "RFC 1350 §5, §7"),
    Clause(16, "an ERROR never answers an ERROR", "RFC 1350 §5, §7"),
    Clause(17, "ERROR is opcode 5, code, message, NUL", "RFC 1350 §5"),
    Clause(18, "a missing file is ERROR 1, from a fresh port", "RFC 1350 §4, app. I"),
    Clause(19, "what may not be given is answered as what is missing: no oracle", "RFC 1350 app. I"),
    Clause(20, "WRQ is ERROR 2, and no file is touched", "RFC 1350 app. I"),
    Clause(21, "an unknown opcode is ERROR 4 or silence", "RFC 1350 app. I"),
    Clause(22, "DATA, ACK, ERROR and OACK without a transfer leave nothing behind", "RFC 1350 §4"),
    Clause(23, "broken and empty requests are ERROR 4 or silence", "RFC 1350 §5"),
    Clause(24, "an unknown mode, and mail, are an ERROR", "RFC 1350 §5, RFC 1123 §4.2.3"),
    Clause(25, "netascii: LF as CR LF, CR as CR NUL, over block borders too", "RFC 1350 §1, RFC 764"),
    Clause(26, "after block 65535 comes 0, or 1 by configuration", "custom"),
    Clause(27, "the request again, while its transfer runs, makes no second one", "RFC 1350 §4"),
    Clause(28, "a new request from the port of a transfer that ended is served", "RFC 1350 §4"),
    Clause(29, "a request for another file from the same port: never two streams", "RFC 1350 §4"),
    Clause(30, "a late ACK after the end begins nothing", "RFC 1350 §6"),
    Clause(31, "a short ACK is ignored, octets after an ACK are overlooked", "RFC 1350 §5"),
    Clause(32, "8-bit, UTF-8 and very long names are an ERROR, not a crash", "robustness"),
    Clause(33, "a request to a broadcast or multicast address is ignored", "RFC 1123 §4.2.3.5"),
    Clause(34, "who may ask is configurable", "RFC 1123 §4.2.3.4"),
    Clause(35, "the answer leaves from the address that was asked", "RFC 1122 §4.1.3.5"),
    Clause(36, "a port unreachable ends that transfer early, not the server", "RFC 1122 §4.1.3.3"),
    Clause(37, "an IPv4 client is an IPv4 client beside IPv6 listeners too", "robustness"),
    # RFC 2347
    Clause(38, "options follow the mode as NUL-ended pairs, names in any case", "RFC 2347"),
    Clause(39, "OACK only where an option is accepted, else DATA 1", "RFC 2347"),
    Clause(40, "OACK holds nothing that was not asked for", "RFC 2347"),
    Clause(41, "an unknown option is left out, never an ERROR", "RFC 2347"),
    Clause(42, "after OACK comes ACK 0, then DATA 1", "RFC 2347"),
    Clause(43, "a lost OACK is repeated; ACK 0 again brings no second DATA 1", "RFC 2347, RFC 1123 §4.2.3.1"),
    Clause(44, "ERROR 8 of the client ends it; the server is silent", "RFC 2347"),
    Clause(45, "of a repeated option the first counts", "RFC 2347"),
    Clause(46, "the order of options changes nothing", "RFC 2347"),
    Clause(47, "a bad tail of the options is overlooked", "robustness"),
    Clause(48, "a request of more than 512 octets is refused", "RFC 2347"),
    Clause(49, "an impossible value leaves the option out", "RFC 2347"),
    Clause(50, "an OACK that is never acknowledged is repeated finitely", "RFC 2347, RFC 1123 §4.2.3.2"),
    Clause(51, "options can be turned off: then plain DATA 1", "RFC 1785"),
    # RFC 2348
    Clause(52, "blksize from 8 to 65464; the reply is no larger", "RFC 2348"),
    Clause(53, "a larger blksize is lowered to 65464", "RFC 2348"),
    Clause(54, "a smaller blksize is left out", "RFC 2348"),
    Clause(55, "the transfer ends with a block shorter than agreed", "RFC 2348"),
    Clause(56, "blksize can be capped; a block larger than the path's MTU arrives", "RFC 2348, RFC 1191"),
    Clause(57, "blksize 65464 works", "RFC 2348"),
    # RFC 2349
    Clause(58, "tsize 0 is answered with the exact size", "RFC 2349"),
    Clause(59, "tsize above 0 in a read request too", "RFC 2349"),
    Clause(60, "tsize in netascii is left out", "RFC 2349"),
    Clause(61, "tsize of more than 4 GiB is told in full", "RFC 2349"),
    Clause(62, "timeout is echoed exactly, or left out", "RFC 2349"),
    Clause(63, "an impossible timeout is left out", "RFC 2349"),
    Clause(64, "the agreed timeout is the one that is used", "RFC 2349"),
    # RFC 7440
    Clause(65, "windowsize from 1 to 65535; the reply is no larger; 0 is left out", "RFC 7440 §3"),
    Clause(66, "a window is sent, then an ACK is awaited", "RFC 7440 §4"),
    Clause(67, "an ACK within the window: the next one begins after it", "RFC 7440 §4"),
    Clause(68, "the ACK of the window's last block brings the next window", "RFC 7440 §4"),
    Clause(69, "a timeout repeats the window from the last block acknowledged", "RFC 7440 §4"),
    Clause(70, "the last window ends with the file", "RFC 7440 §4"),
    Clause(71, "the block number rolls over within a window", "RFC 7440 §4"),
    Clause(72, "duplicate ACKs repeat a window at most once a timeout", "RFC 7440 §4, RFC 1123 §4.2.3.1"),
    Clause(73, "a window has at most 64 blocks and 64 KiB, and none before the first ACK", "robustness"),
    Clause(74, "windowsize without blksize goes by 512", "RFC 7440 §3"),
    # all together
    Clause(75, "blksize, tsize, timeout and windowsize in one OACK", "RFC 2347"),
    Clause(76, "OACK has no more than 512 octets", "RFC 2347"),
    Clause(77, "tftp://host[:port]/path;mode=… is understood", "RFC 3617"),
    Clause(
        78,
        "multicast is negotiated",
        "RFC 2090",
        "not implemented, and experimental: phones never ask for it; the option is left out and the file sent as ever",
    ),
    # a server's life
    Clause(79, "200 parallel requests for 1 MB all complete", "operation"),
    Clause(80, "a file that is replaced meanwhile: the transfer keeps the old bytes", "operation"),
    Clause(81, "a file that is cut meanwhile: ERROR 0", "operation"),
    Clause(82, "folders, pipes, devices and sockets: an ERROR, and nothing blocks", "operation"),
    Clause(83, "a link out of what is served is not followed", "operation"),
    Clause(84, "no spelling of a name leads out of what is served", "operation"),
    Clause(85, "descriptors and memory are back at their level after a storm", "operation"),
    Clause(86, "new content, taken over meanwhile, ends no transfer", "operation"),
    Clause(87, "a stop tells running transfers by ERROR 0", "operation"),
)
