"""The command line: `steer demo`, `steer check`, `steer info`.

The last room: it may import all others. Nothing heavy is imported before a command needs it.
"""

from steer.cli._main import main

__all__ = ["main"]
