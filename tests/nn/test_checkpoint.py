"""Files of whole networks: complete, small, checked before anything changes, and never half written."""

from __future__ import annotations

import copy
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from steer import group, gspaces, nn
from tests.cases import randn
from tests.nn.layers import LAYERS, build, input_of


def planar(space=None, fields: str = "2xregular", first: int = 5) -> nn.Sequential:
    space = space or gspaces.flipRot2dOnR2(4)
    grey, hidden = space.type("trivial"), space.type(fields)
    return nn.Sequential(
        nn.R2Conv(grey, hidden, first, padding=2),
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, hidden, 3),
        nn.GroupPooling(hidden),
    )


def gated(conv: type, space, first: str, fields: str) -> nn.Sequential:
    hidden = space.type(fields)
    act = nn.GatedNonLinearity(hidden)
    return nn.Sequential(
        conv(space.type(first), act.in_type, 5, padding=2),
        act,
        nn.NormBatchNorm(hidden),
        conv(hidden, act.in_type, 5, padding=2),
        nn.GatedNonLinearity(hidden),
        nn.NormPool(hidden),
    )


REALISTIC: dict[str, Callable[[], torch.nn.Module]] = {
    "C8 regular": lambda: planar(gspaces.rot2dOnR2(8), "16xregular"),
    "SO(2) gated": lambda: gated(nn.R2Conv, gspaces.rot2dOnR2(-1), "0", "32x0 + 32x1 + 16x2"),
    "O(2) gated": lambda: gated(nn.R2Conv, gspaces.flipRot2dOnR2(-1), "0e", "32x0e + 32x1 + 16x2"),
    "SO(3) gated": lambda: gated(nn.R3Conv, gspaces.rot3dOnR3(), "0", "32x0 + 32x1 + 16x2"),
    "octahedral regular": lambda: nn.R3Conv(*[gspaces.octaOnR3().type("4xregular")] * 2, 5),
    "on sets": lambda: nn.SteerableAttention(*[gspaces.no_base_space(group.so3()).type("64x0 + 64x1")] * 2, 4),
    "products": lambda: nn.TensorProductNonLinearity(*[gspaces.rot3dOnR3().type("16x0 + 16x1 + 8x2")] * 2),
}


def disturb(network: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for i, value in enumerate(network.state_dict().values()):
            if value.is_floating_point():
                value.add_(randn(*value.shape, seed=i).abs().to(value))
    return network


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_there_and_back(name: str, tmp_path: Path) -> None:
    layer, twin = build(name).eval(), LAYERS[name]().eval()
    nn.save(layer, tmp_path / "layer.safetensors")
    assert nn.load(twin, tmp_path / "layer.safetensors") is twin
    assert list(twin.state_dict()) == list(layer.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(twin.state_dict().values(), layer.state_dict().values(), strict=True))
    x = input_of(layer)
    assert torch.equal(twin(x), layer(x))


@pytest.mark.parametrize("name", REALISTIC)
def test_a_file_is_as_large_as_its_numbers(name: str, tmp_path: Path) -> None:
    """Bases are made again, not stored: at most a tenth above the parameters and the running statistics."""
    network = REALISTIC[name]()
    statistics = [
        value for key, value in network.named_buffers() if key.split(".")[-1].startswith(("running", "num_batches"))
    ]
    numbers = sum(tensor.nbytes for tensor in [*network.parameters(), *statistics])
    assert numbers > 50_000  # below, the header decides
    torch.save(network.state_dict(), tmp_path / "net.pt")
    nn.save(network, tmp_path / "net.safetensors")
    for file in ("net.pt", "net.safetensors"):
        size = (tmp_path / file).stat().st_size
        assert size <= 1.1 * numbers, f"{file}: {size} bytes for {numbers} of numbers"


def test_every_reader_of_safetensors_reads_it(tmp_path: Path) -> None:
    network = disturb(planar())
    nn.save(network, tmp_path / "net.safetensors")
    state = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert set(state) == set(network.state_dict())
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


def test_a_loaded_network_has_the_metadata_of_its_state(tmp_path: Path) -> None:
    network = planar()
    nn.save(network, tmp_path / "net.safetensors")
    with safetensors.safe_open(tmp_path / "net.safetensors", "pt") as file:
        header = json.loads(file.metadata()["steer"])
    assert header["modules"] == dict(network.state_dict()._metadata)
    assert header["modules"]["0"]["basis"] == network[0].fingerprint


def test_tensors_that_share_memory_are_stored_once_and_read_everywhere(tmp_path: Path) -> None:
    shared = planar()
    network = torch.nn.ModuleDict({"a": shared, "b": shared, "c": planar()})
    network["view"] = torch.nn.ParameterList([torch.arange(6.0).view(2, 3).t(), torch.arange(3.0)])
    nn.save(disturb(network), tmp_path / "net.safetensors")
    assert "b.0.weight" not in safetensors.torch.load_file(tmp_path / "net.safetensors")
    twin = torch.nn.ModuleDict({"a": planar(), "b": planar(), "c": planar()})
    twin["view"] = torch.nn.ParameterList([torch.zeros(3, 2), torch.zeros(3)])
    nn.load(twin, tmp_path / "net.safetensors")
    for key, value in network.state_dict().items():
        assert torch.equal(twin.state_dict()[key], value)


def test_one_layer_at_two_places(tmp_path: Path) -> None:
    path, kind = tmp_path / "net.safetensors", gspaces.rot2dOnR2(4).type("2xregular")

    def recurrent() -> torch.nn.Module:
        layer = nn.R2Conv(kind, kind, 3, padding=1)
        return torch.nn.Sequential(layer, nn.ReLU(kind), layer)

    network = recurrent()
    nn.save(network, path)
    loaded = nn.load(recurrent(), path)
    assert loaded[0] is loaded[2]
    assert torch.equal(loaded[0].weight, network[0].weight)
    apart = torch.nn.Sequential(nn.R2Conv(kind, kind, 3), nn.ReLU(kind), nn.R2Conv(kind, kind, 3))
    assert torch.equal(nn.load(apart, path)[2].weight, network[0].weight)
    with torch.no_grad():
        apart[2].weight.add_(1)
    nn.save(apart, path)
    refused(recurrent(), path, r"shares what has different numbers in the file: 0\.weight = 2\.weight")


def test_wrapped_networks_have_the_keys_of_what_they_wrap(tmp_path: Path) -> None:
    network = planar()
    nn.save(torch.compile(network, backend="eager"), tmp_path / "net.safetensors")
    twin = planar()
    nn.load(torch.compile(twin, backend="eager"), tmp_path / "net.safetensors")
    assert torch.equal(twin[0].weight, network[0].weight)
    nn.save(torch.nn.DataParallel(network), tmp_path / "parallel.safetensors")
    nn.load(torch.nn.DataParallel(planar()), tmp_path / "parallel.safetensors")


def refused(network: torch.nn.Module, path: Path, match: str) -> None:
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=match):
        nn.load(network, path)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), network.state_dict().values(), strict=True))


def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    nn.save(disturb(planar()), path)
    refused(
        planar(first=7), path, r"like the one in net.safetensors is required; other shapes of 0.weight \[\d+\] \(network:"
    )
    turned = gspaces.on(group.dihedral(4, axis=0.3))
    refused(
        planar(turned), path, "0: weights over the basis .*the checkpoint was written over 1-.*; 3: weights over the basis"
    )
    refused(
        nn.Sequential(*list(planar())[:3]),
        path,
        "the network lacks 3.bias, 3.weight; 3 has weights over a basis in the file",
    )
    refused(torch.nn.Sequential(*planar(), torch.nn.Linear(2, 2)), path, "the file lacks 5.weight, 5.bias")


def test_weights_without_a_basis_are_not_weights_over_one(tmp_path: Path) -> None:
    kind = gspaces.rot2dOnR2(4).type("regular")
    conv = nn.R2Conv(kind, kind, 3)
    plain = torch.nn.Module()
    plain.weight, plain.bias = (torch.nn.Parameter(torch.zeros_like(p)) for p in conv.parameters())
    nn.save(conv, tmp_path / "conv.safetensors")
    refused(plain, tmp_path / "conv.safetensors", "the network has weights over a basis in the file alone")
    nn.save(plain, tmp_path / "plain.safetensors")
    refused(conv, tmp_path / "plain.safetensors", "the network has weights over a basis in the network alone")


def test_files_that_are_none(tmp_path: Path) -> None:
    network = planar()
    with pytest.raises(FileNotFoundError, match="a file is required"):
        nn.load(network, tmp_path / "missing.safetensors")
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_model(network, str(path))
    refused(network, path, "written by nn.save is required; net.safetensors does not say .*load_model reads it unchecked")
    nn.save(network, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(network, path, "a whole safetensors file is required")
    path.write_bytes(b"no tensors")
    refused(network, path, "a whole safetensors file is required")
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, {"steer": json.dumps({"format": 2})})
    refused(network, path, "of format 1 is required; net.safetensors has format 2; a newer steer")


def test_a_tampered_fingerprint_is_refused(tmp_path: Path) -> None:
    network = planar()
    path = tmp_path / "net.safetensors"
    nn.save(network, path)
    path.write_bytes(
        path.read_bytes().replace(network[0].fingerprint.encode(), b"2" + network[0].fingerprint[1:].encode(), 1)
    )
    refused(planar(), path, "0: weights over the basis 1-.*was written over 2-")


def test_networks_without_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with torch.device("meta"):
        network = planar()
    with pytest.raises(ValueError, match="a network with numbers is required; 0.weight is on the meta device"):
        nn.save(network, path)
    nn.save(planar(), path)
    with pytest.raises(ValueError, match="to_empty; without memory: 0.weight, 0.bias"):
        nn.load(network, path)
    nn.load(network.to_empty(device="cpu"), path)


def test_a_state_of_more_than_tensors_is_refused(tmp_path: Path) -> None:
    class Odd(torch.nn.Module):
        def get_extra_state(self) -> dict[str, int]:
            return {"epoch": 3}

    with pytest.raises(ValueError, match="_extra_state is a dict; use torch.save"):
        nn.save(Odd(), tmp_path / "net.safetensors")


def test_a_file_is_whole_or_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    nn.save(planar(), path)
    before = path.read_bytes()
    assert os.listdir(tmp_path) == ["net.safetensors"]

    def fail(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk is full"):
        nn.save(disturb(planar()), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.safetensors"]
    monkeypatch.undo()
    nn.save(disturb(planar()), path)
    assert path.read_bytes() != before
    with pytest.raises(FileNotFoundError):
        nn.save(planar(), tmp_path / "nowhere" / "net.safetensors")


def test_a_file_is_written_with_the_usual_permissions(tmp_path: Path) -> None:
    nn.save(planar(), tmp_path / "net.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "net.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_numbers_take_the_dtype_of_the_network(tmp_path: Path) -> None:
    network = disturb(planar().double())
    nn.save(network, tmp_path / "net.safetensors")
    twin = nn.load(planar(), tmp_path / "net.safetensors")
    assert twin[0].weight.dtype == torch.float32
    assert torch.equal(twin[0].weight, network[0].weight.float())
    assert torch.equal(nn.load(planar().double(), tmp_path / "net.safetensors")[0].weight, network[0].weight)


def test_torch_keeps_fingerprints_of_its_own_files() -> None:
    buffer = io.BytesIO()
    torch.save(planar().state_dict(), buffer)
    buffer.seek(0)
    assert torch.load(buffer, weights_only=True)._metadata["0"]["basis"] == planar()[0].fingerprint


def test_arguments_of_another_kind(tmp_path):
    network, path = torch.nn.Linear(2, 2), tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match=r"nn.save\(network, path\): .* received .*Path, Linear; exchange the arguments"):
        nn.save(path, network)
    with pytest.raises(TypeError, match=r"nn.load\(network, path\): .* received str, Linear; exchange the arguments"):
        nn.load(str(path), network)
    with pytest.raises(TypeError, match="received OrderedDict, .*Path; give the network itself"):
        nn.save(network.state_dict(), path)
    with pytest.raises(TypeError, match="a torch module and then the path of a file are required; received Linear, int"):
        nn.save(network, 3)
    with pytest.raises(
        FileNotFoundError, match=r"nn.save: a folder that exists is required; there is no .*missing; make it"
    ):
        nn.save(network, tmp_path / "missing" / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
