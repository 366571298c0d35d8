"""Run benchmarks and print their tables: `python -m benchmarks [TABLE | all] [options]`; construction times without one."""

import importlib
import subprocess
import sys

TABLES = ("construction", "first_use", "training", "schur", "layers", "growth", "memory", "angles")
SHOWN = ("construction", "training", "schur", "layers", "growth", "memory", "angles")  # by `all`


def main(arguments: list[str]) -> int:
    """Run one table, or all of `SHOWN`, each with its defaults and in a process of its own."""
    if arguments[:1] == ["all"]:
        for name in SHOWN:
            print(f"\n## {name}\n", flush=True)
            subprocess.run([sys.executable, "-m", "benchmarks", name], check=True)
        return 0
    named = arguments[0] if arguments and arguments[0] in TABLES else ""
    table = importlib.import_module(f"benchmarks.{named or 'construction'}")
    return table.main(arguments[1:] if named else arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
