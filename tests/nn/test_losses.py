"""Losses of fields: invariant, in the order of the fields, and what they are for simple arguments."""

from __future__ import annotations

import pytest
import torch

from steer import gspaces, nn
from tests.cases import assert_close, assert_far, randn

LOSSES = [nn.FieldMSELoss, nn.FieldNormLoss, nn.FieldCosineLoss]
KINDS = [
    gspaces.flipRot2dOnR2(4).type("0e + regular + 2x1 + 0e"),
    gspaces.rot2dOnR2(-1).type("1 + 0 + 2"),
    gspaces.rot3dOnR3().type("2x0 + 1 + 2"),
    gspaces.no_base_space(gspaces.octaOnR3().fibergroup).type("regular + 3"),
]


def pair(kind):
    shape = (2, kind.size, *(3,) * kind.gspace.dimensionality)
    return randn(*shape, seed=1), randn(*shape, seed=2)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_element_changes_a_loss(loss, kind) -> None:
    """With any element on both; with an element on one alone it changes."""
    y, target = pair(kind)
    found = loss(kind)(y, target)
    for g in kind.fibergroup.sample(5, torch.Generator().manual_seed(0)):
        turned = [kind.transform_fibers(x, g) for x in (y, target)]
        assert_close(loss(kind)(*turned), found)
    each = loss(kind, reduction="none")
    assert_far(each(turned[0], target), each(y, target))


def test_a_loss_of_components_is_no_invariant() -> None:
    kind = KINDS[1]
    y, target = pair(kind)
    g = kind.fibergroup.sample(1, torch.Generator().manual_seed(0))[0]
    turned = [kind.transform_fibers(x, g) for x in (y, target)]
    assert_far(torch.nn.functional.l1_loss(*turned), torch.nn.functional.l1_loss(y, target))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_field_has_its_place(loss) -> None:
    kind = KINDS[0]
    y, target = pair(kind)
    each = loss(kind, reduction="none")(y, target)
    assert each.shape == (2, len(kind), 3, 3)
    for i, (field, span) in enumerate(kind.channels()):
        alone = loss(kind.gspace.type(field), reduction="none")(y[:, span], target[:, span])
        assert_close(each[:, i : i + 1], alone)
    assert_close(loss(kind)(y, target), each.mean())
    assert_close(loss(kind, reduction="sum")(y, target), each.sum(), 1e-11)


def test_values() -> None:
    kind = gspaces.rot2dOnR2(-1).type("2x1")
    y, target = pair(kind)
    assert_close(nn.FieldMSELoss(kind)(y, target), torch.nn.functional.mse_loss(y, target))
    assert float(nn.FieldNormLoss(kind)(y, y)) == 0.0
    assert abs(float(nn.FieldCosineLoss(kind)(3 * target, target))) < 1e-6
    assert abs(float(nn.FieldCosineLoss(kind)(-target, target)) - 2) < 1e-6
    assert float(nn.FieldCosineLoss(kind)(y, torch.zeros_like(y))) == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_finite_where_everything_vanishes(loss) -> None:
    kind = KINDS[2]
    y = torch.zeros(1, kind.size, 2, 2, 2, requires_grad=True)
    loss(kind)(y, torch.zeros_like(y)).backward()
    assert bool(y.grad.isfinite().all())


def test_errors() -> None:
    kind = KINDS[1]
    y, target = pair(kind)
    with pytest.raises(ValueError, match="reduction, one of mean, sum, none, is required; received 'median'"):
        nn.FieldMSELoss(kind, "median")
    with pytest.raises(ValueError, match=r"one shape are required; received \(2, 5, 3, 3\) and \(1, 5, 3, 3\)"):
        nn.FieldMSELoss(kind)(y, target[:1])
    with pytest.raises(ValueError, match="a target of type .* is required; received"):
        nn.FieldMSELoss(kind)(y, nn.GeometricTensor(target, kind.gspace.type("0 + 1 + 2")))
    with pytest.raises(ValueError, match="is required for"):
        nn.FieldMSELoss(kind)(y[:, :4], target)
    with pytest.raises(ValueError, match="beta"):
        nn.FieldNormLoss(kind, beta=0)
