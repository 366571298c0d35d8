"""Several processes: a network is sent to a child, and data parallel training is training on the joined batch."""

from __future__ import annotations

import copy
import pickle
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


def normalised() -> nn.Sequential:
    """One norm that torch's own normalisation computes in one process, and one of mixed fields."""
    torch.manual_seed(0)
    space = gspaces.rot2dOnR2(8)
    regular, mixed = space.type("2xregular"), space.type("regular + 2x1 + 2x0")
    net = nn.Sequential(
        nn.R2Conv(space.type("trivial"), regular, 3),
        nn.InnerBatchNorm(regular),
        nn.R2Conv(regular, mixed, 3),
        nn.NormBatchNorm(mixed, momentum=None),
        nn.R2Conv(mixed, space.type("trivial"), 3),
    ).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * randn(*parameter.shape, seed=2))
    return net


def steps_of(module: torch.nn.Module, x: torch.Tensor, share: float) -> dict[str, dict[str, torch.Tensor]]:
    """Gradients of the input and of every parameter after two steps; the weights and statistics that they lead to."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        x = x.detach().requires_grad_()
        (module(x).sin().sum() * share).backward()
        optimizer.step()
    own = getattr(module, "module", module)
    gradients = {name: p.grad for name, p in own.named_parameters()} | {"input": x.grad / share}
    return {"gradients": gradients, "state": dict(own.state_dict())}


def work_in_parts(rank: int, folder: str, parts: tuple[int, int], join: bool) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD, timeout=timedelta(seconds=60)
    )
    try:
        net = nn.convert_sync_batchnorm(normalised()) if join else normalised()
        module = DistributedDataParallel(net, broadcast_buffers=False)
        # Gradients of parameters are averaged over the processes, and those of a sum are wanted.
        torch.save(steps_of(module, data().split(parts)[rank], WORLD / BATCH), f"{folder}/{rank}.pt")
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "join"), [((3, 3), True), ((5, 1), True), ((6, 0), True), ((5, 1), False)])
def test_statistics_of_several_processes_are_those_of_the_joined_batch(
    tmp_path: Path, parts: tuple[int, int], join: bool
) -> None:
    torch.multiprocessing.spawn(work_in_parts, (str(tmp_path), parts, join), nprocs=WORLD)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    expected = steps_of(normalised(), data(), 1 / BATCH)
    if not join:  # the control
        for key in ("1.running_mean", "1.running_var", "3.running_var"):
            assert_far(found[0]["state"][key], expected["state"][key], 1e-4)
        return
    for out in found:
        for part in ("gradients", "state"):
            for key, value in expected[part].items():
                if key != "input":
                    assert_close(out[part][key], value, 1e-12, key)
    assert_close(torch.cat([out["gradients"]["input"] for out in found]), expected["gradients"]["input"], 1e-12)


def assert_equal(a: torch.Tensor, b: torch.Tensor) -> None:
    assert torch.equal(a, b)


def test_copies_of_synchronised_norms_join_the_same_processes_and_files_all(alone: None) -> None:
    group = torch.distributed.new_group([0])
    net = nn.convert_sync_batchnorm(normalised(), group)
    joined = [copy.deepcopy(net)[i]._joined.group for i in (1, 3)]
    assert joined == [group, group]
    assert copy.deepcopy(net)[1].weight is not net[1].weight
    read = pickle.loads(pickle.dumps(net))
    assert [read[i]._joined.group for i in (1, 3)] == [None, None]
    for twin in (copy.deepcopy(net), read):
        assert_close(twin(data()).detach(), net(data()).detach())


def test_synchronised_norms_in_one_process_are_what_they_were(alone: None) -> None:
    """With a group of one and without any, in both modes, and once exported."""
    x = data()
    for distributed in (True, False):
        if not distributed:
            torch.distributed.destroy_process_group()
        for train in (True, False):
            net, twin = normalised().train(train), nn.convert_sync_batchnorm(normalised()).train(train)
            same = assert_close if distributed else assert_equal
            same(twin(x).detach(), net(x).detach())
            assert twin.state_dict().keys() == net.state_dict().keys()
            for key, value in net.state_dict().items():
                same(twin.state_dict()[key], value)
        assert_close(nn.export(pickle.loads(pickle.dumps(twin)))(x).detach(), net(x).detach())
        with pytest.raises(ValueError, match="more than one value per invariant is required in train mode; received 1"):
            twin.train()(x[:1, :, :5, :5])
        assert twin.train()(x[:0]).shape == (0, 1, 3, 3)
    stock = nn.convert_sync_batchnorm(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))
    assert type(stock[0]) is torch.nn.SyncBatchNorm


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
    if torch.distributed.is_initialized():
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
