"""``ringfence-serve``: the standalone server's process, started by a service manager, or by ``ringfence serve``.

It is a command of its own, so that the process which parses strangers' packets never loads the command line's
libraries (docs/adr/0005).
"""

# ruff: noqa: E402 - the first statement must run before the imports
from ringfence.left_out import HASHES, TYPING, leave_out

leave_out(HASHES, TYPING)

import os
import sys

from ringfence.errors import RingfenceError
from ringfence.server.standalone.options import read_options
from ringfence.server.standalone.run import Standalone


def main(arguments: list[str] | None = None) -> int:
    """Serve, or say what would be served; return the exit status."""
    try:
        options = read_options(arguments)
        if options.dry_run:
            # Serving is small without what this needs, which is loaded before the right to read it is given up.
            from ringfence.server.standalone.dry_run import show  # noqa: PLC0415

            return show(options, os.environ, print)
        return Standalone(options, os.environ).run()
    except RingfenceError as fault:
        sys.stderr.write(f"ringfence: {fault}\n")
        return fault.exit_code


if __name__ == "__main__":
    sys.exit(main())
