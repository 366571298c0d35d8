"""Representations given by matrices: the images of generators fix them, errors."""

import pytest
import torch

from steer.group import (
    cyclic,
    dihedral,
    planar_rotation,
)
from steer.representation import (
    from_generator_images,
)
from tests.cases import FINITE, assert_close, assert_homomorphism, each, representations


@each(FINITE)
def test_images_of_the_generators_fix_a_representation(case):
    group = case.group
    for representation in representations(case).values():
        tabulated = from_generator_images(group, list(representation(group.generators)), "mine")
        assert_close(tabulated(group.elements), representation(group.elements))
        assert str(tabulated) == "mine"
    images = list(group.standard(group.generators))
    assert from_generator_images(group, images) == from_generator_images(group, images, "another name")


def test_lists_of_numbers_are_read_in_double_precision():
    turn = planar_rotation(2 * torch.pi / 7)
    assert_close(from_generator_images(cyclic(7), [turn.tolist()]).values[1], turn, 1e-15)


def test_images_that_are_slightly_off_keep_the_law_and_share_nothing_with_the_exact_ones():
    group = cyclic(7)
    exact = from_generator_images(group, [planar_rotation(2 * torch.pi / 7)])
    off = from_generator_images(group, [planar_rotation(2 * torch.pi / 7 + 1e-11)])
    assert_homomorphism(off, group.elements, 1e-14)
    flip = torch.tensor([[1.0, 0.0], [0.0, -1.0]]).double()
    tilt = planar_rotation(1e-10)
    wide = from_generator_images(dihedral(4), [planar_rotation(torch.pi / 2), tilt @ flip @ tilt.mT])
    assert wide != from_generator_images(dihedral(4), [planar_rotation(torch.pi / 2), flip])
    assert exact == from_generator_images(group, [planar_rotation(2 * torch.pi / 7)])


def test_images_that_make_no_representation():
    group = cyclic(4)
    with pytest.raises(ValueError, match=r"1 square matrices of one size are required .* received shapes \[\]"):
        from_generator_images(group, [])
    with pytest.raises(ValueError, match=r"received shapes \[\(2, 3\)\]"):
        from_generator_images(group, [torch.zeros(2, 3)])
    with pytest.raises(ValueError, match="orthogonal matrices are required; one of the images is not orthogonal"):
        from_generator_images(group, [[[2.0]]])
    with pytest.raises(ValueError, match=r"must satisfy the relations of cyclic\(4\); they violate one by"):
        from_generator_images(group, [planar_rotation(2 * torch.pi / 3)])
    with pytest.raises(ValueError, match="2 square matrices of one size"):
        from_generator_images(dihedral(3), [torch.eye(2), torch.eye(3)])


def test_the_zero_images_of_relations_are_checked_for_all_generators():
    group = dihedral(4)
    flip = torch.tensor([[1.0, 0.0], [0.0, -1.0]]).double()
    with pytest.raises(ValueError, match="must satisfy the relations"):
        from_generator_images(group, [planar_rotation(torch.pi / 2), planar_rotation(torch.pi)])
    assert from_generator_images(group, [planar_rotation(torch.pi / 2), flip]).irreps == (group.irrep(1),)
