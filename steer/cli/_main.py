"""The parser, and what every command shares: exit codes and errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from steer.cli import _bases, _check, _demo, _info
from steer.cli._errors import INTERRUPTED, UsageError
from steer.version import __version__


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _parser() -> _Parser:
    parser = _Parser(prog="steer", description="Steerable, group-equivariant convolutional networks.")
    parser.add_argument("--version", action="version", version=f"steer {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (_demo, _check, _bases, _info):
        module.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; by default those of the process.
    Returns:
        The exit code: 0, 1 for a failed check, 2 for wrong usage or data, 130 after Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, --version, wrong usage: already printed
        return int(stop.code or 0)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except UsageError as error:
        print(f"steer: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("steer: interrupted", file=sys.stderr)
        return INTERRUPTED
