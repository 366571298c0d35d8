"""The search finds the same irreps as closed forms and tables, whatever coordinates the group comes in."""

import math
import threading

import pytest
import torch

from steer.coupling import endomorphisms
from steer.group import FiniteGroup, cyclic, dihedral, from_generators, o2, o3, octahedral, so2, so3
from steer.representation._search import Search
from tests.cases import CONJUGATED, FINITE, assert_close, average, build, each, elements, named, random_orthogonal

DIMENSIONS = {
    "klein()": [1, 1, 1, 1],
    "quaternion_group()": [1, 4, 1, 1, 1],
    "tetrahedral()": [1, 2, 3],
    "full_tetrahedral()": [1, 1, 2, 3, 3],
    "pyritohedral()": [1, 1, 2, 2, 3, 3],
    "octahedral()": [1, 1, 2, 3, 3],
    "full_octahedral()": [1, 1, 1, 1, 2, 2, 3, 3, 3, 3],
    "icosahedral()": [1, 3, 3, 4, 5],
    "full_icosahedral()": [1, 1, 3, 3, 3, 3, 4, 4, 5, 5],
    "binary_tetrahedral()": [1, 2, 3, 4, 4],
    "full_cylindrical(4)": [1, 1, 1, 1, 1, 1, 1, 1, 2, 2],
}
"""From the character tables; irreps of complex type count once, with twice their complex dimension."""


@pytest.mark.parametrize(("text", "dimensions"), DIMENSIONS.items())
def test_dimensions(text, dimensions):
    assert sorted(i.dim for i in build(text).irreps()) == sorted(dimensions)


def unconjugated(case):
    return build(case.text.removeprefix("conjugated(").rsplit(",", 1)[0])


def seed_of(case):
    return int(case.text.rsplit(",", 1)[1].rstrip(")"))


@each(CONJUGATED + named("conjugated(quaternion_group(), 9)", "conjugated(binary_tetrahedral(), 10)"))
def test_a_conjugated_group_has_the_same_characters(case):
    """`chi'(q g q^T) = chi(g)` for exactly one irrep of the original, wherever in the list."""
    original = unconjugated(case)
    q = random_orthogonal(original.d, seed_of(case))
    g = original.elements
    ours = torch.stack([i.character(q @ g @ q.mT) for i in case.irreps])
    theirs = torch.stack([i.character(g) for i in original.irreps()])
    matches = (ours[:, None] - theirs[None]).abs().amax(-1) < 1e-9
    assert torch.equal(matches.sum(0), torch.ones(len(theirs), dtype=torch.long))
    assert torch.equal(matches.sum(1), torch.ones(len(ours), dtype=torch.long))
    facts = [sorted((i.dim, i.endomorphisms) for i in irreps) for irreps in (case.irreps, original.irreps())]
    assert facts[0] == facts[1]


def test_every_irrep_of_a_large_group_is_found():
    """A turn of order 410 about a generic axis: 206 irreps, the last of degree 205."""
    q = random_orthogonal(3, 2)
    turns = q @ cyclic(410, d=3).elements @ q.mT
    found = Search(FiniteGroup(turns, turns[1:2], "turns about a generic axis")).upto(None)
    assert sorted(f.dim for f in found) == [1, 1] + [2] * 204
    assert found[-1].degree == 205
    search, some = Search(FiniteGroup(turns, turns[1:2], "turns about a generic axis")), turns[::50]
    for number in range(0, len(search.upto(None)), 15):
        values = search.matrices(number, some)
        products = search.matrices(number, some[:, None] @ some[None])
        assert_close(products, values[:, None] @ values[None], what=f"irrep {number}")


def left(w, x, y, z):
    """Left multiplication by a unit quaternion."""
    return torch.tensor([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]], dtype=torch.float64)


GOLDEN = (1 + 5**0.5) / 2
QUATERNIONIC = {
    "binary icosahedral": ([left(0.5, 0.5, 0.5, 0.5), left(GOLDEN / 2, 1 / GOLDEN / 2, 0.5, 0.0)], 120, 4),
    "dicyclic of order 20": ([left(math.cos(math.pi / 5), math.sin(math.pi / 5), 0, 0), left(0, 0, 1, 0)], 20, 2),
}


@pytest.mark.parametrize("name", QUATERNIONIC)
def test_groups_with_several_irreps_of_quaternionic_type(name):
    generators, order, quaternionic = QUATERNIONIC[name]
    group = from_generators(generators)
    irreps = group.irreps()
    assert group.order == order == sum(i.dim**2 // i.endomorphisms for i in irreps)
    assert sum(i.endomorphisms == 4 for i in irreps) == quaternionic
    g = group.elements[::5]
    for irrep in irreps:
        values = irrep(g)
        assert_close(irrep(g[:, None] @ g[None]), values[:, None] @ values[None], what=str(irrep))
        assert len(endomorphisms(irrep)) == irrep.endomorphisms


def test_a_list_of_matrices_that_is_no_group():
    elements = octahedral().elements[:7]
    with pytest.raises(ArithmeticError, match=r"which are not all; is it a group\?|reducible piece"):
        Search(FiniteGroup(elements, elements, "seven elements")).upto(None)


def test_several_threads_share_a_search():
    """They find what one finds alone, in the same order and numbers, and the search stays whole."""
    group = build("conjugated(full_octahedral(), 7)")
    alone, shared = Search(group), Search(group)
    expected = [f.dim for f in alone.upto(None)]
    start, results = threading.Barrier(6), []

    def work(number):
        start.wait()
        found = shared.upto(None) if number % 2 else [shared.get(i) for i in range(len(expected))]
        results.append(([f.dim for f in found], shared.matrices(number, group.elements)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(dims == expected for dims, _ in results)
    for n in range(len(expected)):
        assert torch.equal(shared.matrices(n, group.elements), alone.matrices(n, group.elements))


def searched_characters(group, degree, g):
    search = Search(group)
    found = search.upto(degree)
    values = [search.matrices(n, g) for n in range(len(found))]
    return torch.stack([v.diagonal(dim1=-2, dim2=-1).sum(-1) for v in values])


@pytest.mark.parametrize(
    "group", [cyclic(1), cyclic(2), cyclic(5), cyclic(8), dihedral(1), dihedral(4), dihedral(5)], ids=str
)
def test_the_search_agrees_with_the_closed_forms_of_planar_groups(group):
    g = group.elements
    ours = searched_characters(group, None, g)
    theirs = torch.stack([i.character(g) for i in group.irreps()])
    matches = (ours[:, None] - theirs[None]).abs().amax(-1) < 1e-9
    assert ours.shape == theirs.shape
    assert bool((matches.sum(0) == 1).all())
    assert bool((matches.sum(1) == 1).all())


@pytest.mark.parametrize(("group", "degree"), [(so2(), 3), (o2(), 3), (so3(), 3), (o3(), 3)], ids=str)
def test_the_search_agrees_with_the_closed_forms_of_continuous_groups(group, degree):
    """It finds those that occur in a power of the standard representation upto the degree."""
    g = elements(group, 10)
    ours = searched_characters(group, degree, g)
    theirs = torch.stack([i.character(g) for i in group.irreps(degree)])
    matches = (ours[:, None] - theirs[None]).abs().amax(-1) < 1e-9
    assert bool((matches.sum(1) == 1).all())
    assert len(ours) == {"so2()": 4, "o2()": 5, "so3()": 4, "o3()": 7}[str(group)]


@each(FINITE)
def test_it_is_deterministic_and_complete(case):
    first, second = Search(case.group), Search(case.group)
    first.upto(None)
    second.upto(1)
    second.upto(None)
    assert sum(f.dim**2 // f.endomorphisms for f in first.found) == case.group.order
    assert [f.dim for f in first.found] == [f.dim for f in second.found]
    for n in range(len(first.found)):
        assert torch.equal(first.matrices(n, case.group.elements), second.matrices(n, case.group.elements))


@each(FINITE)
def test_degrees_ascend(case):
    degrees = [f.degree for f in Search(case.group).upto(None)]
    assert degrees == sorted(degrees)
    assert degrees[0] == 0


@each(named("so2() * so2()", "so3() * reflection(1)"))
def test_irreps_of_products_are_products(case):
    """Every irrep of degree upto two of a product of SO(2) or SO(3) with another group, counted by hand."""
    found = sorted((i.dim, i.endomorphisms) for i in case.irreps)
    expected = {
        "so2() * so2()": [(1, 1)] + [(2, 2)] * 6,  # frequencies (0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (1, -1)
        "so3() * reflection(1)": [(1, 1), (1, 1), (3, 1), (3, 1), (5, 1)],
    }
    assert found == sorted(expected[case.text])


def test_evaluation_is_differentiable_for_a_continuous_group():
    group = so2() * so2()
    irrep = group.irreps(2)[-1]
    g = group.sample(1).requires_grad_()
    assert torch.autograd.gradcheck(irrep, (g,))


def test_a_generic_group_of_high_order():
    """The prism group of a heptagon, order 28, in coordinates without structure."""
    q = random_orthogonal(3, 3)
    plain = build("full_cylindrical(3)")
    group = from_generators([*list(q @ build("dihedral(7, d=3)").generators @ q.mT), -torch.eye(3).double()])
    assert group.order == 28
    assert sum(i.dim**2 // i.endomorphisms for i in group.irreps()) == 28
    assert sorted(i.dim for i in group.irreps()) == [1] * 4 + [2] * 6
    assert plain.order == 12


def test_octahedral_irreps_are_named_by_their_place():
    group = octahedral()
    assert [i.label for i in group.irreps()] == ["0", "1", "2", "3", "4"]
    assert [i.dim for i in group.irreps()] == [1, 3, 2, 3, 1]
    assert_close(group.irrep(1)(group.elements), group.elements)
    norms = average(group, 0, lambda g: group.irrep(3).character(g) ** 2)
    assert_close(norms, torch.tensor(1.0).double())


@each([*CONJUGATED, *named("icosahedral()", "full_icosahedral()", "full_octahedral()", "binary_tetrahedral()")])
def test_rounded_generators_do_not_move_the_irreps_to_another_gauge(case):
    """Single precision moves the group by 1e-7, and its irreps by about as much: no pivot or order jumps."""
    rough = from_generators(list(case.group.generators.float()))
    fine = from_generators(case.group.generators)
    for a, b in zip(rough.irreps(), fine.irreps(), strict=True):
        assert_close(a(rough.elements), b(fine.elements), 1e-4)
