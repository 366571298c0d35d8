"""A checkpoint of long ago still means what it meant: recorded weights and inputs give the recorded outputs.

`golden/` holds the state of a network with a block of every kind, in float64, written by `torch.save` and by `nn.save`, and
an input and an output of every block. If a test here fails, checkpoints of users break in the same way: raise
`steer.representation.GAUGE`, write a converter, and only then record anew with `python -m tests.nn.test_golden_checkpoint record`.
No test writes there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from steer import gspaces, nn
from steer.field import GSpace
from steer.representation import GAUGE
from tests.cases import assert_close, assert_far, randn, seeded

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
EXACT = 1e-12
"""Of outputs of order one; sums run in another order on another machine."""


def regular() -> nn.Sequential:
    space = gspaces.rot2dOnR2(8)
    hidden = space.type("2xregular")
    return nn.Sequential(
        nn.R2Conv(space.type("trivial"), hidden, 5, padding=2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, hidden, 3, padding=1),
        nn.GroupPooling(hidden),
    )


def gated(conv: type[nn.SteerableConv], space: GSpace, first: str, fields: str, size: int) -> nn.Sequential:
    hidden = space.type(fields)
    act = nn.GatedNonLinearity(hidden)
    return nn.Sequential(
        conv(space.type(first), act.in_type, size, padding=size // 2),
        act,
        nn.NormBatchNorm(hidden),
        conv(hidden, hidden, 3, padding=1),
        nn.NormNonLinearity(hidden),
    )


def cube() -> nn.Sequential:
    space = gspaces.octaOnR3()
    hidden = space.type("regular + 3")
    return nn.Sequential(nn.R3Conv(space.type("trivial"), hidden, 3), nn.NormPool(hidden))


def mixed() -> nn.Sequential:
    space = gspaces.rot2dOnR2(-1)
    circle = space.type(space.fourier_repr(2), space.fourier_repr(2))
    return nn.Sequential(
        nn.R2Conv(space.type("trivial"), circle, 3),
        nn.FourierPointwise(circle),
        nn.TensorProductNonLinearity(circle, space.type("2x0 + 1")),
        nn.SteerableAttention(space.type("2x0 + 1"), space.type("0 + 1"), rings=[0, 1, 2]),
    )


BLOCKS: dict[str, Callable[[], nn.Sequential]] = {
    "regular C8": regular,
    "gated SO(2)": lambda: gated(nn.R2Conv, gspaces.rot2dOnR2(-1), "0", "2x0 + 2x1 + 2", 5),
    "gated O(2)": lambda: gated(nn.R2Conv, gspaces.flipRot2dOnR2(-1), "0e + 0o", "2x0e + 0o + 2x1", 5),
    "gated SO(3)": lambda: gated(nn.R3Conv, gspaces.rot3dOnR3(), "0", "2x0 + 1 + 2", 3),
    "regular octahedral": cube,
    "Fourier, products, attention": mixed,
}


def network() -> torch.nn.ModuleDict:
    return torch.nn.ModuleDict({name: make() for name, make in BLOCKS.items()}).double().eval()


def outputs(blocks: torch.nn.ModuleDict) -> dict[str, torch.Tensor]:
    recorded = safetensors.torch.load_file(GOLDEN / "signals.safetensors")
    with torch.no_grad():
        return {name: blocks[name](recorded[f"{name} input"]) for name in BLOCKS}


def check(blocks: torch.nn.ModuleDict) -> None:
    recorded = safetensors.torch.load_file(GOLDEN / "signals.safetensors")
    for name, y in outputs(blocks).items():
        assert float(y.std()) > 0.1
        assert_close(y, recorded[f"{name} output"], EXACT, name)


def state() -> dict[str, torch.Tensor]:
    return torch.load(GOLDEN / "network.pt", weights_only=True)


def test_recorded_outputs() -> None:
    blocks = network()
    blocks.load_state_dict(state(), strict=True)
    check(blocks)


def test_recorded_outputs_from_safetensors() -> None:
    check(nn.load(network(), GOLDEN / "network.safetensors"))


def test_both_files_hold_the_same() -> None:
    blocks = nn.load(network(), GOLDEN / "network.safetensors")
    for key, value in state().items():
        assert torch.equal(blocks.state_dict()[key], value), key


@pytest.mark.parametrize("threads", [2])
def test_in_a_fresh_process_with_other_threads(threads: int) -> None:
    """Bases are made anew there, in another order and with other partial sums."""
    command = [sys.executable, "-W", "error", "-m", __name__, "check", str(threads)]
    environment = {**os.environ, "PYTHONHASHSEED": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["equal", "on", str(threads), "threads"]


def test_every_basis_is_on_record() -> None:
    recorded = {name: entry["basis"] for name, entry in state()._metadata.items() if "basis" in entry}
    assert len(recorded) == 14
    assert {basis.split("-")[0] for basis in recorded.values()} == {str(GAUGE)}


@pytest.mark.parametrize("written", ["2-{digest}", "{gauge}-0123456789abcdef"], ids=["gauge", "digest"])
def test_another_gauge_or_basis_is_refused(written: str) -> None:
    tampered = state()
    entry = tampered._metadata["regular C8.0"]
    entry["basis"] = written.format(gauge=GAUGE, digest=entry["basis"].split("-")[1])
    with pytest.raises(
        RuntimeError, match=rf"regular C8.0: weights over the basis {GAUGE}-.*was written over {entry['basis']}"
    ):
        network().load_state_dict(tampered, strict=True)


def test_the_outputs_depend_on_every_weight() -> None:
    """The negative control: a number that nothing depends on would be recorded in vain."""
    blocks = network()
    blocks.load_state_dict(state(), strict=True)
    before = outputs(blocks)
    for name, value in blocks.named_parameters():
        block = name.split(".")[0]
        with torch.no_grad():
            kept = value.clone()
            value.add_(0.1 * randn(*value.shape))
            assert_far(outputs(blocks)[block], before[block], 1e-6, name)
            value.copy_(kept)


def record() -> None:
    """Write the files of `golden/` anew."""
    torch.manual_seed(0)
    GOLDEN.mkdir(exist_ok=True)
    blocks = network()
    stream = seeded(1)
    with torch.no_grad():
        for key, value in blocks.state_dict().items():
            if value.is_floating_point():
                noise = torch.randn(value.shape, generator=stream, dtype=torch.float64)
                value.add_(0.3 * (noise.abs() if key.endswith("running_var") else noise))
    torch.save(blocks.state_dict(), GOLDEN / "network.pt")
    nn.save(blocks, GOLDEN / "network.safetensors")
    signals = {}
    for name in BLOCKS:
        kind = blocks[name].in_type
        side = 7 if kind.gspace.dimensionality == 2 else 5
        x = randn(2, kind.size, *(side,) * kind.gspace.dimensionality, seed=len(signals))
        with torch.no_grad():
            signals |= {f"{name} input": x, f"{name} output": blocks[name](x)}
    safetensors.torch.save_file(signals, GOLDEN / "signals.safetensors")


def main(arguments: list[str]) -> None:
    """`record`, or `check THREADS`."""
    if arguments == ["record"]:
        record()
    else:
        _, threads = arguments
        torch.set_num_threads(int(threads))
        test_recorded_outputs()
        print("equal on", torch.get_num_threads(), "threads")


if __name__ == "__main__":
    main(sys.argv[1:])
