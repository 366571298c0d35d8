"""The decorator that fixes the bits of a computation."""

import pytest
import torch

from steer.group import deterministic


@deterministic
def state(fail=False):
    if fail:
        raise KeyError("inside")
    return torch.get_num_threads(), torch.is_grad_enabled(), torch.zeros(1).device.type


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_it_runs_on_one_thread_without_gradients_on_the_cpu(threads):
    with torch.device("meta"):
        assert state() == (1, False, "cpu")


def test_it_restores_what_it_changed(threads):
    state()
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()


def test_it_restores_after_an_error(threads):
    with pytest.raises(KeyError, match="inside"):
        state(fail=True)
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()


def test_it_keeps_name_and_documentation():
    assert state.__name__ == "state"
