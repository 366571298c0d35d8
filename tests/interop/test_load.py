"""Networks of escnn and e2cnn, exported by their environment, have the same outputs here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from steer import gspaces, nn
from steer.interop import load_dense, read_dense
from tests.interop.networks import DATA, NETWORKS, recorded


def turned(change: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    return x if change is None or len(change) != x.shape[1] else torch.einsum("ij,bj...->bi...", change, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_peer(name: str, dtype: torch.dtype) -> None:
    network = NETWORKS[name]().to(dtype)
    report = load_dense(network, DATA / f"{name}.npz")
    assert report.residual < 1e-5
    x, y = (t.to(dtype) for t in recorded(name))
    q_in = None if report.input_change is None else report.input_change.to(dtype)
    q_out = None if report.output_change is None else report.output_change.to(dtype)
    found, wanted = network.eval()(turned(q_in, x)), turned(q_out, y)
    assert float(wanted.abs().max()) > 0.1
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", ["dihedral", "gated_plane", "octahedral"])
def test_the_loaded_network_is_equivariant_in_its_own_convention(name: str) -> None:
    """The gspace here, not the peer, says how the elements act: a wrong match of elements would show."""
    network = NETWORKS[name]().double()
    load_dense(network, DATA / f"{name}.npz")
    body = network[0] if name == "dihedral" else network
    x, _ = recorded(name)
    g = body.in_type.gspace.exact_group.elements[-1]
    with torch.no_grad():
        before, after = body.eval()(body.in_type.transform(x.double(), g)), body.out_type.transform(body(x.double()), g)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-10 * float(after.abs().max()))


def test_scalars_and_vectors_keep_their_sign() -> None:
    report = load_dense(NETWORKS["cyclic"](), DATA / "cyclic.npz")
    assert torch.equal(report.input_change, torch.eye(3, dtype=torch.float64))  # a scalar and a vector of the plane
    report = load_dense(NETWORKS["gated_space"](), DATA / "gated_space.npz")
    # The peer's vector is (y, z, x) with z along falling indices.
    wanted = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=torch.float64)
    torch.testing.assert_close(report.output_change[1:4, 1:4], wanted, rtol=0, atol=1e-6)


def test_the_report_prints_every_layer() -> None:
    report = load_dense(NETWORKS["dihedral"](), DATA / "dihedral.npz")
    lines = str(report).splitlines()
    assert lines[0].split() == ["layer", "in", "the", "file", "kind", "residual"]
    assert [layer.kind for layer in report.layers] == [
        "convolution",
        "batch_norm",
        "pointwise",
        "convolution",
        "pointwise",
        "stock",
    ]
    assert len(lines) == 7


def test_the_file_prints_what_to_build() -> None:
    file = read_dense(DATA / "cyclic.npz")
    assert file.library.startswith("escnn 1.0.11")
    assert "rings=[1.0], widths=[0.2], band_limit=[2]" in str(file)
    assert file.spaces[0].group() == gspaces.rot2dOnR2(8).fibergroup
    with pytest.raises(ValueError, match="group: a finite group is required"):
        read_dense(DATA / "gated_plane.npz").spaces[0].group()


def test_training_goes_on_from_the_statistics() -> None:
    network = NETWORKS["dihedral"]()
    load_dense(network, DATA / "dihedral.npz")
    norm = network[0][1]
    assert int(norm.num_batches_tracked) == 3
    before = norm.running_var.clone()
    network.train()(recorded("dihedral")[0]).sum().backward()
    assert not torch.equal(norm.running_var, before)
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


# What does not fit is an error that says so, and changes nothing.


def refused(network: torch.nn.Module, path: Path, match: str, **arguments: float) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=match):
        load_dense(network, path, **arguments)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def c8(out: str = "2 + 0", middle: str = "regular", **arguments: object) -> nn.Sequential:
    """A wrong copy of the network `cyclic`, but for what a test puts right."""
    space = gspaces.rot2dOnR2(8)
    half = space.fibergroup.subgroup(space.fibergroup.elements[4])
    fields = {"regular": space.regular_repr, "trivial": space.trivial_repr}
    last = fields.pop(middle)
    hidden = space.type(space.regular_repr, space.quotient_repr(half), *fields.values(), last)
    settings: dict[str, object] = {"padding": 2, "dilation": 2, "rings": [0, 1], "widths": [0.0025, 0.2], **arguments}
    return nn.Sequential(
        nn.R2Conv(space.type("0 + 1"), hidden, 4, **settings),  # type: ignore[arg-type]
        nn.InnerBatchNorm(hidden),
        nn.ReLU(hidden),
        nn.R2Conv(hidden, space.type(out), 3, bias=False),
    )


def test_order_of_fields() -> None:
    refused(c8(middle="trivial"), DATA / "cyclic.npz", "output, field 2: a field like irrep_0 of the file, 1 channels")
    refused(c8(out="3 + 0"), DATA / "cyclic.npz", r"a field like irrep_2 of the file, 2 channels, is required; .* has 3,")
    refused(c8(out="2 + 0 + 0"), DATA / "cyclic.npz", "2 fields are required, as in the file; the network has 3")


def test_arguments() -> None:
    refused(c8(dilation=1), DATA / "cyclic.npz", "dilation=2 is required, as in the file; the layer has")
    refused(c8(stride=2, centred=True), DATA / "cyclic.npz", "stride=1 is required")
    refused(c8(stride=1, padding_mode="circular"), DATA / "cyclic.npz", "padding_mode=zeros is required")


def test_residual_above_the_tolerance() -> None:
    network = c8(rings=None, widths=None)  # rings of an even size lie half a tap further out
    path = DATA / "cyclic.npz"
    refused(network, path, r"residuals up to 1.0e-04 are required(.|\n)*for 0 \(R2Conv\) from 0; pass rings=\[1.0\]")
    report = load_dense(network, path, tolerance=math.inf)
    assert report.residual > 0.01
    assert report.layers[-1].residual < 1e-5


def test_kinds_and_numbers_of_layers() -> None:
    body = NETWORKS["dihedral"]()
    refused(body[0], DATA / "dihedral.npz", r"at position 5 it has 1.linear \(Linear\), the network no further layer")
    refused(NETWORKS["e2cnn"](), DATA / "cyclic.npz", "input: 2 fields are required, as in the file; the network has 1")
    gated = NETWORKS["gated_plane"]()
    refused(gated, DATA / "cyclic.npz", r"at position 2 it has 2 \(ReLU\), the network 2 \(GatedNonLinearity\)")
    body[1].linear = torch.nn.Linear(2, 4)
    refused(body, DATA / "dihedral.npz", r"Linear with weight \[3, 2\], bias \[3\] is required")


def test_the_group_of_the_file() -> None:
    space = gspaces.rot2dOnR2(4)
    conv = nn.Sequential(*[nn.R2Conv(space.type("0"), space.type("regular"), 3) for _ in range(1)])
    refused(
        conv, only("dihedral", 1), r"the group of the file, D4_on_R2.* with 8 elements, is required; .* cyclic\(4\) with 4"
    )
    # The mirror lines of the odd dihedral group lie elsewhere.
    flipped = gspaces.flipRot2dOnR2(4, axis=0.3)
    conv = nn.Sequential(nn.R2Conv(flipped.type("0e"), flipped.type("2xregular"), 3, padding=1))
    refused(conv, only("dihedral", 1), r"its elements lie elsewhere: build on gspaces.on\(s.group\(\)\)")
    flat = gspaces.no_base_space(gspaces.octaOnR3().fibergroup)
    refused(nn.Linear(flat.type("0"), flat.type("regular")), only("octahedral", 1, "linear"), "fields over 3 dimension")


TEMPORARY: dict[str, Path] = {}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path) -> None:
    TEMPORARY["path"] = tmp_path


def rewritten(name: str, change: object) -> Path:
    """A copy of a file with another header."""
    with np.load(DATA / f"{name}.npz") as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays["header"][()]))
    change(header, arrays)  # type: ignore[operator]
    arrays["header"] = np.array(json.dumps(header))
    path = TEMPORARY["path"] / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def only(name: str, count: int, kind: str | None = None) -> Path:
    """A copy of a file with its first layers only."""

    def change(header: dict, arrays: dict) -> None:
        header["layers"] = header["layers"][:count]
        if kind is not None:
            header["layers"][0]["kind"] = kind

    return rewritten(name, change)


def test_functions() -> None:
    network = NETWORKS["dihedral"]()
    hidden = network[0][4].in_type
    network[0][4] = nn.ELU(hidden)  # alpha is 1
    refused(network, DATA / "dihedral.npz", r"the function elu of the file is required, f\(-2\) = -0.4323")
    gated = NETWORKS["gated_plane"]()
    gated[2] = nn.GatedNonLinearity(gated[2].out_type, scalar="relu")
    refused(gated, DATA / "gated_plane.npz", "scalars: the function elu of the file is required")
    gated[2] = nn.GatedNonLinearity(gated[2].out_type, scalar="elu", gate="tanh")
    refused(gated, DATA / "gated_plane.npz", "gates: the function sigmoid of the file is required")
    plane = NETWORKS["reflected_plane"]()
    plane[1] = nn.NormNonLinearity(plane[1].in_type, "sigmoid")
    refused(plane, DATA / "reflected_plane.npz", "the function relu is required on both sides")
    plane[1] = nn.NormNonLinearity(plane[1].in_type, bias=False)
    refused(plane, DATA / "reflected_plane.npz", "bias=True is required")


def test_samples_of_functions() -> None:
    path = DATA / "sampled.npz"
    network = NETWORKS["sampled"]()
    hidden = network[2].in_type
    network[2] = nn.FourierPointwise(hidden, "relu", samples=12)
    refused(network, path, "the function elu of the file is required")
    network[2] = nn.FourierPointwise(hidden, "elu", samples=18)
    refused(
        network, path, "2 .FourierPointwise. from 2, which has 24 samples elsewhere; pass samples= where the grids agree"
    )
    report = load_dense(network, path, tolerance=math.inf)
    assert [layer.residual > 1e-5 for layer in report.layers] == [layer.name == "2" for layer in report.layers]
    x, y = recorded("sampled")
    x = turned(report.input_change.float(), x)
    with torch.no_grad():
        far = report.output_change.float() @ y.flatten(2) - network.eval()(x).flatten(2)
    assert 1e-5 < float(far.norm() / y.norm()) < 0.05  # the same functions, sampled more densely
    loose = hidden.gspace.type("2x0e + 2x0o + 4x1 + 4x2")
    first = nn.R2Conv(network[0].in_type, loose, 5, padding=2)
    network = nn.Sequential(first, nn.NormBatchNorm(loose), nn.FourierPointwise(loose, "elu", samples=12))
    refused(network, only("sampled", 3), "2 equal fields, each of them a function, are required")


def test_batch_norms() -> None:
    for arguments, match in (
        ({"eps": 1e-3}, "eps=1e-05 is required, as in the file; received 0.001"),
        ({"affine": False}, "build it with affine=True"),
        ({"track_running_stats": False}, "build it with track_running_stats=True"),
    ):
        network = NETWORKS["dihedral"]()
        network[0][1] = nn.InnerBatchNorm(network[0][1].in_type, **arguments)  # type: ignore[arg-type]
        refused(network, DATA / "dihedral.npz", match)


def test_biases() -> None:
    network = NETWORKS["dihedral"]()
    kind = network[0][3].in_type
    network[0][3] = nn.R2Conv(kind, kind, 5, padding=2, stride=2, groups=2, bias=False)
    refused(network, DATA / "dihedral.npz", "a bias is required, as in the file; build the layer with bias=True")


def test_layers_that_work_in_the_basis_of_the_peer() -> None:
    def disentangled(header: dict, arrays: dict) -> None:
        last = header["layers"][-1]
        header["layers"].append(
            {
                "name": "9",
                "type": "VectorField",
                "kind": "other",
                "arrays": {},
                "fields_in": last["fields_out"],
                "fields_out": [],
            }
        )

    refused(NETWORKS["octahedral"](), rewritten("octahedral", disentangled), r"9 \(VectorField\): fields with the basis")

    refused(NETWORKS["cyclic"]().append(SharedNumbers()), DATA / "cyclic.npz", "layers that the file can hold are required")


class SharedNumbers(nn.Identity):
    """A layer with a parameter that no file knows."""

    def __init__(self) -> None:
        super().__init__(gspaces.rot2dOnR2(8).type("2 + 0"))
        self.scale = torch.nn.Parameter(torch.ones(1))


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    whole = (DATA / "dihedral.npz").read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 30):
        (tmp_path / "part.npz").write_bytes(whole[:length])
        refused(NETWORKS["dihedral"](), tmp_path / "part.npz", "a whole file of steer/interop/escnn_export.py is required")

    def newer(header: dict, arrays: dict) -> None:
        header["version"] = 99

    def without_kernel(header: dict, arrays: dict) -> None:
        del arrays["layer.3.kernel"]

    refused(NETWORKS["dihedral"](), rewritten("dihedral", newer), "format steer-dense 99; update steer")
    refused(NETWORKS["dihedral"](), rewritten("dihedral", without_kernel), "KeyError: 'layer.3.kernel'")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    refused(NETWORKS["dihedral"](), tmp_path / "other.npz", "KeyError: 'header'")
    (tmp_path / "text.npz").write_text("weights")
    with pytest.raises(ValueError, match="it is no npz file") as error:
        read_dense(tmp_path / "text.npz")
    assert "pickle" not in str(error.value)
    with pytest.raises(FileNotFoundError):
        read_dense(tmp_path / "none.npz")


def test_a_kernel_of_another_shape() -> None:
    def cut(header: dict, arrays: dict) -> None:
        arrays["layer.0.kernel"] = arrays["layer.0.kernel"][:8]

    refused(NETWORKS["dihedral"](), rewritten("dihedral", cut), r"a kernel of \[16, 1\] channels is required; the file has")
