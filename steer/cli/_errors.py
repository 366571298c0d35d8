"""What the user has to put right."""

INTERRUPTED = 130  # the exit code of a shell for Ctrl-C
CUT_OFF = 141  # and for output that nobody reads any more, as of `steer info | head -1`


class UsageError(Exception):
    """A wrong argument or wrong data: one line, printed without a traceback, exit code 2."""


def brief(error: OSError) -> str:
    """With what, and what went wrong: errors without a file are those of standard output, or of steer's own words."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename if error.filename is not None else 'standard output'}: {error.strerror}"
