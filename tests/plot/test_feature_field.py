"""Feature fields as vectors: they turn with the features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steer import gspaces, nn, plot
from steer.expansion import transform


@pytest.mark.parametrize(
    ("space", "fields"),
    [
        (gspaces.rot2dOnR2(8), "regular"),
        (gspaces.rot2dOnR2(8), "1"),
        (gspaces.flipRot2dOnR2(4), "regular"),
        (gspaces.rot2dOnR2(-1), "1"),
    ],
)
def test_vectors_turn_with_the_feature(space: gspaces.GSpace, fields: str) -> None:
    kind = space.type("0" if space.fibergroup.order == np.inf or "cyclic" in str(space) else "regular", fields)
    feature = nn.GeometricTensor(torch.randn(2, kind.size, 7, 7, dtype=torch.float64), kind)
    before = plot.feature_vectors(feature, 1, 1)
    assert before.shape == (2, 7, 7)
    assert before.norm() > 1
    for g in space.exact_group.elements:
        after = plot.feature_vectors(feature.transform(g), 1, 1)
        expected = transform(torch.einsum("ij,jyx->iyx", g, before), space.lattice, g)
        assert (after - expected).abs().max() < 1e-12


def test_a_vector_field_is_itself() -> None:
    kind = gspaces.rot2dOnR2(-1).type("1")
    feature = nn.GeometricTensor(torch.randn(1, 2, 5, 5), kind)
    assert torch.equal(plot.feature_vectors(feature), feature.tensor[0])


def test_a_regular_field_points_where_its_largest_channel_does() -> None:
    kind = gspaces.rot2dOnR2(4).type("regular")
    values = torch.zeros(1, 4, 1, 1)
    values[0, 1] = 2.0  # the element after the identity: a quarter turn counter-clockwise
    assert torch.allclose(plot.feature_vectors(nn.GeometricTensor(values, kind)).flatten(), torch.tensor([0.0, 2.0]))


def test_arrows_lie_on_the_samples() -> None:
    kind = gspaces.rot2dOnR2(-1).type("1")
    values = torch.zeros(1, 2, 9, 9)
    values[0, :, 0, 8] = torch.tensor([3.0, 0.0])  # top right, pointing right
    values[0, :, 4, 4] = torch.tensor([0.0, -1.5])  # centre, pointing down
    ax = plot.feature_field(nn.GeometricTensor(values, kind), length=2.0)
    (arrows,) = ax.collections
    assert arrows.get_offsets().tolist() == [[4.0, 4.0], [0.0, 0.0]]
    assert np.allclose(arrows.U, [2.0, 0.0])
    assert np.allclose(arrows.V, [0.0, -1.0])
    assert not np.allclose(*arrows.get_facecolors())
    ax.figure.canvas.draw()
    fewer = plot.feature_field(nn.GeometricTensor(values, kind), every=3)
    assert fewer.collections[0].get_offsets().tolist() == [[0.0, 0.0]]


def test_a_scalar_field_is_an_image() -> None:
    kind = gspaces.rot2dOnR2(4).type("0 + regular")
    ax = plot.feature_field(nn.GeometricTensor(torch.randn(1, 5, 6, 8), kind))
    assert ax.images[0].get_array().shape == (6, 8)
    ax.figure.canvas.draw()


def test_a_zero_field_draws_nothing() -> None:
    ax = plot.feature_field(nn.GeometricTensor(torch.zeros(1, 4, 5, 5), gspaces.rot2dOnR2(4).type("regular")))
    ax.figure.canvas.draw()
    assert len(ax.collections[0].get_offsets()) == 0


def test_opposite_directions_have_different_colours() -> None:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    colours = plot.direction_colours(np.cos(angles), np.sin(angles))
    assert colours.shape == (24, 3)
    assert 0 <= colours.min() <= colours.max() <= 1
    assert np.abs(colours - np.roll(colours, 12, 0)).max(1).min() > 0.3


def test_what_cannot_be_drawn() -> None:
    plane, space = gspaces.rot2dOnR2(8), gspaces.rot3dOnR3()
    turning = nn.GeometricTensor(torch.zeros(1, 2, 5, 5), plane.type("2"))
    with pytest.raises(ValueError, match="a regular field, or one that transforms as a vector, is required; field 0 is 2"):
        plot.feature_vectors(turning)
    with pytest.raises(ValueError, match="a field below 1 and an item below 1 are required; received 1 and 0"):
        plot.feature_field(turning, 1)
    with pytest.raises(ValueError, match="fields in the plane are required"):
        plot.feature_field(nn.GeometricTensor(torch.zeros(1, 1, 3, 3, 3), space.type("0")))
