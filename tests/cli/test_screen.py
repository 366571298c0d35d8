"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from steer.cli._screen import Screen


def screen(terminal: bool) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    made = Screen()
    made.console = Console(file=out, force_terminal=terminal, width=100)
    made.redraws = terminal
    return made, out


@pytest.mark.parametrize("terminal", [False, True])
def test_a_bar_and_a_table(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")  # rich gives a dumb terminal neither colours nor cursor moves
    monkeypatch.delenv("NO_COLOR", raising=False)
    made, out = screen(terminal)
    with made.bar("[x] training", 3) as show:
        for i in range(3):
            show(i + 1, f"loss {i}")
    made.table([("network", "parameters [red]"), ("plain", "12"), ("[/x] [bold]y[/bold] \\", "[link=z]")])
    text = out.getvalue()
    assert "training" in text
    assert "plain" in text
    assert all(cell in text for cell in ("parameters [red]", "[/x] [bold]y[/bold] \\", "[link=z]"))  # no markup
    assert ("\x1b[" in text) is terminal
    assert ("loss 2" in text) is terminal


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Screen().redraws
