"""Dropout: rates, what drops together, that a draw of whole fields is equivariant."""

from __future__ import annotations

import pytest
import torch

from steer import group, gspaces, nn
from tests.cases import assert_close, assert_far, randn

SPACES = [gspaces.no_base_space(group.cyclic(4)), gspaces.flipOnR1(), gspaces.rot2dOnR2(4), gspaces.octaOnR3()]


@pytest.mark.parametrize("d", range(4))
@pytest.mark.parametrize("layer", [nn.PointwiseDropout, nn.FieldDropout])
def test_rate_and_scale_over_all_space(d: int, layer: type) -> None:
    kind = SPACES[d].type("50xregular + 50xtrivial")
    drop = layer(kind, 0.25)
    x = torch.ones(40, kind.size, *(3,) * d)
    y = drop(x)
    assert set(y.unique().tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    over_space = y.flatten(2) if d else y[..., None]
    assert bool((over_space == over_space[..., :1]).all())
    fields = [over_space[:, span, 0] for _, span in kind.channels()]
    together = all(bool((field == field[:, :1]).all()) for field in fields)
    assert together == (layer is nn.FieldDropout)
    assert torch.equal(drop.eval()(x), x)
    assert torch.equal(layer(kind, 0.0)(x), x)
    assert float(layer(kind, 1.0)(x).abs().max()) == 0.0


def test_a_draw_of_fields_is_equivariant_and_one_of_channels_is_not() -> None:
    kind = SPACES[0].type("20xregular")
    x = randn(5, kind.size)
    g = group.cyclic(4).elements[1]
    for layer, check in ((nn.FieldDropout(kind), assert_close), (nn.PointwiseDropout(kind), assert_far)):
        torch.manual_seed(1)
        expected = kind.transform_fibers(layer(x), g)
        torch.manual_seed(1)
        check(layer(kind.transform_fibers(x, g)), expected)


def test_export_follows_the_mode() -> None:
    kind = SPACES[2].type("2xregular")
    x = torch.ones(3, 8, 4, 4)
    assert type(nn.PointwiseDropout(kind).export()) is torch.nn.Dropout2d
    layer = nn.PointwiseDropout(kind, 0.5)
    stock = layer.train().export()
    assert float((stock(x) == 0).float().mean()) > 0
    assert torch.equal(stock.eval()(x), x)
    assert not layer.eval().export().training
    assert torch.equal(nn.FieldDropout(kind, 0.5).eval().export()(x), x)
    with pytest.raises(ValueError, match="eval mode is required, as stock dropout knows no fields"):
        nn.FieldDropout(kind, 0.5).export()


@pytest.mark.parametrize("d", range(4))
def test_in_place(d: int) -> None:
    kind = SPACES[d].type("50xregular")
    layer = nn.PointwiseDropout(kind, 0.5, inplace=True)
    x = torch.ones(2, kind.size, *(3,) * d)
    y = layer(x)
    assert torch.equal(x, y)
    assert float((x == 0).float().mean()) > 0
    assert layer.export().inplace


def test_errors() -> None:
    for layer in (nn.PointwiseDropout, nn.FieldDropout):
        with pytest.raises(ValueError, match=f"{layer.__name__}: p, a number from 0 to 1, is required; received 1.5"):
            layer(SPACES[2].type("regular"), 1.5)
    with pytest.raises(ValueError, match="PointwiseDropout: fields whose channels .* use FieldDropout"):
        nn.PointwiseDropout(SPACES[2].type("1"))
