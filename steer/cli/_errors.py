"""What the user has to put right."""

INTERRUPTED = 130  # the exit code of a shell for Ctrl-C


class UsageError(Exception):
    """A wrong argument or wrong data: one line, printed without a traceback, exit code 2."""
