"""Constants: exact after any cast, on every device, never in a checkpoint."""

from __future__ import annotations

import copy

import torch

from steer.nn._constants import Constants
from tests.cases import randn


def test_casts_come_from_the_source() -> None:
    source = randn(3, 4)
    constants = Constants(matrix=source, index=[2, 0, 1])
    assert constants["matrix"].dtype == torch.float32
    assert torch.equal(constants.half().double()["matrix"], source)
    assert constants["index"].tolist() == [2, 0, 1]
    assert constants["index"].dtype == torch.long
    assert not constants.state_dict()
    assert torch.equal(copy.deepcopy(constants)["matrix"], source)
    assert "matrix: [3, 4]" in repr(constants)


def test_like_never_loses_digits() -> None:
    source = randn(3, 4)
    constants = Constants(matrix=source)
    assert torch.equal(constants.like("matrix", torch.zeros(1).double()), source)
    assert constants.like("matrix", torch.zeros(1)) is constants["matrix"]
    assert constants.like("matrix", torch.zeros(1).half()).dtype == torch.float16


def test_indices_alone_follow_the_device() -> None:
    with torch.device("meta"):
        constants = Constants(index=[1, 0])
    assert constants["index"].is_meta
    assert constants.to_empty(device="cpu")["index"].tolist() == [1, 0]
    source = randn(2)
    twin = Constants(matrix=source).to("meta").to_empty(device="cpu")
    assert torch.equal(twin["matrix"], source.float())


def test_a_part_that_two_modules_hold_is_made_again() -> None:
    with torch.device("meta"):
        part = Constants(index=[1, 0])
    torch.nn.ModuleList([torch.nn.Sequential(part), torch.nn.Sequential(part)]).to_empty(device="cpu")
    assert part["index"].tolist() == [1, 0]


def test_memory_formats_are_for_what_has_channels_and_space() -> None:
    constants = Constants(matrix=randn(2, 3, 4, 5), volume=randn(2, 3, 4, 5, 6))
    strides = [buffer.stride() for buffer in constants.buffers()]
    for form in (torch.channels_last, torch.channels_last_3d):
        assert [buffer.stride() for buffer in constants.to(memory_format=form).buffers()] == strides
