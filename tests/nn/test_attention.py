"""Attention: invariant weights, the law on grids and sets, distances, windows, variance, bad input."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from steer import check_equivariance, group, gspaces, nn
from tests.cases import assert_close, assert_far, randn, seeded

LINE = gspaces.flipOnR1().type("2xregular + 1")
PLANE = gspaces.flipRot2dOnR2(4).type("2xregular + 1")
CIRCLE = gspaces.flipRot2dOnR2(-1).type("2x0e + 2x1 + 2")
VOLUME = gspaces.flipRot3dOnR3().type("2x0e + 2x1o + 2e")
HEXAGONAL = gspaces.on(group.dihedral(6), "hexagonal").type("regular")
SET = gspaces.no_base_space(group.o3()).type("2x0e + 2x1o")
KINDS = {"line": LINE, "plane": PLANE, "circle": CIRCLE, "volume": VOLUME}
OPTIONS = {
    "plain": {},
    "heads": {"heads": 2},
    "window": {"heads": 2, "window": 2.0},
    "rings": {"heads": 2, "rings": [0, 1, 2, 4]},
    "both": {"rings": [0.0, 1.5], "window": 2.5},
}


def build(kind: nn.FieldType, out: nn.FieldType | None = None, **arguments) -> nn.SteerableAttention:
    """With sharp weights, biases and distances in general position."""
    layer = nn.SteerableAttention(kind, out or kind, **arguments).double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.add_(0.5 * randn(*parameter.shape) if "into.weight" not in name else parameter)
    return layer


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", KINDS)
def test_exact_for_the_symmetries_of_the_grid(name: str, options: str) -> None:
    kind = KINDS[name]
    for size in (5, 6) if name != "volume" else (3, 4):
        check_equivariance(build(kind, **OPTIONS[options]), size=size, batch=1).assert_exact()


@torch.no_grad()
def test_rectangles_and_stretched_grids() -> None:
    space = gspaces.on(group.o2(), spacing=(2.0, 1.0))
    for kind, g in ((PLANE, PLANE.gspace.exact_group.elements), (space.type("0e + 1"), space.exact_group.elements)):
        layer = build(kind, rings=[0, 2, 4], window=5.0)
        x = randn(1, kind.size, 4, 7)
        y = layer(x)
        assert len(g) in (4, 8)
        for element in g:
            assert_close(layer(kind.transform(x, element)), kind.transform(y, element))


@torch.no_grad()
def test_hexagons_are_exact_for_sixth_turns() -> None:
    """Positions on a hexagon of the array see the hexagon alone where the others are too far away."""
    layer = build(HEXAGONAL, window=1.1, rings=[0, 1])
    x = randn(1, 12, 9, 9)
    y = layer(x)
    inner = HEXAGONAL.gspace.lattice.positions((9, 9)).norm(dim=1).reshape(9, 9) < 2.5
    for g in HEXAGONAL.gspace.exact_group.elements:
        assert_close(layer(HEXAGONAL.transform(x, g)) * inner, HEXAGONAL.transform(y, g) * inner)


@torch.no_grad()
def test_sets_are_exact_for_the_group_and_for_permutations() -> None:
    layer = build(SET, heads=2)
    x = randn(2, SET.size, 11)
    y = layer(x)
    for g in group.o3().sample(5, seeded(1)):
        assert_close(layer(SET.transform_fibers(x, g)), SET.transform_fibers(y, g))
    order = torch.randperm(11, generator=seeded(2))
    assert_close(layer(x[..., order]), y[..., order])
    with pytest.raises(ValueError, match=r"a set \[batch, 8, position\] is required"):
        layer(x[..., 0])


@torch.no_grad()
def test_weights_that_compare_single_channels_would_break_the_law() -> None:
    """The negative control: logits of the components by themselves, and of distances along one axis."""
    broken = build(CIRCLE)
    honest = broken.into.shared_dense

    def first_channels() -> tuple:
        kernel, bias = honest()
        kernel = kernel.clone()
        kernel[3 : broken.head_type.size] = 0  # the query keeps two scalars and the x of a vector
        return kernel, bias

    broken.into.shared_dense = first_channels
    x = randn(1, CIRCLE.size, 5, 5)
    g = CIRCLE.gspace.exact_group.elements[1]
    assert_far(broken(CIRCLE.transform(x, g)), CIRCLE.transform(broken(x), g), 1e-3)


@torch.no_grad()
def test_is_the_attention_of_the_formula() -> None:
    kind = SET
    layer = build(kind, heads=1)
    x = randn(1, kind.size, 6)
    (kernel, bias), (last, shift) = layer.into.dense(), layer.out.dense()
    q, k, v = (kernel @ x[0] + bias[:, None]).split(kind.size)
    weights = torch.softmax(q.mT @ k / kind.size**0.5, -1)
    assert_close(layer(x)[0], last @ (v @ weights.mT) + shift[:, None], 1e-12)


@torch.no_grad()
def test_a_window_hides_what_is_further() -> None:
    layer = nn.SteerableAttention(PLANE, PLANE, window=2.0).double()
    x = randn(1, PLANE.size, 9, 9)
    x2 = x.clone()
    x2[..., 4, 7] += 1.0
    changed = (layer(x2) - layer(x)).abs().amax((0, 1)) > 1e-9
    distance = PLANE.gspace.lattice.positions((9, 9)).reshape(9, 9, 2) - torch.tensor([3.0, 0.0]).double()
    assert torch.equal(changed, distance.norm(dim=-1) < 2.1)
    one = build(PLANE, window=0.5)  # every position sees itself alone: a linear map
    assert_close(one(x)[..., :3, :3], one(x[..., :3, :3].contiguous()))


@torch.no_grad()
def test_distances_begin_at_zero_and_matter() -> None:
    layer = nn.SteerableAttention(PLANE, PLANE, 2, rings=[0, 1, 2]).double()
    plain = nn.SteerableAttention(PLANE, PLANE, 2).double()
    plain.load_state_dict({name: value for name, value in layer.state_dict().items() if "distance" not in name})
    x = randn(1, PLANE.size, 5, 5)
    assert_close(layer(x), plain(x))
    layer.distance.weight[0, 1] = 2.0
    assert_far(layer(x), plain(x))


@torch.no_grad()
@pytest.mark.parametrize("name", [*KINDS, "hexagonal"])
def test_the_bias_is_that_of_the_distance_of_every_pair(name: str) -> None:
    kind = KINDS.get(name, HEXAGONAL)
    grid = kind.gspace.lattice
    bias = build(kind, heads=2, rings=[0, 1, 2], window=2.5).distance
    shape = (3, 4, 2)[: grid.d]
    positions = grid.positions(shape)
    distance = torch.cdist(positions, positions)
    expected = torch.einsum("hr,rp->hp", bias.weight, bias.profile(distance.flatten())).unflatten(1, distance.shape)
    found = bias(randn(1, 1, *shape))
    assert_close(found[0].nan_to_num(neginf=-9.0), expected.masked_fill(distance > 2.5 + 1e-6, -9.0))


@torch.no_grad()
def test_the_profile_is_evaluated_once_per_offset_and_not_per_pair() -> None:
    layer = build(PLANE, rings=[0, 1, 2])
    seen = []

    class Watched:
        def __call__(self, radius: torch.Tensor) -> torch.Tensor:
            seen.append(radius.numel())
            return radius.new_zeros(3, radius.numel())

    layer.distance.profile = Watched()
    layer(randn(1, PLANE.size, 7, 6))
    assert seen == [13 * 11]


def test_heads_share_the_fields_out() -> None:
    space = gspaces.rot2dOnR2(8)
    kind = space.type("4xregular + 2")
    assert nn.SteerableAttention(kind, kind, 2).head_type == space.type("2xregular + 2")
    given = nn.SteerableAttention(kind, space.type("trivial + 1 + 2"), 3, head_type=space.type("1 + 0 + 2"))
    assert given.into.out_type.size == 3 * 3 * 5
    assert given(torch.zeros(1, kind.size, 3, 3)).shape == (1, 5, 3, 3)


@torch.no_grad()
@pytest.mark.parametrize("name", KINDS)
def test_initial_values_keep_their_size(name: str) -> None:
    """Logits of variance one and maps that keep the variance: a position that sees only itself gives what it got."""
    kind = nn.FieldType(KINDS[name].gspace, KINDS[name].representations * 8)
    ratios = []
    for seed in range(4):
        torch.manual_seed(seed)
        layer = nn.SteerableAttention(kind, kind, 4, window=0.5)
        x = torch.randn(2, kind.size, *(3,) * kind.gspace.dimensionality)
        kernel, bias = layer.into.dense()
        q, _, _ = (kernel @ x.flatten(2) + bias[:, None]).chunk(3, 1)
        assert 0.6 < float(q.var()) < 1.5
        ratios.append(layer(x).var() / x.var())
    assert 0.6 < float(torch.stack(ratios).mean()) < 1.5


@pytest.mark.parametrize("options", OPTIONS)
def test_copies_exports_and_compilers_agree(options: str) -> None:
    layer = build(PLANE, **OPTIONS[options]).float().eval()
    keys = ["into.weight", "into.bias", "out.weight", "out.bias"] + ["distance.weight"] * ("rings" in OPTIONS[options])
    assert list(layer.state_dict()) == list(layer.train().state_dict()) == keys
    x = torch.randn(2, PLANE.size, 4, 5)
    with torch.no_grad():
        layer.eval()
        y = layer(x)
        assert torch.equal(layer(nn.GeometricTensor(x, PLANE)).tensor, y)
        assert torch.equal(copy.deepcopy(layer)(x), y)
        assert torch.equal(pickle.loads(pickle.dumps(layer))(x), y)
        stock = layer.export()
        assert not any(isinstance(value, nn.FieldType) for part in stock.modules() for value in vars(part).values())
        torch.testing.assert_close(stock(x), y)
        torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), y)
    for train in (False, True):
        torch._dynamo.reset()
        compiled = torch.compile(layer.train(train), fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), layer(x))
    layer(x).square().sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in layer.parameters())


def test_built_on_meta_and_materialised() -> None:
    twin = nn.SteerableAttention(PLANE, PLANE, 2, rings=[0, 1], window=2.0)
    with torch.device("meta"):
        layer = nn.SteerableAttention(PLANE, PLANE, 2, rings=[0, 1], window=2.0)
    layer.to_empty(device="cpu")
    for part in layer.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    assert torch.equal(layer.distance.weight, torch.zeros(2, 2))
    assert all(bool(p.isfinite().all()) for p in layer.parameters())
    layer.load_state_dict(twin.state_dict())
    x = torch.randn(1, PLANE.size, 4, 4)
    assert torch.equal(layer(x), twin(x))


def test_errors() -> None:
    with pytest.raises(ValueError, match="heads, a whole number >= 1, is required; received 0"):
        nn.SteerableAttention(PLANE, PLANE, 0)
    with pytest.raises(ValueError, match="heads, a whole number >= 1, is required; received True"):
        nn.SteerableAttention(PLANE, PLANE, True)
    for rings in (3, "1 2", [], [-1.0], [float("inf")]):
        with pytest.raises(ValueError, match=r"rings, a list of radii >= 0 such as \[0, 1, 2, 4\], is required; received"):
            nn.SteerableAttention(PLANE, PLANE, rings=rings)
    with pytest.raises(ValueError, match="window, a positive number, is required; received -1"):
        nn.SteerableAttention(PLANE, PLANE, window=-1)
    with pytest.raises(ValueError, match="fields over a grid are required for window and rings"):
        nn.SteerableAttention(SET, SET, rings=[0, 1])
    with pytest.raises(ValueError, match="types over one gspace are required"):
        nn.SteerableAttention(PLANE, CIRCLE)
    with pytest.raises(ValueError, match="is required"):
        nn.SteerableAttention(PLANE, PLANE)(torch.zeros(1, 3, 4, 4))


def test_sets_may_be_geometric_tensors_and_go_through_other_layers() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.SteerableAttention(SET, SET, 2),
        nn.FieldRMSNorm(SET),
        nn.NormNonLinearity(SET),
        nn.Linear(SET, SET),
        nn.NormPool(SET),
    )
    x = nn.GeometricTensor(torch.randn(2, SET.size, 11), SET)
    assert net(x).shape == (2, 4, 11)
    check_equivariance(net).assert_exact()
