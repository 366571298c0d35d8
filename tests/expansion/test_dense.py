"""The dense kernel with its own derivative, against the operations that autograd differentiates."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from steer.expansion import _blocks as blocks
from steer.expansion import dense_kernel, is_plain, lattice, plan, sampling
from steer.group import cyclic, dihedral, icosahedral, o2, octahedral, so2, so3
from steer.representation import Representation
from tests.cases import assert_close, assert_far, randn
from tests.expansion.test_plan import field

SQUARE, CUBIC = lattice("square", 2), lattice("cubic", 3)
LAYERS = [
    (cyclic(4), SQUARE, "regular regular", "regular regular regular"),
    (dihedral(4), SQUARE, "0e", "regular regular"),
    (dihedral(4), SQUARE, "regular 1 quotient 2o regular", "1 regular 0o quotient quotient"),
    (dihedral(4), SQUARE, "square regular", "square 1+regular induced"),
    (o2(), SQUARE, "0e 0o 1 2", "0e 1 2 0e"),  # gates after the fields
    (so2(), SQUARE, "0 1 2 3 1", "0 1 2"),
    (so2(), SQUARE, "0 1 0 1 0 1 0 1 0 1 0 1 0 1", "1 0 1 0 1 0 1 0 1 0 1 0 1 0"),  # sorted, since scattered
    (so2(), SQUARE, "0 0 1 1 2 2 3 3 4 4", "3 3 2 2 1 1 0 0"),  # stacks of pairs with different numbers of elements
    (so2(), SQUARE, "0 1 1 2 2 0 0", "0 0 1 1 2 2 3 3 0 0 0"),  # gates after the fields, in two runs with the scalars
    (dihedral(6), SQUARE, "0e 0o 3e 3o 1 2 regular", "1 2 regular 0o 3e"),
    (octahedral(), CUBIC, "1 regular 1", "regular 2"),
    (icosahedral(), CUBIC, "0 1", "1 2 0"),
    (so3(), CUBIC, "0 0 1", "1 0 2"),
]
IDS = [f"{g} {a} to {b}" for g, _, a, b in LAYERS]


def built(group, grid, into, out):
    fields: list[tuple[Representation, ...]] = [tuple(field(group, name) for name in text.split()) for text in (into, out)]
    return plan(*fields, sampling(grid, (3,) * grid.d))


@pytest.mark.parametrize("layer", LAYERS, ids=IDS)
@pytest.mark.parametrize("chunk", [1, 300, 1 << 20])
def test_written_in_place_and_transposed(layer, chunk, monkeypatch) -> None:
    """The same kernel, whole or in parts; and `<E w, K> = <w, E^T K>`."""
    monkeypatch.setattr(blocks, "_CHUNK", chunk)
    found = built(*layer)
    weight = randn(found.size)
    kernel = found.expand(weight, found.constants)
    assert_close(found.write(weight, found.constants), kernel)
    other = randn(*kernel.shape)
    back = found.adjoint(other, found.constants)
    assert_close((kernel * other).sum(), (weight * back).sum(), 1e-11)
    assert_far(back, torch.zeros(()))


def test_pairs_of_irreps_of_one_shape_take_one_product() -> None:
    frequencies = " ".join(str(k) for k in range(7) for _ in range(2))
    pieces, padding = built(so2(), SQUARE, frequencies, frequencies).tiles
    assert len(pieces) == 4  # 1 x 1, 1 x 2, 2 x 1 and 2 x 2, in place of 49
    assert padding is not None
    apart, padding = built(so2(), SQUARE, "0 1 1 2", "2 1 1 0").tiles  # other numbers of fields
    assert len(apart) == 9
    assert padding is None


@pytest.mark.parametrize("layer", LAYERS, ids=IDS)
def test_gradients_are_those_of_autograd(layer) -> None:
    found = built(*layer)
    weight = randn(found.size).requires_grad_()
    upper = randn(found.layout_out.dim, found.layout_in.dim, found.recipe[2].taps).requires_grad_()

    def first_and_second(kernel: torch.Tensor) -> list[torch.Tensor]:
        (first,) = torch.autograd.grad((kernel.square() * upper).sum(), weight, create_graph=True)
        second = torch.autograd.grad(first.square().sum(), [weight, upper])
        return [first.detach(), *second]

    ours = first_and_second(dense_kernel(found, weight, found.constants))
    theirs = first_and_second(found.expand(weight, found.constants))
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, 1e-11 * float(b.abs().max().clamp(min=1)))


def test_any_strides_of_the_gradient() -> None:
    """Convolutions hand back gradients as they lie in memory, channels last or not."""
    found = built(*LAYERS[2])
    other = randn(found.recipe[2].taps, found.layout_in.dim, found.layout_out.dim).permute(2, 1, 0)
    assert_close(found.adjoint(other, found.constants), found.adjoint(other.contiguous(), found.constants))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch compiles its own formulas
def test_forward_derivatives() -> None:
    found = built(*LAYERS[0])
    weight, direction = randn(found.size), randn(found.size)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(weight, direction)
        tangent = torch.autograd.forward_ad.unpack_dual(dense_kernel(found, dual, found.constants)).tangent
    assert_close(tangent, found.expand(direction, found.constants))


def test_a_kept_kernel_only_gets_its_derivative() -> None:
    found = built(*LAYERS[0])
    weight = randn(found.size).requires_grad_()
    kept = found.write(weight.detach(), found.constants)
    for _ in range(2):  # as in two parts of a batch: each has a graph of its own
        kernel = dense_kernel(found, weight, found.constants, kept)
        assert kernel.data_ptr() == kept.data_ptr()
        kernel.square().sum().backward()
    assert not kept.requires_grad
    assert_close(weight.grad, 4 * found.adjoint(kept, found.constants), 1e-11)


def test_what_listens_sees_the_operations() -> None:
    """Transforms of functions, and modes that fake or count, get the graph and not one opaque step."""
    found = built(*LAYERS[0])
    weight = randn(found.size)
    assert is_plain(weight)
    assert not is_plain(weight.to("meta"))
    seen = []
    torch.func.vmap(lambda w: seen.append(is_plain(weight)) or w)(weight[None])
    with FlopCounterMode(display=False) as counter:
        dense_kernel(found, weight, found.constants)
    assert seen == [False]
    assert counter.get_total_flops() > 0
    each = torch.func.vmap(lambda w: dense_kernel(found, w, found.constants))(torch.stack([weight, 2 * weight]))
    assert_close(each[1], 2 * found.expand(weight, found.constants))
