"""Tensors that know how they transform."""

import numpy
import pytest
import torch
from torch.utils import _pytree as pytree

from steer import gspaces
from steer.field import FieldType, GeometricTensor
from steer.group import cyclic
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


def test_split_between_fields():
    x = tensor()
    parts = x.split([1, 3])
    assert [str(part.type) for part in parts] == [f"{label} of {SPACE}" for label in ("regular", "2x1", "0e")]
    assert torch.equal(torch.cat([part.tensor for part in parts], 1), x.tensor)
    assert [part.type for part in x.split([])] == [KIND]
    for breaks in ([0], [2, 2], [3, 1], [4], ["1"]):
        with pytest.raises(ValueError, match="split: growing numbers of fields from 1 to 3 are required; received"):
            x.split(breaks)


INDICES = {
    "batch": (slice(1, 3), slice(1, 3), slice(None), KIND),
    "batch number": (-1, slice(2, 3), slice(None), KIND),
    "batch list": ([2, 0], [2, 0], slice(None), KIND),
    "batch index": (torch.tensor([1, 1]), [1, 1], slice(None), KIND),
    "batch number in a tensor": (torch.tensor(-1), slice(2, 3), slice(None), KIND),
    "batch list of tensors": ([torch.tensor(1), numpy.int64(0)], [1, 0], slice(None), KIND),
    "batch range": (range(2), [0, 1], slice(None), KIND),
    "a field in a tensor": ((0, torch.tensor(0)), slice(0, 1), slice(0, 8), FieldType(SPACE, "regular")),
    "batch mask": (torch.tensor([True, False, True]), [0, 2], slice(None), KIND),
    "a field": ((slice(None), 0), slice(None), slice(0, 8), FieldType(SPACE, "regular")),
    "the last field": ((..., -1, slice(None), slice(None)), slice(None), slice(12, 13), FieldType(SPACE, "0e")),
    "fields": ((slice(None), slice(1, 3)), slice(None), slice(8, 12), FieldType(SPACE, "2x1")),
    "fields backwards": (
        (slice(None), slice(None, None, -1)),
        slice(None),
        [12, 10, 11, 8, 9, *range(8)],
        FieldType(SPACE, "0e + 2x1 + regular"),
    ),
    "a list of fields": ((slice(None), [3, 1]), slice(None), [12, 8, 9], FieldType(SPACE, "0e + 1")),
    "a mask of fields": ((0, [False, True, False, True]), slice(0, 1), [8, 9, 12], FieldType(SPACE, "1 + 0e")),
    "an index of fields": ((0, torch.tensor([2, 2])), slice(0, 1), [10, 11, 10, 11], FieldType(SPACE, "2x1")),
    "lists of both": (([2, 0, 1], [0, 3]), [2, 0, 1], [*range(8), 12], FieldType(SPACE, "regular + 0e")),
    "arrays": ((numpy.array([2, 0]), numpy.int64(3)), [2, 0], [12], FieldType(SPACE, "0e")),
    "everything": (..., slice(None), slice(None), KIND),
}


@pytest.mark.parametrize("name", INDICES)
def test_items_of_the_batch_and_whole_fields(name):
    items, batch, channels, kind = INDICES[name]
    x = tensor()
    y = x[items]
    assert y.type == kind
    assert torch.equal(y.tensor, x.tensor[batch][:, channels])
    for g in SPACE.testing_elements:
        assert_close(y.transform(g).tensor, x.transform(g)[items].tensor)


def test_parts_of_space_and_every_axis_stays():
    x = tensor()
    assert torch.equal(x[:, :, 1:4, ::2].tensor, x.tensor[:, :, 1:4, ::2])
    assert torch.equal(x[0, 1, 2, 3].tensor, x.tensor[0:1, 8:10, 2:3, 3:4])
    assert torch.equal(x[..., 4].tensor, x.tensor[..., 4:5])
    assert torch.equal(x[..., [4, 0]].tensor, x.tensor[..., [4, 0]])
    assert torch.equal(x[..., torch.tensor(4)].tensor, x.tensor[..., 4:])
    middle = x[:, :, 1:4, 1:4]  # about the same centre
    g = SPACE.testing_elements[1]
    assert_close(middle.transform(g).tensor, x.transform(g)[:, :, 1:4, 1:4].tensor)
    corner = x[:, :, :3, :3]
    assert_far(corner.transform(g).tensor, x.transform(g)[:, :, :3, :3].tensor)


def test_views_and_iteration():
    x = tensor()
    assert x[:, 1:3].tensor.data_ptr() == x.tensor[:, 8:].data_ptr()
    assert [len(item) for item in x] == [1, 1, 1]
    assert torch.equal(torch.cat([item.tensor for item in x]), x.tensor)


def test_bad_indices():
    x = tensor()
    for items, message in (
        (3, "an integer from -3 to 2 is required for the batch; received 3"),
        ((0, 4), "integers from -4 to 3 are required for fields; received 4"),
        ((0, [0, 9]), r"integers from -4 to 3 are required for fields; received \[0, 9\]"),
        ((0, []), r"at least one of 4 fields is required; received \[\]"),
        ((0, slice(2, 2)), "at least one of 4 fields is required"),
        ((0, 0, 5), "an integer from -5 to 4 is required for axis 2; received 5"),
        ([7], r"a list of integers, is required for the 3 of the batch; received \[7\]"),
        (slice(None, None, -1), "is required for the 3 of the batch; received slice"),
        ((0, 0, 0, 0, 0), "at most 4 items, for batch, fields and space, are required"),
        ((..., 0, ...), "at most 4 items"),
    ):
        with pytest.raises(IndexError, match=message):
            x[items]
    for items, message in (
        ("a", "an integer, a slice, or a list of integers, is required for the batch; received 'a'"),
        (None, "is required for the batch; received None"),
        (1.5, "is required for the batch; received 1.5"),
        ((0, "regular"), "is required for fields; received 'regular'"),
        ((0, None), "is required for fields; received None"),
        ((0, 0, True), "is required for axis 2; received True"),
        (torch.tensor(True), "is required for the batch; received True"),
        (torch.tensor([0.0, 1.0]), r"is required for the batch; received tensor\(\[0., 1.\]\)"),
        (torch.tensor([[0, 1], [1, 0]]), "is required for the batch; received tensor"),
        ([[0, 1], [1, 0]], r"is required for the batch; received \[\[0, 1\], \[1, 0\]\]"),
        (numpy.array([[0, 1], [1, 0]]), r"is required for the batch; received \[\[0, 1\], \[1, 0\]\]"),
        ((0, 0, torch.tensor([[0, 1]])), "is required for axis 2; received tensor"),
    ):
        with pytest.raises(TypeError, match=message):
            x[items]


def test_items_of_sets_keep_the_number_of_axes():
    kind = gspaces.no_base_space(SPACE.fibergroup).type("regular")
    x = kind(torch.arange(80.0).reshape(10, 8))
    assert torch.equal(x[torch.tensor([3, 4])].tensor, x.tensor[3:5])
    for items in (torch.arange(8)[None], [list(range(8))], torch.ones(10, 8, dtype=torch.bool)):
        with pytest.raises(TypeError, match="a list of integers, is required for the batch; received"):
            x[items]


def test_types_make_tensors_of_theirs():
    x = tensor()
    y = KIND(x.tensor)
    assert isinstance(y, GeometricTensor)
    assert y.tensor is x.tensor
    assert y.type == KIND
    with pytest.raises(ValueError, match=r"a tensor \[batch, 13, y, x\] is required"):
        KIND(x.tensor[:, 1:])


def test_restriction_and_turns_of_the_fibres_alone():
    x = tensor()
    for part in (cyclic(4), 4):
        y = x.restrict(part)
        assert y.tensor is x.tensor
        assert y.type == KIND.restrict(cyclic(4))
    g = SPACE.testing_elements[1]
    assert torch.equal(x.transform_fibers(g).tensor, KIND.transform_fibers(x.tensor, g))
    assert_far(x.transform_fibers(g).tensor, x.transform(g).tensor)
    with pytest.raises(TypeError, match=r"transform_fibers: the matrix \[2, 2\] of an element is required"):
        x.transform_fibers(1)
    for function in (KIND.transform, KIND.transform_fibers):
        with pytest.raises(TypeError, match=r"a torch tensor is required; received GeometricTensor; x.transform\(g\)"):
            function(x, g)
        with pytest.raises(TypeError, match="a torch tensor is required; received NoneType"):
            function(None, g)


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
    for value in (torch.ones(13), None, "2", x):  # fields times fields are no fields of this type
        error = ValueError if isinstance(value, torch.Tensor) else TypeError
        with pytest.raises(error, match=r"a \* s: a number is required; a tensor would not transform like the field"):
            x * value
        with pytest.raises(error, match="a / s: a number is required"):
            x / value
    one = KIND.index_select(0)(torch.zeros(2, 8, 1, 1))
    for tensor_of_one in (torch.ones(1, 1, 1, 1, 1), torch.tensor(1j)):  # the first has an axis more
        with pytest.raises(ValueError, match=r"a \* s: a number is required; .* received shape .* s.squeeze\(\) makes"):
            one * tensor_of_one
    for number in (1j, numpy.complex64(1)):
        with pytest.raises(TypeError, match=r"a / s: a real number is required, as fields are; received .*1?j"):
            one / number
    assert torch.equal((x * torch.tensor(2.0)).tensor, (x * numpy.float32(2)).tensor)


def test_cat_refuses_an_axis_that_is_not_there() -> None:
    kind = gspaces.rot2dOnR2(4).type("0 + 1")
    x = GeometricTensor(randn(1, kind.size, 3, 3), kind)
    assert torch.cat([x, x], dim=-3).type == torch.cat([x, x], dim=1).type == kind + kind
    for dim in (5, -7, 2):
        with pytest.raises(ValueError, match=f"received dim={dim}"):
            torch.cat([x, x], dim=dim)
