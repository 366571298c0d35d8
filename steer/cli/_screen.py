"""What the demo shows while it runs: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # rich would exit here with the code of a failed check


class Screen:
    """Standard output, with progress bars where it is a terminal that can redraw a line."""

    def __init__(self) -> None:
        self.console = _Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.redraws = self.console.is_terminal and not self.console.is_dumb_terminal

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
        """A progress bar; yields a function that takes the number of steps done and a note."""
        if not self.redraws:
            self.say(f"{title} ...")
            yield lambda done, note: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console) as progress:
            task = progress.add_task(title, total=total, note="")
            yield lambda done, note: progress.update(task, completed=done, note=note)

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """A table, the heading first; aligned columns of text where there is no terminal."""
        if not self.redraws:
            widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
            for row in rows:
                self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            return
        table = Table(header_style="bold")
        for i, name in enumerate(rows[0]):
            table.add_column(escape(name), justify="right" if i else "left")
        for row in rows[1:]:
            table.add_row(*map(escape, row))  # a pack says of itself what it likes
        self.console.print(table)
