"""Run a benchmark and print its table: `python -m benchmarks [construction | first_use] [options]`."""

import sys

from benchmarks import construction, first_use

TABLES = {"construction": construction.main, "first_use": first_use.main}

if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in TABLES else ""
    sys.exit(TABLES[named or "construction"](sys.argv[2:] if named else sys.argv[1:]))
