"""Fields in the basis of their irreps and back: inverse maps, the law for derived representations."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from steer.field import FieldType
from tests.cases import assert_close, assert_far, randn

OCTAHEDRAL = gspaces.octaOnR3()
MIRRORED = gspaces.flipRot2dOnR2(8)
SMALL = MIRRORED.restrict(group.cyclic(8))
KINDS = {
    "regular and quotient": FieldType(OCTAHEDRAL, ["regular", OCTAHEDRAL.quotient_repr(group.klein()), "1", "regular"]),
    "restricted": MIRRORED.type("2xregular + 3 + 1").restrict(group.cyclic(8)),
    "tensors": FieldType(gspaces.flipRot3dOnR3(), [group.o3().standard @ group.o3().standard, "1o"]),
    "induced": FieldType(gspaces.flipRot2dOnR2(-1), [group.so2().irrep(1).induce(group.o2()), "0o"]),
    "irreps": gspaces.rot3dOnR3().type("2x0 + 1"),
}


@pytest.mark.parametrize("name", KINDS)
def test_irreps_and_back(name: str) -> None:
    kind = KINDS[name]
    there, back = nn.Disentangle(kind), nn.Entangle(kind)
    assert there.out_type == back.in_type
    assert all(field.is_irreducible for field in there.out_type.representations)
    x = randn(3, kind.size, *(2,) * kind.gspace.dimensionality)
    y = there(x)
    assert_close(back(y), x)
    assert_close(y.square().sum(1), x.square().sum(1))
    for g in kind.fibergroup.sample(5, torch.Generator().manual_seed(3)):
        assert_close(there(kind.transform_fibers(x, g)), there.out_type.transform_fibers(y, g))
    if name == "irreps":
        assert torch.equal(x, y)
        assert type(there.export()) is torch.nn.Identity
    else:
        wrong = randn(kind.size, kind.size, seed=5)
        g = kind.fibergroup.sample(1, torch.Generator().manual_seed(4))[0]
        turned = torch.einsum("ij,bj...->bi...", wrong, kind.transform_fibers(x, g))
        assert_far(turned, there.out_type.transform_fibers(torch.einsum("ij,bj...->bi...", wrong, x), g))


def test_errors() -> None:
    with pytest.raises(TypeError, match="Entangle: out_type, a FieldType, is required"):
        nn.Entangle(OCTAHEDRAL)
