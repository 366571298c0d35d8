"""`from_generators`: what it closes, in which order, how exactly, and what it refuses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.group import (
    cyclic,
    dihedral,
    from_generators,
    full_octahedral,
    octahedral,
    planar_reflection,
    planar_rotation,
    rotation,
)
from steer.group._polish import polish
from tests.cases import FINITE, assert_close, assert_orthogonal, each, named, seeded


@each(FINITE)
def test_elements_are_closed_under_products(case):
    group = case.group
    products = group.elements[:, None] @ group.elements[None]
    assert_close(group.elements[group.table], products, 1e-14 * group.d, "elements[table[i, j]] and products")


@each(FINITE)
def test_elements_are_orthogonal_to_the_last_place(case):
    assert_orthogonal(case.group.elements, 1e-14)


@each(FINITE)
def test_the_generators_generate_the_group(case):
    closed = from_generators(case.group.generators)
    assert closed.order == case.group.order == case.order
    assert closed <= case.group
    assert case.group <= closed


@each(FINITE)
def test_the_identity_comes_first_and_no_element_twice(case):
    elements = case.group.elements
    assert_close(elements[0], case.group.identity, 0.0)
    distances = torch.cdist(elements.flatten(1), elements.flatten(1)) + 9 * torch.eye(len(elements))
    assert float(distances.min()) > 0.1


def test_one_generator_lists_its_powers():
    g = rotation([1.0, 2.0, -0.5], 2 * math.pi / 7)
    power = torch.eye(3, dtype=torch.float64)
    for element in from_generators([g]).elements:
        assert_close(element, power, 1e-13)
        power = power @ g


def test_further_generators_add_whole_cosets():
    """Dimino's order: the elements of the group of the first generator, then its cosets."""
    group = from_generators([planar_rotation(math.pi / 2), torch.diag(torch.tensor([1.0, -1.0]))])
    assert_close(group.elements[:4], cyclic(4).elements, 1e-14)
    assert_close(group.elements[4:], cyclic(4).elements @ group.generators[1], 1e-14)


def test_superfluous_generators_change_nothing():
    plain = from_generators(octahedral().generators)
    more = from_generators([*octahedral().generators, *octahedral().elements[5:9], torch.eye(3)])
    assert plain == more


@each(named("cyclic(5)", "dihedral(4, axis=0.3)", "icosahedral()", "conjugated(octahedral(), 6)", "binary_tetrahedral()"))
def test_single_precision_is_polished_to_double(case):
    rough = case.group.generators.float()
    group = from_generators(list(rough))
    assert group.order == case.order
    assert_orthogonal(group.elements, 1e-14)
    assert_close(group.elements[0], group.identity, 1e-15)
    assert_close(group.elements[group.table], group.elements[:, None] @ group.elements[None], 1e-14 * group.d)
    assert_close(group.generators.float(), rough, 1e-6)


@pytest.mark.parametrize("n", [21, 348, 359, 374, 379, 389, 500])
def test_rounding_does_not_grow_with_the_order(n):
    group = from_generators([planar_rotation(2 * math.pi / n).float()])
    assert group.order == n
    assert_close(group.elements, cyclic(n).elements, 1e-13)


@pytest.mark.slow
def test_the_largest_order_from_single_precision():
    assert from_generators([planar_rotation(2 * math.pi / 1000).float()]).order == 1000


def test_an_angle_slightly_off_is_moved_to_the_rational_one_if_it_is_rounded():
    turn = planar_rotation(2 * math.pi / 21 + 5e-7)
    for rounded in (turn.float(), turn.float().double()):
        group = from_generators([rounded])
        assert group.order == 21
        assert_close(group.elements, cyclic(21).elements, 1e-13)
    with pytest.raises(ValueError, match=r"number 0 is .* away from the nearest group found, of 21 elements"):
        from_generators([turn])


@pytest.mark.parametrize("angle", [0.22256512, 2 * math.pi / 5 + 9e-6, 2 * math.pi / 5 + 1e-10])
def test_an_exact_matrix_near_a_finite_group_is_not_moved_to_it(angle):
    with pytest.raises(ValueError, match=r"away from the nearest group found|do not close within that many"):
        from_generators([planar_rotation(angle)])


def test_random_irrational_angles_close_to_no_group():
    for angle in (6 * torch.rand(60, dtype=torch.float64, generator=seeded(0))).tolist():
        with pytest.raises(ValueError, match=r"away from the nearest group found|do not close within that many"):
            from_generators([planar_rotation(angle)], max_order=400)


@pytest.mark.parametrize("digits", [8, 10, 12])
def test_printed_digits_are_explained(digits):
    rounded = (rotation([1.0, 2.0, 3.0], 2 * math.pi / 7) * 10**digits).round() / 10**digits
    assert from_generators([rounded]).order == 7


def test_a_long_chain_of_cosets_does_not_drift():
    """Two mirrors whose product has order 97: every second product is a coset of its own."""
    pair = [planar_reflection(0.1).float(), planar_reflection(0.1 + math.pi / 97).float()]
    group = from_generators(pair)
    assert group.order == 194
    assert_close(group.elements[group.table], group.elements[:, None] @ group.elements[None], 1e-13)


def test_lists_of_numbers_are_read_in_double_precision():
    turn = planar_rotation(2 * math.pi / 7)
    assert_close(from_generators([turn.tolist()]).generators[0], turn, 1e-15)


def test_near_duplicates_are_no_group():
    elements = torch.cat([cyclic(5).elements, cyclic(5).elements @ planar_rotation(1e-4)])
    with pytest.raises(ValueError, match=r"the 10 products found are no group, some are only nearly equal"):
        polish(elements)
    with pytest.raises(ValueError, match=r"the 4 products found are no group .*misses the nearest of them by|nearly equal"):
        polish(cyclic(5).elements[:4])


def test_grid_symmetries_are_exact_from_single_precision():
    group = from_generators([planar_rotation(math.pi / 2).float() + 3e-8])
    assert group.order == 4
    assert torch.equal(group.elements, group.elements.round())


def test_one_stack_lists_and_integers_are_understood():
    assert from_generators(torch.stack(list(dihedral(3).generators))).order == 6
    assert from_generators([[[0, -1], [1, 0]]]).order == 4
    assert from_generators([torch.tensor([[-1]])]).order == 2


def test_gradients_do_not_reach_the_group():
    matrix = planar_rotation(math.pi / 2).requires_grad_()
    assert not from_generators([matrix]).elements.requires_grad


signed_permutations = st.tuples(st.permutations(range(3)), st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(signed_permutations, min_size=1, max_size=3))
def test_any_cube_symmetries_generate_a_subgroup(choices):
    matrices = [torch.eye(3)[list(order)] * torch.tensor(signs) for order, signs in choices]
    group = from_generators(matrices)
    assert 48 % group.order == 0
    assert group <= full_octahedral()
    assert bool(group.contains(torch.stack(matrices)).all())


def test_no_generator():
    with pytest.raises(ValueError, match=r"at least one matrix is required; received none; use trivial\(d\)"):
        from_generators([])


@pytest.mark.parametrize("bad", [torch.ones(3), torch.ones(2, 3), torch.zeros(1, 2, 2), torch.tensor(1.0)])
def test_wrong_shapes(bad):
    with pytest.raises(ValueError, match=r"square matrices of one size, in a list, are required; number 0 has shape"):
        from_generators([bad])


def test_two_sizes():
    with pytest.raises(ValueError, match=r"one size, in a list, are required; number 1 has shape \(3, 3\)"):
        from_generators([torch.eye(2), torch.eye(3)])


@pytest.mark.parametrize("bad", [2 * torch.eye(2), torch.tensor([[1.0, 1e-5], [0.0, 1.0]]), torch.full((2, 2), math.nan)])
def test_not_orthogonal(bad):
    with pytest.raises(ValueError, match=r"orthogonal matrices .* are required; number 1 misses by .*torch\.linalg\.svd"):
        from_generators([torch.eye(2), bad])


@pytest.mark.parametrize("infinite", [[planar_rotation(1.0)], [planar_rotation(1e-3)]])
def test_infinite_order(infinite):
    with pytest.raises(ValueError, match=r"at most 1000 elements is required.*raise max_order, or use so2\(\)"):
        from_generators(infinite)


def test_finite_orders_that_generate_an_infinite_group():
    pair = [rotation([0, 0, 1], math.pi / 2), rotation([0, 0.6, 0.8], math.pi / 2)]
    with pytest.raises(ValueError, match=r"at most 500 elements .* do not close"):
        from_generators(pair, max_order=500)


@each(named("cyclic(2)", "cyclic(8)", "dihedral(1)", "dihedral(6)", "octahedral()", "full_octahedral()", "klein()"))
def test_max_order_is_the_largest_order_allowed(case):
    generators = case.group.generators
    assert from_generators(generators, max_order=case.group.order).order == case.order
    with pytest.raises(ValueError, match=f"at most {case.group.order - 1} elements"):
        from_generators(generators, max_order=case.group.order - 1)


def test_the_way_out_of_a_rounded_matrix_leads_to_its_group() -> None:
    """The nearest orthogonal matrix keeps orientation, where a QR decomposition may flip columns."""
    rounded = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.001]]).double()
    with pytest.raises(ValueError, match=r"number 0 misses by .*U @ Vh of torch.linalg.svd"):
        from_generators([rounded])
    u, _, vh = torch.linalg.svd(rounded)
    assert from_generators([u @ vh]) == cyclic(4, d=3)
