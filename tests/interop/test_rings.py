"""The rings of the peers, and what a plain network loses when it becomes equivariant."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, gspaces, nn
from steer.interop import escnn_rings, read_dense
from tests.interop.networks import DATA


def test_they_are_those_that_the_bases_of_the_peers_name() -> None:
    for name, number, arguments in (
        ("dihedral", 0, (3,)),
        ("dihedral", 3, (5,)),
        ("cyclic", 0, (4, 2, 2)),
        ("e2cnn", 0, (5,)),
        ("octahedral", 3, (3, 3)),
        ("gated_space", 3, (5, 3)),
    ):
        found, wanted = read_dense(DATA / f"{name}.npz").layers[number].rings, escnn_rings(*arguments)
        # An even size has no tap at the origin, where the first ring lies: the peers drop it.
        wanted = {key: values[len(values) - len(found["rings"]) :] for key, values in wanted.items()}
        assert found["rings"] == pytest.approx(wanted["rings"])
        assert found["widths"] == pytest.approx(wanted["widths"], rel=1e-4)
        assert all(a <= b for a, b in zip(found["band_limit"], wanted["band_limit"], strict=True))


def test_formulas() -> None:
    assert escnn_rings(1) == {"rings": [0.0], "widths": [0.005], "band_limit": [0]}
    assert escnn_rings(7)["band_limit"] == [0, 2, 3, 2]
    assert escnn_rings(7, d=3)["band_limit"] == [0, 2, 3, 2]
    assert escnn_rings(3, dilation=2)["rings"] == [0.0, 1.0]
    for wrong in ((0, 2, 1), (3, 4, 1), (3, 2, 0)):
        with pytest.raises(ValueError, match="escnn_rings: kernel_size >= 1, d of 2 or 3 and dilation >= 1 are required"):
            escnn_rings(*wrong)


@pytest.mark.parametrize("field", ["trivial", "regular"])
def test_a_plain_network_projects_layer_by_layer(field: str) -> None:
    """Kernels that are steerable already are kept, others lose what is not: the residual is the part that is lost."""
    space = gspaces.rot2dOnR2(4)
    hidden = space.type(*[space.trivial_repr] * 8) if field == "trivial" else space.type("2xregular")
    plain = torch.nn.Sequential(
        torch.nn.Conv2d(1, hidden.size, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(hidden.size, 4, 3)
    )
    steered = nn.Sequential(
        nn.R2Conv(space.type("0"), hidden, 3, padding=1), nn.ReLU(hidden), nn.R2Conv(hidden, space.type("4x0"), 3)
    )
    convolutions = [(s, p) for s, p in zip(steered, plain, strict=True) if isinstance(s, nn.R2Conv)]
    residuals = [s.from_dense(p.weight, p.bias) for s, p in convolutions]
    assert all(0.3 < residual < 1 for residual in residuals)  # random kernels are far from symmetric
    check_equivariance(steered.double(), size=7).assert_exact()

    with torch.no_grad():  # the same network once more, from kernels that are symmetric
        for s, p in convolutions:
            p.weight.copy_(s.dense()[0])
            p.bias.copy_(s.dense()[1])
    assert all(s.float().from_dense(p.weight, p.bias) < 1e-6 for s, p in convolutions)
    x = torch.randn(2, 1, 9, 9)
    torch.testing.assert_close(steered(x), plain(x))


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_kernels_in_the_layout_of_torch(groups: int) -> None:
    space = gspaces.rot2dOnR2(4)
    into, out = space.type("2xregular"), space.type("4x0 + 4x0")
    conv, twin = (nn.R2ConvTransposed(into, out, 3, groups=groups).double() for _ in range(2))
    assert conv.dense()[0].shape == (8, 8 // groups, 3, 3)
    assert twin.from_dense(*conv.dense()) < 1e-12
    torch.testing.assert_close(twin.dense()[0], conv.dense()[0])
