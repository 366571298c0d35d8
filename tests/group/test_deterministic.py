"""The decorator that fixes the bits of a computation."""

import os
import threading
import time

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


def in_threads(*functions):
    """Run functions at the same time and return what they return."""
    results = [None] * len(functions)

    def work(i):
        results[i] = functions[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_computations_of_two_threads_come_one_after_the_other():
    """Otherwise the one that ends first would give the other its threads back in the middle of a sum."""
    running, most = 0, 0

    @deterministic
    def work():
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1

    in_threads(*[work] * 4)
    assert most == 1


def test_it_may_call_itself():
    assert deterministic(lambda: state())()[0] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes by fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_does_not_block_the_child():
    inside, done = threading.Event(), threading.Event()

    @deterministic
    def hold():
        inside.set()
        done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if deterministic(lambda: 1)() == 1 else 1)
    for _ in range(200):
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            break
        time.sleep(0.02)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    done.set()
    holder.join()
    assert (finished, status) == (child, 0)


def test_what_it_makes_in_inference_mode_is_an_ordinary_tensor():
    make = deterministic(lambda: torch.ones(2))
    with torch.inference_mode():
        made = make()
        assert torch.is_inference_mode_enabled()
    assert not made.is_inference()
    weight = torch.ones(2, requires_grad=True)
    (weight * made).sum().backward()
    assert torch.equal(weight.grad, made)
