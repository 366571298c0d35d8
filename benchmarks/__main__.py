"""Run benchmarks and print their tables: `python -m benchmarks TABLE [options]`, or `all` of those on the page of speed."""

import argparse
import importlib
import subprocess
import sys

SHOWN = ("construction", "training", "schur", "layers", "growth", "memory", "angles")  # by `all`
TABLES = (*SHOWN, "first_use")


def main(arguments: list[str]) -> int:
    """Run one table, or all of `SHOWN`, each with its defaults and in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("table", choices=[*TABLES, "all"], help="python -m benchmarks TABLE --help tells its options")
    table = parser.parse_args(arguments[:1]).table
    if table != "all":
        return importlib.import_module(f"benchmarks.{table}").main(arguments[1:])
    if arguments[1:]:
        parser.error(f"all takes no options; received {' '.join(arguments[1:])}")
    for name in SHOWN:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks", name], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
