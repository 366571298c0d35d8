"""Run a benchmark and print its table: `python -m benchmarks [construction | training | schur | ...] [options]`."""

import importlib
import sys

TABLES = ("construction", "first_use", "training", "schur", "layers", "growth", "memory", "angles")

if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in TABLES else ""
    table = importlib.import_module(f"benchmarks.{named or 'construction'}")
    sys.exit(table.main(sys.argv[2:] if named else sys.argv[1:]))
