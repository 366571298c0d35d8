"""Numbers that would train without a word and be wrong are refused when a layer is built."""

from __future__ import annotations

import pytest

from steer import gspaces, nn

REGULAR = gspaces.rot2dOnR2(4).type("2xregular")
POSITIVE = {
    "eps": [
        nn.InnerBatchNorm,
        nn.NormBatchNorm,
        nn.FieldInstanceNorm,
        lambda kind, eps: nn.FieldGroupNorm(kind, 2, eps=eps),
        nn.FieldLayerNorm,
        nn.FieldRMSNorm,
    ],
    "temperature": [nn.VectorFieldNonLinearity],
    "window": [lambda kind, window: nn.SteerableAttention(kind, kind, 1, window=window)],
}
FRACTIONS = {"momentum": [nn.InnerBatchNorm, nn.NormBatchNorm], "p": [nn.PointwiseDropout, nn.FieldDropout]}


def rows(table: dict) -> list:
    return [(layer, argument) for argument, layers in table.items() for layer in layers]


@pytest.mark.parametrize("bad", [0, -1e-5, float("nan"), float("inf"), "1", True, [1.0]])
@pytest.mark.parametrize(("layer", "argument"), rows(POSITIVE))
def test_a_positive_number_is_one(layer, argument: str, bad) -> None:
    with pytest.raises(
        ValueError, match=f"{argument}, a positive number, is required; received {bad!r}".replace("[", "\\[")
    ):
        layer(REGULAR, **{argument: bad})
    layer(REGULAR, **{argument: 0.5})


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan"), "0.1", False])
@pytest.mark.parametrize(("layer", "argument"), rows(FRACTIONS))
def test_a_fraction_is_one(layer, argument: str, bad) -> None:
    with pytest.raises(ValueError, match=f"{argument}, a number from 0 to 1, is required; received {bad!r}"):
        layer(REGULAR, **{argument: bad})
    for good in (0, 0.5, 1):
        layer(REGULAR, **{argument: good})
