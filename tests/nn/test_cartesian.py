"""Cartesian tensors: dimensions, irreps, the law written out with matrices, projections, errors."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, assert_homomorphism, randn, seeded

GROUPS = {
    "so2": group.so2(),
    "o2": group.o2(),
    "so3": group.so3(),
    "o3": group.o3(),
    "cyclic(8)": group.cyclic(8),
    "dihedral(4)": group.dihedral(4),
    "octahedral": group.octahedral(),
}
SYMMETRIES = ["general", "symmetric", "traceless", "antisymmetric"]


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("name", GROUPS)
def test_law_with_matrices(name: str, symmetry: str) -> None:
    of = GROUPS[name]
    space = gspaces.no_base_space(of)
    there, back = nn.ToCartesian(space, 2, symmetry, 2), nn.FromCartesian(space, 2, symmetry, 2)
    assert there.in_type == back.out_type
    x = randn(3, there.in_type.size)
    y = there(x).unflatten(1, (2, of.d, of.d))
    assert_close(back(y.flatten(1)), x)
    assert_close(y.square().sum((1, 2, 3)), x.square().sum(1))
    for g in of.sample(4, seeded(1)):
        assert_close(there(there.in_type.transform_fibers(x, g)).unflatten(1, (2, of.d, of.d)), g @ y @ g.mT)
        assert_close(there.out_type.transform_fibers(y.flatten(1), g), (g @ y @ g.mT).flatten(1))
    sign = {"symmetric": 1, "traceless": 1, "antisymmetric": -1}.get(symmetry)
    if sign is not None:
        assert_close(y.mT, sign * y)
    if symmetry == "traceless":
        assert_close(y.diagonal(dim1=-2, dim2=-1).sum(-1), torch.zeros(3, 2).double())


def test_dimensions_and_irreps_in_space() -> None:
    dims = {"general": (3, 9, 27), "symmetric": (3, 6, 10), "traceless": (3, 5, 7), "antisymmetric": (3, 3, 1)}
    for symmetry, numbers in dims.items():
        for rank, dim in enumerate(numbers, 1):
            tensor = nn.CartesianTensor(group.o3(), rank, symmetry)
            assert tensor.dim == dim
            assert_homomorphism(tensor, group.o3().sample(4, seeded(2)))
    assert [str(i) for i in nn.CartesianTensor(group.o3(), 3, "traceless").irreps] == ["3o"]
    assert [str(i) for i in nn.CartesianTensor(group.o3(), 3, "symmetric").irreps] == ["1o", "3o"]
    general = nn.CartesianTensor(group.so3(), 2)
    g = group.so3().sample(3, seeded(3))
    standard = group.so3().standard
    assert_close(general(g), (standard @ standard)(g))


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_general_tensors_are_powers(rank: int) -> None:
    """Their matrices come as Kronecker products; here index by index, as for the other symmetries."""
    of = group.o3()
    tensor, g = nn.CartesianTensor(of, rank), of.sample(5, seeded(4))
    t = randn(*(3,) * rank)
    moved = t.expand(5, *t.shape)
    for axis in range(1, rank + 1):
        moved = torch.einsum("nij,nj...->ni...", g, moved.movedim(axis, 1)).movedim(1, axis)
    assert_close(tensor(g) @ t.flatten(), moved.flatten(1), 1e-13)
    assert_far(tensor(g.mT) @ t.flatten(), moved.flatten(1))
    before = g.clone()
    tensor.matrices(g).zero_()
    assert torch.equal(g, before)


def test_components_in_another_order_break_the_law() -> None:
    space = gspaces.no_base_space(group.so3())
    there = nn.ToCartesian(space, 2, "symmetric")
    x, g = randn(3, 6), group.so3().sample(1, seeded(1))[0]

    def wrong(x: torch.Tensor) -> torch.Tensor:
        return there(x).unflatten(1, (3, 3)).flip(-1)

    assert_far(wrong(there.in_type.transform_fibers(x, g)), g @ wrong(x) @ g.mT)


def test_grids_and_projection() -> None:
    space = gspaces.rot2dOnR2(-1)
    back, there = nn.FromCartesian(space, 2, "symmetric"), nn.ToCartesian(space, 2, "symmetric")
    t = randn(2, 4, 3, 3)
    matrix = t.unflatten(1, (2, 2))
    assert_close(there(back(t)), ((matrix + matrix.transpose(1, 2)) / 2).flatten(1, 2))


@torch.no_grad()
def test_as_fields_of_a_network() -> None:
    space = gspaces.flipRot3dOnR3()
    head = nn.ToCartesian(space, 2, "symmetric")
    network = nn.Sequential(nn.R3Conv(space.type("2x0e"), head.in_type, 3, padding=1), head).double()
    x = randn(1, 2, 5, 5, 5)
    y = network(x)
    for g in space.exact_group.elements[[3, 20, 40]]:
        assert_close(network(network.in_type.transform(x, g)), head.out_type.transform(y, g))


def test_errors() -> None:
    with pytest.raises(ValueError, match="rank, a positive whole number, is required; received 0"):
        nn.CartesianTensor(group.so3(), 0)
    with pytest.raises(ValueError, match="symmetry, one of general, .* is required; received 'odd'"):
        nn.CartesianTensor(group.so3(), 2, "odd")
    with pytest.raises(ValueError, match="no antisymmetric tensor of rank 3 exists"):
        nn.CartesianTensor(group.so2(), 3, "antisymmetric")
    with pytest.raises(TypeError, match="CartesianTensor: a group is required"):
        nn.CartesianTensor(3, 2)
    with pytest.raises(TypeError, match="ToCartesian: a gspace is required first"):
        nn.ToCartesian(group.so3())
    with pytest.raises(ValueError, match="FromCartesian: count, a positive whole number, is required; received 0"):
        nn.FromCartesian(gspaces.rot3dOnR3(), count=0)


def test_what_is_too_large_is_said_at_once() -> None:
    space = gspaces.no_base_space(group.so3())
    with pytest.raises(ValueError, match=r"ToCartesian: .* to rank 5 in space, .*; rank 7, general, has 2187 times 2187"):
        nn.ToCartesian(space, 7)
    with pytest.raises(ValueError, match="FromCartesian: .* rank 6, general, has 729 times 729"):
        nn.FromCartesian(space, 6)
    with pytest.raises(
        ValueError, match="a tensor of at most 4096 components is required; rank 12 in 3 dimensions has 531441"
    ):
        nn.ToCartesian(space, 12)


@pytest.mark.parametrize("symmetry", ["symmetric", "antisymmetric"])
@pytest.mark.parametrize(("d", "rank"), [(2, 2), (3, 3), (4, 4), (2, 5)])
def test_the_basis_is_that_of_all_permutations(d: int, rank: int, symmetry: str) -> None:
    """The projector is made by exchanges of two indices; here it is the mean over the permutations."""
    unit = torch.eye(d**rank, dtype=torch.float64)
    mean = torch.zeros_like(unit)
    for order in permutations(range(rank)):
        swaps = sum(order[i] > order[j] for i in range(rank) for j in range(i + 1, rank))
        moved = unit.reshape(*(d,) * rank, -1).permute(*order, rank).reshape(unit.shape)
        mean += moved * ((-1) ** swaps if symmetry == "antisymmetric" else 1) / factorial(rank)
    basis = nn._cartesian._basis(d, rank, symmetry)
    assert_close(basis @ basis.mT, mean, 1e-12)
