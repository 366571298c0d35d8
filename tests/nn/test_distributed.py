"""Several processes: a network is sent to a child, and data parallel training is training on the joined batch."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from torch.nn.parallel import DistributedDataParallel

from steer import gspaces, nn
from tests.cases import assert_close, assert_far, randn

WORLD = 2
STEPS = 2
BATCH = 6


def network(seed: int = 0) -> nn.Sequential:
    """Regular and gated layers without statistics of the batch, whose parts would differ from the whole."""
    torch.manual_seed(seed)
    space = gspaces.rot2dOnR2(8)
    hidden = space.type("2xregular + 2x1")
    act = nn.GatedNonLinearity(hidden)
    return nn.Sequential(
        nn.R2Conv(space.type("trivial"), act.in_type, 5),
        act,
        nn.TensorProductNonLinearity(hidden, hidden, "elementwise"),
        nn.FieldLayerNorm(hidden),
        nn.R2Conv(hidden, space.type("4xtrivial"), 3),
    ).double()


def data() -> torch.Tensor:
    return randn(BATCH, 1, 9, 9)


def train(module: torch.nn.Module, x: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """Gradients of every step."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        module(x).square().mean().backward()
        found.append({name.removeprefix("module."): p.grad.clone() for name, p in module.named_parameters()})
        optimizer.step()
    return found


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD, timeout=timedelta(seconds=60)
    )
    try:
        module = DistributedDataParallel(network(seed=rank))  # it sends the weights of the first process to all others
        gradients = train(module, data()[rank::WORLD])
        out: dict[str, Any] = {"gradients": gradients, "weights": dict(module.module.state_dict())}
        out["order"] = [name for name, _ in module.module.named_parameters()]
        torch.save(out, f"{folder}/{rank}.pt")
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_data_parallel_training_is_training_on_the_joined_batch(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(work, (str(tmp_path),), nprocs=WORLD)
    alone = network()
    expected = train(alone, data())
    results = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    for found in results:
        assert found["order"] == [name for name, _ in alone.named_parameters()]
        for step, gradients in zip(expected, found["gradients"], strict=True):
            for name, gradient in step.items():
                assert_close(gradients[name], gradient, 1e-12, name)
        for key, value in alone.state_dict().items():
            assert_close(found["weights"][key], value, 1e-12, key)
    for key, value in results[0]["weights"].items():
        assert torch.equal(value, results[1]["weights"][key]), key
    # The control: half of the batch alone gives other gradients.
    half = train(network(), data()[::WORLD])
    assert_far(half[0]["0.weight"], expected[0]["0.weight"], 1e-6)


def apply(rank: int, module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    torch.set_num_threads(1)
    with torch.no_grad():
        assert_close(module(x), y, 1e-12)
        module[0].weight.zero_()  # sent in shared memory, as every parameter


def test_a_network_is_sent_to_a_child() -> None:
    module = network().eval()
    x = data()
    with torch.no_grad():
        y = module(x)
        torch.multiprocessing.spawn(apply, (module, x, y), nprocs=1)
        # The child wrote to the memory that both share: what this process kept of the weights is not stale.
        assert float(module[0].weight.abs().max()) == 0
        assert_far(module(x), y)


class Unused(torch.nn.Module):
    """A network that takes and gives typed fields, and does not use all its parameters."""

    def __init__(self) -> None:
        super().__init__()
        kind = gspaces.rot2dOnR2(8).type("2xregular + 2x1")
        self.used, self.unused, self.norm = nn.R2Conv(kind, kind, 3), nn.R2Conv(kind, kind, 3), nn.NormBatchNorm(kind)

    def forward(self, x: nn.GeometricTensor) -> nn.GeometricTensor:
        return self.norm(self.used(x))


@pytest.fixture
def alone(tmp_path: Path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_unused_parameters_are_found_behind_typed_outputs(alone) -> None:
    kind = Unused().used.in_type
    module = DistributedDataParallel(Unused(), find_unused_parameters=True)
    for _ in range(2):
        module(nn.GeometricTensor(randn(2, kind.size, 5, 5).float(), kind)).tensor.square().sum().backward()
        assert all((p.grad is None) == name.startswith("unused") for name, p in module.module.named_parameters())


def test_constants_are_not_sent_to_other_processes(alone) -> None:
    def sent(module: torch.nn.Module) -> set[int]:
        return {id(buffer) for buffer in DistributedDataParallel(module).modules_buffers}

    kind = Unused().used.in_type
    sequence, own = nn.Sequential(nn.R2Conv(kind, kind, 3), nn.NormBatchNorm(kind)), Unused()
    assert len(sent(own)) > 3
    for module, norm in ((sequence, sequence[1]), (nn.keep_constants_local(own), own.norm)):
        assert sent(module) == {id(norm.running_mean), id(norm.running_var), id(norm.num_batches_tracked)}
    # The list is torch's, so one that its own function sets holds.
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(sequence, ["1.running_mean"])
    assert id(sequence[1].running_mean) not in sent(sequence)
