"""What the processes of a hub have between them on a database server: whose turn its jobs are, and hints.

Each is a connection of its own, beside those of transactions. On SQLite there is one process, and neither.

Invariants of the turn:
- At most one process has it at a moment. It is a session's advisory lock
  (https://www.postgresql.org/docs/current/explicit-locking.html), which ends with its connection; the server ends a
  connection from which nothing was heard for ``HELD_FOR_S`` (``idle_session_timeout``, from PostgreSQL 14 on).
- A process takes itself to have it for less long than the server does: it counts from before it asked.

A hint is a notification (https://www.postgresql.org/docs/current/sql-notify.html): who loses one finds the news by
looking, as before.
"""

import json
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from ringfence.hub import logs
from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.store import dialect

HELD_FOR_S = 10.0
"""For how long the server waits to hear from the process whose turn it is."""
LOOK_EVERY_S = 1.0
"""How often a process asks whether it has the turn, or can have it."""
_MARGIN_S = 1.0
_TURN = 0x52_46_4A_42
"""The advisory lock's number: any, as long as every version of the hub has the same."""
_CHANNEL: Final = "ringfence_hints"
_LARGEST_HINT_BYTES = 7000
"""The server takes less than 8000."""
_MOST_WAITING = 1000
_TRIES_AGAIN_AFTER_S = 1.0
_LIVENESS: Final = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}  # fmt: skip
"""libpq's parameters: a server that is gone without a word is noticed within seconds."""

_log = logs.get("processes")


class JobsTurn:
    """Whether it is this process that does what one process of a hub does for all.

    Args:
        url: The database's; one that is no server has one process, whose turn it always is.
        clock: A clock that never goes back, in seconds.
    """

    def __init__(self, url: URL, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_shared = dialect.is_a_server(url)
        self._url, self._clock = url, clock
        self._connection: Connection | None = None
        self._is_held = False
        self._until = 0.0

    @property
    def is_ours(self) -> bool:
        """Whether this process has it just now; callable from any thread."""
        return not self.is_shared or self._clock() < self._until

    def look(self, *, wanted: bool = True) -> None:
        """Take the turn if nobody has it, or tell the server that this process goes on; from one thread at a time.

        Args:
            wanted: Whether this process can do the jobs; one whose jobs hang lets others have them.

        Raises:
            DatabaseUnavailable: The server does not answer; the turn is lost.
        """
        was_held, began = self._is_held, self._clock()
        if not wanted:
            self.let_go()
            return
        try:
            connection = self._connection = self._connection or _connected(self._url, ends_idle=True)
            if self._is_held:
                connection.exec_driver_sql("SELECT 1")
            else:
                taking = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_TURN})")
                self._is_held = bool(taking.scalar_one())
        except DBAPIError as fault:
            self._end()
            raise DatabaseUnavailable(
                f"the database does not answer: {str(fault.orig).strip()}",
                to_do="Other processes of the hub do its jobs meanwhile, if they reach it.",
            ) from None
        if self._is_held:
            self._until = began + HELD_FOR_S - _MARGIN_S
            if not was_held:
                _log.info("this process does the hub's jobs from now on")

    def let_go(self) -> None:
        """Let another process have the turn, at once."""
        if self._is_held and self._connection is not None:
            with suppress(
                DBAPIError
            ):  # otherwise it would be free only once the server has noticed the connection's end
                self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_TURN})")
        self._end()

    def _end(self) -> None:
        if self._is_held:
            _log.info("this process does the hub's jobs no more")
        self._until, self._is_held = 0.0, False
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.close()


class ProcessHints:
    """Hints between the processes of a hub: which edges' streams should look for news.

    A thread of its own has the connection. What is told while it is away, or faster than the server takes it, is lost.

    Args:
        url: The database server's.
        heard: Called in that thread with what another process told: what the names are of, and the names.
    """

    def __init__(self, url: URL, heard: Callable[[str, Sequence[str]], None]) -> None:
        self._url, self._heard = url, heard
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)
        self._ours, self._theirs = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self.listening = threading.Event()
        """Set while what others tell is heard."""

    def start(self) -> None:
        """Begin to listen."""
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._thread.start()

    def tell(self, of: str, names: Collection[str]) -> None:
        """Tell the other processes; callable from any thread, and never waits."""
        for part in _hints(of, sorted(names)):
            self._waiting.append(part)
        self._wake()

    def close(self) -> None:
        """Send what waits to be told, and end; it waits for a few seconds at most."""
        self._stopping.set()
        self._wake()
        self._thread.join(5)
        if not self._thread.is_alive():
            self._ours.close()
            self._theirs.close()

    def _wake(self) -> None:
        with suppress(OSError):  # full: it will look anyway; closed: nobody is there
            self._ours.send(b"\0")

    def _run(self) -> None:
        is_known_away = False
        while not self._stopping.is_set():
            try:
                with _connected(self._url) as connection:
                    connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
                    is_known_away = False
                    self.listening.set()
                    self._exchange(connection.connection.driver_connection)
            except Exception as fault:  # noqa: BLE001 - whatever the driver raises, hints are only hints
                if not is_known_away:
                    _log.warning("no hints from other processes for now", problem=str(fault).strip())
                is_known_away = True
            self.listening.clear()
            self._stopping.wait(_TRIES_AGAIN_AFTER_S)

    def _exchange(self, driver: Any) -> None:  # noqa: ANN401 - psycopg's connection; it is there on servers alone
        """Send and hear until this process stops, or the connection ends."""
        own = driver.info.backend_pid

        def note(notification: Any) -> None:  # noqa: ANN401 - psycopg's
            if notification.pid != own:
                self._take(notification.payload)

        driver.add_notify_handler(note)
        ready = select.poll()  # select takes no descriptor above 1023, and a hub has thousands
        ready.register(driver.fileno(), select.POLLIN)
        ready.register(self._theirs, select.POLLIN)
        while True:
            if self._theirs.fileno() in dict(ready.poll()):
                self._theirs.recv(4096)
            is_last = self._stopping.is_set()
            while self._waiting:
                driver.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, self._waiting.popleft()))
            if is_last:
                return
            driver.pgconn.consume_input()
            while (heard := driver.pgconn.notifies()) is not None:
                if heard.be_pid != own:
                    self._take(heard.extra.decode("utf-8", "replace"))

    def _take(self, payload: str) -> None:
        """Pass on what another process told; whatever else somebody sends on the channel is left alone."""
        try:
            told = json.loads(payload)
        except ValueError:
            return
        if isinstance(told, list) and told and all(isinstance(each, str) for each in told):
            self._heard(told[0], told[1:])


def _hints(of: str, names: Sequence[str]) -> list[str]:
    """Return the payloads that tell names, each short enough for a notification."""
    parts, part = [], [of]
    for name in names:
        if len(json.dumps([*part, name])) > _LARGEST_HINT_BYTES and len(part) > 1:
            parts.append(json.dumps(part))
            part = [of]
        part.append(name)
    return [*parts, json.dumps(part)]


def _connected(url: URL, *, ends_idle: bool = False) -> Connection:
    """Open a connection that is in no transaction and belongs to nobody else."""
    options = {"options": f"-c idle_session_timeout={int(HELD_FOR_S * 1000)}"} if ends_idle else {}
    engine = create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={**_LIVENESS, **options},
    )
    return engine.connect()
