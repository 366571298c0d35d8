"""Names of matrices: equal up to rounding, different otherwise."""

import torch

from steer import group
from steer.store import digest
from tests.cases import randn


def test_rounding_does_not_matter():
    for values in (group.full_icosahedral().elements, group.cyclic(64).elements, torch.arange(64).double() / 64):
        noise = 1e-14 * randn(*values.shape)
        assert digest(values) == digest(values + noise) == digest(values.clone())


def test_real_differences_matter():
    values = randn(4, 4)
    other = values.clone()
    other[2, 1] += 3e-5
    assert len({digest(values), digest(other), digest(values.reshape(2, 8)), digest(values, values)}) == 4
    assert len(digest(values)) == 64
