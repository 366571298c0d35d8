"""Run the benchmarks and print their tables: `python -m benchmarks [construction]`."""

import sys

from benchmarks.construction import main

if __name__ == "__main__":
    sys.exit(main())
