"""Strings that print and parse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.group import cyclic, cylindrical, dihedral, full_cylindrical, o2, o3, octahedral, so2, so3
from steer.representation import direct_sum, parse
from tests.cases import FINITE, GROUPS, each

GROUPS_WITH_STRINGS = [so2(), o2(), so3(), o3(), cylindrical(), full_cylindrical(), cyclic(6), dihedral(4), octahedral()]


@st.composite
def sums(draw):
    """A random direct sum of named representations of one group."""
    group = draw(st.sampled_from(GROUPS_WITH_STRINGS))
    named = [*group.irreps(3), group.standard] + ([group.regular] if group.is_finite else [])
    terms = draw(st.lists(st.tuples(st.integers(1, 20), st.sampled_from(named)), min_size=1, max_size=5))
    return direct_sum(part for count, part in terms for _ in range(count))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(sums())
def test_what_is_printed_is_read_back(representation):
    group = representation.group
    assert parse(group, str(representation)) == representation
    assert group.representation(str(representation)) == representation
    assert str(parse(group, str(representation))) == str(representation)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sums(), st.sampled_from(["*", " x ", "x "]), st.sampled_from(["  ", ""]))
def test_spaces_and_signs_do_not_matter(representation, times, edge):
    text = edge + str(representation).replace("x", times) + edge
    assert parse(representation.group, text) == representation


@each(GROUPS)
def test_every_irrep_is_read_back(case):
    for irrep in case.irreps:
        assert parse(case.group, str(irrep)) == irrep
        assert str(parse(case.group, f"3x{irrep} + {irrep}")) == f"4x{irrep}"


@each(FINITE)
def test_named_representations(case):
    group = case.group
    assert parse(group, "2xregular + trivial") == direct_sum([group.regular, group.regular, group.trivial])
    assert parse(group, "standard") == group.standard


def test_examples():
    assert str(o3().representation("16x0e + 8x1o")) == "16x0e + 8x1o"
    assert o3().representation("16x0e+8x1o") == o3().representation("16x0e + 8x1o")
    assert o3().representation("16x0e + 8x1o").dim == 40
    assert cyclic(8).representation("8xregular + 4x1").dim == 72
    assert so2().representation("0+1+2").dim == 5
    assert so2().representation("1+2x2").dim == 6
    assert str(cylindrical().representation("2x1+ + 3x0-")) == "2x1+ + 3x0-"
    assert str(so2().representation("1 + 1 + 0")) == "2x1 + 0"


@pytest.mark.parametrize("text", ["", "0x1", "00x1", "٣x1", "x1", "2x", "1 + ", "1 2", "+", "-1x1", "2.5x1"])
def test_terms_that_cannot_be_read(text):
    with pytest.raises(
        ValueError, match=r'terms such as "8x1", "regular" or .* joined by " \+ " are required|names its irreps by'
    ):
        so2().representation(text)


@pytest.mark.parametrize(("text", "received"), [("3xfoo", "'foo'"), ("1 + 9o", "'9o'"), ("Regular", "'Regular'")])
def test_representations_that_do_not_exist(text, received):
    with pytest.raises(ValueError, match=f"names its irreps by .*received {received}"):
        so2().representation(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("3xregulr", "regular"), ("1 + trivail", "trivial"), ("2x(0 + Standard)", "standard")]
)
def test_misspelt_names_are_answered_with_the_name(text, meant):
    with pytest.raises(ValueError, match=rf"names its irreps by .* did you mean '{meant}'\?$"):
        cyclic(4).representation(text)
    with pytest.raises(ValueError, match="it has 0, 1, 2$"):
        cyclic(4).representation("9")


def test_a_continuous_group_has_no_regular_representation():
    with pytest.raises(ValueError, match=r"regular: a finite group is required; received so2\(\)"):
        so2().representation("2xregular")
