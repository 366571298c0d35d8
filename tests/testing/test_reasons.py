"""Deliberately broken networks: the report names the right layer and why."""

from __future__ import annotations

import pytest
import torch

from steer import check_equivariance, nn
from tests.testing.broken import BROKEN, GREY, REGULAR, conv, network


@pytest.mark.parametrize("name", BROKEN)
def test_names_the_layer_and_the_reason(name: str) -> None:
    model, (out, size, fault, why) = network(name)
    report = check_equivariance(model, GREY, out, size=size)
    assert report.first_at_fault(1e-10) == fault
    with pytest.raises(AssertionError, match=why) as raised:
        report.assert_exact(1e-10)
    assert str(raised.value).count("breaks equivariance") == 1
    table, below = str(report).split("\n\n")
    assert table == report.table
    assert below.startswith(f"{fault} breaks equivariance: error ")
    assert below.endswith(dict(report.reasons)[fault])


def test_random_in_train_mode() -> None:
    model = nn.Sequential(conv(GREY, REGULAR, 3), nn.PointwiseDropout(REGULAR))
    check_equivariance(model).assert_exact()
    with pytest.raises(AssertionError, match="1 breaks equivariance.*random in this mode"):
        check_equivariance(model, train=True).assert_exact()


def test_a_good_network_has_no_reasons() -> None:
    model = torch.nn.Sequential(conv(GREY, REGULAR, 3), torch.nn.Tanh(), nn.R2Conv(REGULAR, GREY, 3))
    report = check_equivariance(model, GREY, GREY)
    report.assert_exact()
    assert report.reasons == ()
    assert str(report) == report.table
    assert report.layers == ("0", "1", "2", "(whole network)")
