"""`python -m steer`: the same as the command `steer`."""

from steer.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
