"""Field types: how channels transform, as values."""

import copy
import itertools
import pickle

import numpy
import pytest
import torch

from steer import gspaces
from steer.field import FieldType
from steer.group import cyclic, cylindrical, dihedral, octahedral, planar_rotation
from steer.representation import direct_sum
from tests.cases import assert_close, assert_far, randn

C8 = gspaces.rot2dOnR2(8)
D4 = gspaces.on(dihedral(4))
OCTA = gspaces.octaOnR3()

TYPES = [
    FieldType(C8, "3xregular + 2x1 + 0"),
    FieldType(D4, ["regular", D4.fibergroup.quotient(cyclic(4)), "1 + 0o", "standard"]),
    FieldType(OCTA, "0 + 1 + regular + 1"),
    FieldType(gspaces.rot2dOnR2(-1), "2x0 + 1 + 3"),
    FieldType(gspaces.flipRot3dOnR3(), "4x0e + 2x1o + 2e"),
    FieldType(gspaces.no_base_space(octahedral()), "regular + 1"),
    FieldType(gspaces.flipOnR1(), "regular + 1"),
    FieldType(gspaces.on(dihedral(6), "hexagonal"), "regular + 1"),
]
each_type = pytest.mark.parametrize("kind", TYPES, ids=str)


def fields(kind, side=5, seed=0):
    """Random fields; on a hexagonal grid they fill a hexagon."""
    x = randn(2, kind.size, *[side] * kind.gspace.dimensionality, seed=seed)
    grid = kind.gspace.lattice
    if grid is not None and grid.kind == "hexagonal":
        x = x * grid.kernel_mask((side, side)).reshape(side, side)
    return x


@each_type
def test_the_representation_is_the_sum_of_the_fields(kind):
    assert kind.size == sum(field.dim for field in kind.representations) == kind.representation.dim
    assert kind.representation == direct_sum(kind.representations)
    assert kind.fibergroup == kind.gspace.fibergroup
    assert len(kind) == len(kind.representations)


@each_type
def test_channels_are_contiguous(kind):
    spans = [span for _, span in kind.channels()]
    assert [field for field, _ in kind.channels()] == list(kind.representations)
    assert spans[0].start == 0
    assert spans[-1].stop == kind.size
    assert all(a.stop == b.start for a, b in itertools.pairwise(spans))
    assert [field for field, count in kind.runs for _ in range(count)] == list(kind.representations)


@each_type
def test_fibres_turn_by_the_representation(kind):
    x = fields(kind)
    for g in kind.gspace.testing_elements[:5]:
        expected = torch.einsum("ij,bj...->bi...", kind.representation(g), x)
        assert_close(kind.transform_fibers(x, g), expected)


@each_type
def test_the_action_is_an_action(kind):
    """`g (h f) = (g h) f`, and the identity does nothing; on exact symmetries."""
    x, exact = fields(kind), kind.gspace.exact_group.elements
    assert_close(kind.transform(x, kind.fibergroup.identity), x)
    for g in exact[:6]:
        for h in exact[-4:]:
            assert_close(kind.transform(kind.transform(x, h), g), kind.transform(x, g @ h))


@each_type
def test_inverse_elements_undo_each_other(kind):
    x = fields(kind)
    for g in kind.gspace.exact_group.elements:
        assert_close(kind.transform(kind.transform(x, g), g.mT), x)


def test_the_order_of_group_elements_matters():
    kind = TYPES[1]
    g, h = kind.fibergroup.elements[1], kind.fibergroup.elements[5]
    x = fields(kind)
    assert_far(kind.transform(kind.transform(x, h), g), kind.transform(x, h @ g))


def test_a_quarter_turn_turns_the_picture_and_rolls_the_channels():
    kind = FieldType(gspaces.rot2dOnR2(4), "2xregular")
    x = fields(kind)
    quarter = planar_rotation(torch.pi / 2)
    expected = torch.rot90(x, 1, (-2, -1)).reshape(2, 2, 4, 5, 5).roll(1, 2).reshape(x.shape)
    assert_close(kind.transform(x, quarter), expected)
    wrong = torch.rot90(x, 1, (-2, -1)).reshape(2, 2, 4, 5, 5).roll(-1, 2).reshape(x.shape)
    assert_far(kind.transform(x, quarter), wrong)


def test_a_vector_field_turns_its_arrows():
    """A wind from left to right everywhere becomes one from below to above."""
    kind = FieldType(gspaces.rot2dOnR2(-1), "1")
    wind = torch.zeros(1, 2, 3, 3).double()
    wind[:, 0] = 1.0
    turned = kind.transform(wind, planar_rotation(torch.pi / 2))
    assert_close(turned[:, 1], torch.ones(1, 3, 3).double())
    assert_close(turned[:, 0], torch.zeros(1, 3, 3).double())


def test_parts_of_types_may_be_strings_or_representations():
    group = C8.fibergroup
    expected = FieldType(C8, [group.regular, group.irrep(1), group.irrep(1), group.trivial])
    assert FieldType(C8, "regular + 2x1 + 0") == expected
    assert FieldType(C8, ["regular + 2x1", group.trivial]) == expected
    assert FieldType(C8, [group.regular, "2x1", "0"]) == expected
    assert C8.type("regular", "2x1 + trivial") == expected
    assert FieldType(C8, group.regular) == C8.type("regular")
    assert FieldType(C8, 3 * [C8.trivial_repr]).size == 3


def test_a_sum_given_as_one_field_stays_one_field():
    group = C8.fibergroup
    both = group.irrep(1) + group.irrep(2)
    assert len(FieldType(C8, [both])) == 1
    assert len(FieldType(C8, "1 + 2")) == 2
    assert FieldType(C8, [both]) != FieldType(C8, "1 + 2")


@each_type
def test_types_are_values(kind):
    for other in (pickle.loads(pickle.dumps(kind)), copy.deepcopy(kind), FieldType(kind.gspace, kind.representations)):
        assert other == kind
        assert hash(other) == hash(kind)
        assert str(other) == str(kind)
    assert kind != FieldType(kind.gspace, "trivial + trivial + trivial")
    assert kind != "a string"
    assert repr(kind) == f"<FieldType {kind}, {kind.size} channels>"


def test_strings():
    assert str(TYPES[0]) == "3xregular + 2x1 + 0 of cyclic(8) on square"
    assert str(TYPES[4]) == "4x0e + 2x1o + 2e of o3() on cubic"
    assert str(TYPES[5]) == "regular + 1 of octahedral() on a point"


def test_addition():
    kind = C8.type("regular") + C8.type("1")
    assert kind == C8.type("regular + 1")
    with pytest.raises(
        ValueError, match=r"type \+ type: one gspace is required; received cyclic\(8\) on square and dihedral\(4\)"
    ):
        C8.type("regular") + D4.type("regular")
    with pytest.raises(TypeError):
        C8.type("regular") + "1"


def test_which_types_are_permuted():
    assert C8.type("regular + trivial").is_permutation
    assert FieldType(D4, [D4.fibergroup.quotient(cyclic(4))]).is_permutation
    assert not C8.type("regular + 1").is_permutation
    assert not D4.type("0o").is_permutation


def test_restriction():
    """The same channels, seen by a subgroup: the same matrices for its elements."""
    kind = TYPES[1]
    small = kind.restrict(cyclic(4))
    assert small.gspace.fibergroup == cyclic(4)
    assert small.gspace.lattice == kind.gspace.lattice
    assert (small.size, len(small)) == (kind.size, len(kind))
    x = fields(kind)
    for g in cyclic(4).elements:
        assert_close(small.transform(x, g), kind.transform(x, g))
    with pytest.raises(ValueError, match=r"subgroup: elements of dihedral\(4\) are required; cyclic\(3\) is not contained"):
        kind.restrict(cyclic(3))


@pytest.mark.parametrize("g", [0.3, 1.0])
def test_other_elements_interpolate(g):
    """Fibres turn exactly, positions by interpolation: a constant field away from the border shows it."""
    kind = TYPES[3]
    x = torch.ones(1, kind.size, 15, 15).double()
    turned = kind.transform(x, planar_rotation(g))
    expected = torch.einsum("ij,bj...->bi...", kind.representation(planar_rotation(g)), x)
    assert_close(turned[..., 5:10, 5:10], expected[..., 5:10, 5:10])


def test_precision_is_kept():
    kind = TYPES[0]
    x = fields(kind).float()
    assert kind.transform(x, kind.fibergroup.elements[1]).dtype == torch.float32
    assert kind.transform(x, kind.fibergroup.elements[1].float()).dtype == torch.float32


@each_type
def test_check_accepts_fields(kind):
    kind.check(fields(kind))


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (TYPES[0], (2, 7, 5, 5), r"a tensor \[batch, 29, y, x\] is required for .*; received shape \(2, 7, 5, 5\)"),
        (TYPES[0], (2, 29, 5), r"a tensor \[batch, 29, y, x\] is required"),
        (TYPES[2], (2, 31, 5, 5), r"a tensor \[batch, 31, z, y, x\] is required"),
        (TYPES[5], (2, 26, 1), r"a tensor \[batch, 27, \*position\] is required"),
        (TYPES[6], (2, 3, 1, 1), r"a tensor \[batch, 3, x\] is required"),
    ],
)
def test_wrong_shapes(kind, shape, message):
    with pytest.raises(ValueError, match=message):
        kind.check(torch.zeros(shape))


def test_bad_arguments():
    with pytest.raises(TypeError, match=r"FieldType: a GSpace is required first .*; received FiniteGroup"):
        FieldType(cyclic(4), "regular")
    with pytest.raises(ValueError, match="FieldType: at least one field is required; received none"):
        FieldType(C8, [])
    with pytest.raises(TypeError, match="FieldType: representations or strings are required; received int"):
        FieldType(C8, [3])
    with pytest.raises(
        ValueError, match=r"representations of cyclic\(8\) are required; received regular of cyclic\(4\); restrict"
    ):
        FieldType(C8, [cyclic(4).regular])
    with pytest.raises(ValueError, match="names its irreps by a frequency"):
        FieldType(C8, "9")


def test_sums_print_in_brackets_and_are_read_back() -> None:
    space = gspaces.rot3dOnR3()
    kind = space.type(*[space.fourier_repr(1)] * 2, "2x0")
    assert str(kind).startswith("2x(0 + 3x1) + 2x0 of")
    assert len(kind) == 4
    assert space.type("2x(0 + 3x1) + 2x0") == kind
    assert str(space.type("2x0 + 3x1")) != str(space.type("(2x0 + 3x1)"))
    signed = gspaces.on(cylindrical()).type("2x(0+ + 1+) + 1+")
    assert [field.dim for field in signed.representations] == [3, 3, 2]
    with pytest.raises(ValueError, match="are required; received"):
        space.type("2x(0 + 1")


def test_equality_compares_no_matrix_twice(monkeypatch):
    """Types are compared at every typed call, and the matrices of the fields of large ones would take long."""
    one, other = (FieldType(C8, "768x1 + 2xregular") for _ in range(2))
    different = FieldType(C8, "767x1 + 2xregular")
    monkeypatch.setattr(itertools, "groupby", None)
    calls = []
    cls = type(one.representations[0])
    eq = cls.__eq__
    monkeypatch.setattr(cls, "__eq__", lambda a, b: calls.append(1) or eq(a, b))
    assert one == other
    assert one != different
    assert len(calls) <= 1


def test_transforms_refuse_surplus_channels() -> None:
    kind = TYPES[0]
    g = kind.fibergroup.elements[1]
    for wrong in (torch.zeros(2, kind.size + 1, 5, 5), torch.zeros(2, kind.size - 1, 5, 5)):
        with pytest.raises(ValueError, match="is required for"):
            kind.transform(wrong, g)
        with pytest.raises(ValueError, match=r"transform_fibers: a tensor \[batch, .* is required for"):
            kind.transform_fibers(wrong, g)
    with pytest.raises(ValueError, match="is required for"):
        kind.transform(torch.zeros(2, kind.size), g)


def test_fields_without_base_space_may_be_sets() -> None:
    kind = gspaces.no_base_space(octahedral()).type("regular + 1")
    x = randn(2, kind.size, 4, 3)
    kind.check(x)
    kind.check(x[..., 0, 0])
    g = kind.fibergroup.elements[5]
    assert_close(kind.transform(x, g)[..., 1, 2], kind.transform(x[..., 1, 2], g))
    with pytest.raises(ValueError, match=r"a tensor \[batch, 27, \*position\] is required"):
        kind.check(x[:, :5])


@each_type
def test_fields_are_selected_sorted_and_grouped(kind):
    assert [slice(*ends) for ends in zip(kind.fields_start, kind.fields_end, strict=True)] == [s for _, s in kind.channels()]
    order = list(reversed(range(len(kind))))
    assert kind.index_select(order).representations == kind.representations[::-1]
    assert kind.index_select([-1]).representations == kind.representations[-1:]
    assert sorted(map(str, kind.sorted().representations)) == sorted(map(str, kind.representations))
    assert kind.index_select(kind.sorted_fields()) == kind.sorted()
    assert len(kind.sorted().runs) == len(set(kind.representations))
    assert kind.index_select(order).sorted() == kind.sorted() == kind.sorted().sorted()
    grouped = kind.group_by_labels([i % 2 for i in range(len(kind))])
    assert list(grouped) == [0, 1]
    assert [part.representations for part in grouped.values()] == [kind.representations[::2], kind.representations[1::2]]


def test_bad_selections():
    kind = TYPES[0]
    with pytest.raises(IndexError, match=r"index_select: integers from -6 to 5 are required for fields; received \[6\]"):
        kind.index_select([6])
    with pytest.raises(ValueError, match="at least one field is required"):
        kind.index_select([])
    with pytest.raises(IndexError, match=r"channels_of: integers from -6 to 5 are required for fields; received 6"):
        kind.channels_of(6)
    for wrong in ([0.7, 1.9], "01", None, [[0, 1]], torch.tensor([[0, 1]]), [True], 1.0):
        with pytest.raises(
            TypeError, match="index_select: an integer, a slice, or a list of integers, is required for fields"
        ):
            kind.index_select(wrong)
    with pytest.raises(ValueError, match="group_by_labels: 6 labels, one per field, are required; received 1"):
        kind.group_by_labels(["a"])
    with pytest.raises(TypeError, match="group_by_labels: a list of labels is required; received str 'abcdef'"):
        kind.group_by_labels("abcdef")


@each_type
def test_types_and_tensors_select_the_same_fields(kind):
    x = kind(randn(1, kind.size, *(3,) * kind.gspace.dimensionality))
    last = len(kind) - 1
    for item in ([last, 0], torch.tensor([0, -1]), numpy.array([last]), torch.tensor(last), slice(0, 1), 0, range(last + 1)):
        assert kind.index_select(item) == x[:, item].type
        assert torch.equal(x.tensor[:, kind.channels_of(item)], x[:, item].tensor)
    mask = torch.arange(len(kind)) == last
    assert kind.index_select(mask) == kind.index_select(mask.tolist()) == x[:, mask].type == kind.index_select([last])
