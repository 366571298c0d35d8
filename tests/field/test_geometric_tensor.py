"""Tensors that know how they transform."""

import pytest
import torch
from torch.utils import _pytree as pytree

from steer import gspaces
from steer.field import FieldType, GeometricTensor
from tests.cases import assert_close, assert_far, randn

SPACE = gspaces.flipRot2dOnR2(4)
KIND = FieldType(SPACE, "regular + 2x1 + 0e")


def tensor(seed=0):
    return GeometricTensor(randn(3, KIND.size, 5, 5, seed=seed), KIND)


def test_it_carries_tensor_and_type():
    x = tensor()
    assert x.type == KIND
    assert x.shape == x.tensor.shape == x.size() == (3, 13, 5, 5)
    assert x.size(1) == 13
    assert x.dtype == torch.float64
    assert x.device.type == "cpu"
    assert repr(x) == f"GeometricTensor((3, 13, 5, 5), {KIND})"


def test_it_transforms_by_its_type():
    x = tensor()
    for g in SPACE.testing_elements:
        moved = x.transform(g)
        assert moved.type == KIND
        assert_close(moved.tensor, KIND.transform(x.tensor, g))


def test_the_action_is_linear_and_an_action():
    x, y = tensor(0), tensor(1)
    g, h = SPACE.testing_elements[1], SPACE.testing_elements[6]
    assert_close((2 * x - y).transform(g).tensor, (2 * x.transform(g) - y.transform(g)).tensor)
    assert_close(x.transform(h).transform(g).tensor, x.transform(g @ h).tensor)
    assert_far(x.transform(h).transform(g).tensor, x.transform(h @ g).tensor)


def test_arithmetic():
    x, y = tensor(0), tensor(1)
    assert torch.equal((x + y).tensor, x.tensor + y.tensor)
    assert torch.equal((x - y).tensor, x.tensor - y.tensor)
    assert torch.equal((x * 3).tensor, x.tensor * 3)
    assert torch.equal((0.5 * x).tensor, x.tensor * 0.5)
    assert torch.equal((x * torch.tensor(2.0)).tensor, x.tensor * 2)
    assert torch.equal((-x).tensor, -x.tensor)
    assert (x + y).type == KIND


def test_split_is_one_tensor_per_field():
    x = tensor()
    parts = x.split()
    assert [str(part.type) for part in parts] == [f"{label} of {SPACE}" for label in ("regular", "1", "1", "0e")]
    assert torch.equal(torch.cat([part.tensor for part in parts], 1), x.tensor)
    g = SPACE.testing_elements[1]
    assert_close(torch.cat([part.transform(g).tensor for part in parts], 1), x.transform(g).tensor)


def test_conversions():
    x = GeometricTensor(randn(1, KIND.size, 3, 3).requires_grad_(), KIND)
    assert x.to(torch.float32).dtype == torch.float32
    assert x.to("meta").device.type == "meta"
    assert not x.detach().tensor.requires_grad
    assert x.detach().type == KIND


def test_gradients_flow_through_the_action():
    x = GeometricTensor(randn(1, KIND.size, 3, 3).requires_grad_(), KIND)
    g = SPACE.testing_elements[3]
    weights = randn(1, KIND.size, 3, 3, seed=2)
    (gradient,) = torch.autograd.grad((x.transform(g).tensor * weights).sum(), x.tensor)
    assert_close(gradient, KIND.transform(weights, g.mT))  # an orthogonal map: the gradient moves back


def test_modes_of_interpolation():
    kind = FieldType(gspaces.rot2dOnR2(-1), "0")
    x = GeometricTensor(randn(1, 1, 9, 9), kind)
    g = kind.fibergroup.sample(1)[0]
    results = [x.transform(g, mode).tensor for mode in ("bilinear", "nearest", "bicubic")]
    assert_far(results[0], results[1])
    assert_far(results[0], results[2])


def test_torch_finds_the_tensor_inside():
    x = tensor()
    leaves, spec = pytree.tree_flatten({"a": [x, 1]})
    assert leaves[0] is x.tensor
    again = pytree.tree_unflatten(leaves, spec)["a"][0]
    assert isinstance(again, GeometricTensor)
    assert (again.tensor, again.type) == (x.tensor, x.type)
    # Functions of torch still see the whole: results are plain, and torch.cat keeps types.
    assert isinstance(torch.relu(x), torch.Tensor)
    assert torch.cat([x, x]).type == KIND


def test_functions_of_typed_fields_are_mapped_over_the_batch():
    x = tensor()

    def one(y):
        return GeometricTensor(y.tensor[None], KIND).transform(SPACE.testing_elements[1]).tensor[0]

    assert_close(torch.func.vmap(one)(x), x.transform(SPACE.testing_elements[1]).tensor)
    mapped = torch.func.vmap(lambda y: pytree.tree_map(lambda t: 2 * t, y))(x)
    assert mapped.type == KIND
    assert_close(mapped.tensor, 2 * x.tensor)


def test_bad_arguments():
    x = tensor()
    with pytest.raises(
        TypeError,
        match="GeometricTensor: a torch tensor and a FieldType are required, in this order; received FieldType and Tensor",
    ):
        GeometricTensor(KIND, x.tensor)
    with pytest.raises(TypeError, match="a torch tensor and a FieldType are required"):
        GeometricTensor(x.tensor.numpy(), KIND)
    with pytest.raises(ValueError, match=r"a tensor \[batch, 13, y, x\] is required for .*; received shape \(3, 12, 5, 5\)"):
        GeometricTensor(x.tensor[:, 1:], KIND)


def test_bad_arithmetic():
    x = tensor()
    other = GeometricTensor(x.tensor, FieldType(SPACE, "2x1 + regular + 0e"))
    with pytest.raises(ValueError, match=r"a \+ b: one field type is required; received"):
        x + other
    with pytest.raises(ValueError, match=r"a - b: one field type is required; received"):
        x - other
    with pytest.raises(TypeError, match=r"GeometricTensor \+ GeometricTensor is defined; received Tensor"):
        x + x.tensor
    with pytest.raises(TypeError, match="GeometricTensor - GeometricTensor is defined; received int"):
        x - 1
    with pytest.raises(ValueError, match=r"a \* s: a number is required; a tensor would not transform like the field"):
        x * torch.ones(13)


def test_cat_refuses_an_axis_that_is_not_there() -> None:
    kind = gspaces.rot2dOnR2(4).type("0 + 1")
    x = GeometricTensor(randn(1, kind.size, 3, 3), kind)
    assert torch.cat([x, x], dim=-3).type == torch.cat([x, x], dim=1).type == kind + kind
    for dim in (5, -7, 2):
        with pytest.raises(ValueError, match=f"received dim={dim}"):
            torch.cat([x, x], dim=dim)
