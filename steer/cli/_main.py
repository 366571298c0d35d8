"""The parser, and what every command shares: exit codes and errors in one line."""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from steer.cli import _bases, _check, _demo, _info
from steer.cli._errors import CUT_OFF, INTERRUPTED, UsageError, brief
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
        The exit code: 0, 1 for a failed check, 2 for wrong usage or data and for files that cannot be read or written, 130
        after Ctrl-C, 141 if nobody reads the output any more.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()  # a full disk shows only now
        return code
    except UsageError as error:
        message, code = f"error: {error}", 2
    except KeyboardInterrupt:
        message, code = "interrupted", INTERRUPTED
    except BrokenPipeError as error:
        if _nobody_reads():
            message, code = "", CUT_OFF
        else:
            message, code = f"error: a pipe to another process: {error.strerror or error}", 2
    except OSError as error:
        message, code = f"error: {brief(error)}", 2
    if message:
        print(f"steer: {message}", file=sys.stderr)
    _leave_no_output()
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, --version, wrong usage: already printed
        return int(stop.code or 0)
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


def _nobody_reads() -> bool:
    """Whether it is standard output that was cut off, and not a pipe to some other process."""
    try:
        sys.stdout.flush()
        pipe = sys.stdout.fileno()
    except BrokenPipeError:
        return True
    except (OSError, ValueError):  # another fault, or no file at all
        return False
    if not hasattr(select, "poll"):  # Windows
        return False
    state = select.poll()
    state.register(pipe, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in state.poll(0))


def _leave_no_output() -> None:
    """What cannot be written now cannot be written at the end of the process, which would complain once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
