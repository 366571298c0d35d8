"""Bases are file format: the same bits in every process, whatever its threads, defaults and history."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import steer
from steer import gspaces, nn
from tests.cases import assert_far

ROOT = Path(steer.__file__).parent.parent

SCRIPT = """
import hashlib, json, sys, warnings
import torch
threads, order, dtype, device = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.set_default_dtype(getattr(torch, dtype))
torch.set_default_device(device)
from steer import coupling, expansion, group
from tests.cases import build

def layer(text, into, out, kind, k):
    g = build(text)
    fields_in, fields_out = ([g.representation(label) for label in labels.split()] for labels in (into, out))
    found = expansion.sampling(expansion.lattice(kind, g.d), (k,) * g.d)
    return expansion.plan(tuple(fields_in), tuple(fields_out), found).constants

def digest(tensors):
    h = hashlib.sha256()
    for t in tensors:
        h.update(str((t.dtype, tuple(t.shape), t.device)).encode())
        h.update(t.contiguous().numpy().tobytes())
    return h.hexdigest()

jobs = {
    "C8": lambda: layer("cyclic(8)", "regular 0 1 3", "regular 2 4", "square", 5),
    "O(2)": lambda: layer("o2()", "0e 0o 1 2 3", "0e 1 2 standard", "square", 7),
    "SO(3)": lambda: layer("so3()", "0 1 2 3", "0 1 2 standard", "cubic", 5),
    "octahedral": lambda: layer("octahedral()", "regular 0 1 2 3 4 standard", "regular 0 1 2 3 4", "cubic", 3),
    "conjugated": lambda: layer("conjugated(octahedral(), 6)", "regular 1 standard", "regular 3 2", "cubic", 3),
    "icosahedral": lambda: layer("conjugated(icosahedral(), 8)", "1 2 standard", "3 4 regular", "cubic", 3),
    "D6": lambda: layer("conjugated(dihedral(6), 2)", "regular 1 standard", "regular 2", "hexagonal", 5),
    "elements": lambda: [build(t).elements for t in ("conjugated(full_octahedral(), 7)", "icosahedral()", "dihedral(7)")],
    "regular": lambda: [coupling.decompose(build(t).regular)[1] for t in ("binary_tetrahedral()", "icosahedral()")],
    "product": lambda: [coupling.intertwiners(i @ i, i @ i) for i in build("so2() * so2()").irreps(2)[1:4]],
    "clebsch-gordan": lambda: [coupling.so3_clebsch_gordan(6, 5, 7)],
}
names = sorted(jobs, reverse=order == "backward")
print(json.dumps({name: digest(jobs[name]()) for name in names}, sort_keys=True))
"""

PROCESSES = [
    ("1", "forward", "float32", "cpu"),
    ("2", "forward", "float32", "cpu"),
    ("2", "backward", "float64", "meta"),
]


@pytest.fixture(scope="module")
def digests():
    """What each process prints; they run beside one another."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        for arguments in PROCESSES
    ]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return [json.loads(output) for output in outputs]


@pytest.mark.parametrize("other", range(1, len(PROCESSES)), ids=["threads", "order, dtype and device"])
def test_bases_are_bit_identical_in_every_process(digests, other):
    assert len(digests[0]) == 11
    assert digests[other] == digests[0]


def test_different_bases_have_different_digests(digests):
    """The negative control: the digest sees the numbers."""
    assert len(set(digests[0].values())) == len(digests[0])


def convolution():
    kind = gspaces.rot2dOnR2(8).type("2xregular + 1")
    return nn.R2Conv(kind, kind, 5)


def storages(module):
    tensors = [*module.parameters(), *module.buffers()]
    return {t.untyped_storage().data_ptr() for t in tensors if t.numel()}


def test_two_convolutions_share_no_storage():
    a, b = convolution(), convolution()
    assert len(storages(a)) > 2
    assert storages(a).isdisjoint(storages(b))
    assert a.plan is b.plan  # the same immutable recipe, and no numbers of it:
    shared = {t.untyped_storage().data_ptr() for t in a.plan.constants if t.numel()}
    assert shared.isdisjoint(storages(a))


def test_the_precision_of_one_does_not_reach_the_other():
    a, b = convolution(), convolution()
    before = {name: tensor.clone() for name, tensor in [*b.named_parameters(), *b.named_buffers()]}
    a.double()
    with torch.no_grad():
        a.weight.add_(1.0)
        for buffer in a.buffers():
            buffer.zero_()
    for name, tensor in [*b.named_parameters(), *b.named_buffers()]:
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])
    assert {t.dtype for t in a.parameters()} == {torch.float64}
    assert {t.dtype for t in b.parameters()} == {torch.float32}


def test_the_plan_survives_what_is_done_to_a_module():
    a = convolution()
    constants = [t.clone() for t in a.plan.constants]
    for buffer in a.buffers():
        buffer.zero_()
    assert all(torch.equal(x, y) for x, y in zip(a.plan.constants, constants, strict=True))
    fresh = convolution()
    assert_far(fresh.expand_kernel().detach(), torch.zeros(()))


def test_gradients_of_one_do_not_reach_the_other():
    a, b = convolution(), convolution()
    a(torch.randn(1, a.in_type.size, 7, 7)).sum().backward()
    assert a.weight.grad is not None
    assert b.weight.grad is None


def test_the_random_state_is_left_alone_by_everything_but_weights():
    state = torch.get_rng_state()
    kind = gspaces.octaOnR3().type("regular + 1")
    assert kind.gspace.testing_elements
    assert steer.coupling.decompose(kind.representation)
    assert torch.equal(torch.get_rng_state(), state)
