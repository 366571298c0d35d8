"""`steer check` on good, broken and impossible networks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steer.cli import main
from tests.testing.broken import BROKEN

SOURCE = """
import torch
from steer import gspaces, nn

space = gspaces.rot2dOnR2(8)
grey, hidden = space.type(space.trivial_repr), space.type("2xregular")


def build():
    return nn.Sequential(nn.R2Conv(grey, hidden, 5, padding=2), nn.ReLU(hidden), nn.GroupPooling(hidden))


class Broken(torch.nn.Module):
    in_type = out_type = grey

    def forward(self, x):
        return torch.cumsum(x, -1)


class Nested:
    network = build()


class Silent(torch.nn.Module):
    in_type = grey

    def forward(self, x):
        return torch.zeros(len(x), 3, dtype=x.dtype)


instance = build()
number = 3
untyped = torch.nn.Linear(2, 2)


def needs(argument):
    return build()


def gives_none():
    return None


class Small(torch.nn.Module):
    in_type = grey

    def forward(self, x):
        return x.reshape(-1, 7)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "my_nets.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "my_broken_file.py").write_text("import steer\n1 / 0\n", encoding="utf-8")
    yield tmp_path
    for name in ("my_nets", "my_broken_file"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("target", ["my_nets:build", "my_nets:instance", "my_nets:Nested.network"])
def test_a_good_network_passes(capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert main(["check", target, "--size", "15"]) == 0
    out = capsys.readouterr().out
    assert "R2Conv" in out
    assert "(whole network)" in out
    assert "\nsize of the input: 15 x 15 samples\n" in out
    assert "4 exact elements" in out
    assert "4 other elements" in out
    assert "equivariant: exact elements hold to" in out


def test_the_default_size_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_nets:instance", "--elements", "1"]) == 0
    assert re.search(r"size of the input: (\d+) x \1 samples", capsys.readouterr().out)


def test_a_broken_network_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_nets:Broken"]) == 1
    assert "(whole network) breaks equivariance: error" in capsys.readouterr().out


def test_a_constant_output_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_nets:Silent"]) == 1
    assert "not tested: the output of (whole network) does not vary" in capsys.readouterr().out


def test_the_tolerance_decides() -> None:
    assert main(["check", "my_nets:build", "--size", "15", "--tolerance", "1e-30"]) == 1


def test_elements_are_spread_over_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_nets:build", "--size", "15", "--elements", "4"]) == 0
    out = capsys.readouterr().out
    assert "2 exact elements" in out
    assert "2 other elements" in out


def test_a_profile_is_shown_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "my_nets:build", "--size", "15", "--elements", "1", "--profile", "--batch", "2"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"a training step, batch 2, \d+ threads: \d+\.\d ms", out)
    assert re.search(r"\n0 +expansion +\d", out)
    assert main(["check", "my_nets:build", "--size", "15", "--elements", "1"]) == 0
    assert "expansion" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["my_nets"], "MODULE:OBJECT is required, such as .*; received 'my_nets'"),
        ([":x"], "MODULE:OBJECT is required"),
        (["./nets/good.py:x"], "MODULE as in `import MODULE`.* is required; received './nets/good.py'; .* give good:x"),
        (["..nets:x"], "MODULE as in `import MODULE`"),
        (["nets.py:x"], "MODULE as in `import MODULE`.* received 'nets.py'; .* give nets:x"),
        (["no_such_module:x"], "'no_such_module' cannot be imported from this folder: ModuleNotFoundError"),
        (["my_broken_file:x"], "'my_broken_file' cannot be imported from this folder: ZeroDivisionError: division by zero"),
        (["my_nets:nothing"], "an object of 'my_nets' is required; it has no 'nothing'; it has .*build"),
        (["my_nets:number"], "a torch module, or a callable that returns one, is required; my_nets:number is int"),
        (["my_nets:needs"], "my_nets:needs must be callable without arguments: TypeError"),
        (["my_nets:gives_none"], "my_nets:gives_none must return a torch module; it returned NoneType"),
        (["my_nets:untyped"], "the field type of the input is required; Linear has no in_type"),
        (["my_nets:Small"], "my_nets:Small does not run on its in_type: RuntimeError: .*; try another --size"),
        (["my_nets:build", "--elements", "0"], "--elements, a whole number >= 1, is required; received 0"),
        (["my_nets:build", "--batch", "0"], "--batch, a whole number >= 1, is required; received 0"),
        (["my_nets:Silent", "--profile"], "a training step of my_nets:Silent cannot be profiled: ValueError"),
        (["my_nets:build", "--size", "-3"], "--size, a whole number >= 1, is required; received -3"),
        (["my_nets:build", "--tolerance", "nan"], "--tolerance, a positive number, is required; received nan"),
    ],
)
def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], match: str) -> None:
    assert main(["check", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("steer: error: check: ")
    assert said.count("\n") == 1
    assert re.search(match, said)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_networks_are_named_with_the_reason(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of the broken networks through the command line: exit code 1, the layer at fault, and why."""
    (tmp_path / "broken_net.py").write_text(
        "from tests.testing.broken import GREY, network\n\n"
        f"def build():\n    model, (out, *_) = network({name!r})\n"
        "    model.in_type, model.out_type = GREY, out\n    return model\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "broken_net", raising=False)
    _, size, fault, why = BROKEN[name][1]
    assert main(["check", "broken_net:build", "--size", str(size)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count(f"{fault} breaks equivariance") == 1
    assert re.search(why, printed)
