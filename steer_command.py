"""The command `steer` before anything is imported that takes time: Ctrl-C is answered in one line from the first moment.

It lies beside the package and not in it, for whatever is imported from the package imports torch first.
"""

import os
import signal
from types import FrameType


def main() -> int:
    """Import the command line, a second or two, and run it."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as in the background
    if ours:
        signal.signal(signal.SIGINT, _stop)
    from steer.cli import main as run

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _stop(number: int, frame: FrameType | None) -> None:
    # No exception: code that imports catches it, or makes another one of it. Nothing is open yet that has to be closed.
    os.write(2, b"steer: interrupted\n")
    os._exit(130)
