"""Weights, buffers, precision, caches and copies of layers with steerable kernels."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from steer import group, gspaces, nn


def build(space=None, k: int = 5) -> nn.R2Conv:
    space = space or gspaces.rot2dOnR2(8)
    kind = space.type("2xregular + 1")
    return nn.R2Conv(kind, kind, k)


def test_state_dict_holds_parameters_alone_in_train_and_eval() -> None:
    conv = build()
    assert list(conv.state_dict()) == ["weight", "bias"]
    assert list(conv.eval().state_dict()) == ["weight", "bias"]
    with torch.no_grad():
        conv(torch.randn(1, conv.in_type.size, 9, 9))
    assert list(conv.state_dict()) == ["weight", "bias"]


def test_double_is_true_double() -> None:
    single, double = build(), build().double()
    for name, source in single.constants.sources.items():
        assert torch.equal(double.constants[name], source)
        assert torch.equal(single.constants[name], source.to(single.constants[name].dtype))
    back = build().double().float()
    assert all(torch.equal(back.constants[n], single.constants[n]) for n in single.constants.sources)
    assert build().half().constants["0"].dtype == torch.float16


def test_two_convolutions_share_no_storage() -> None:
    a, b = build(), build()
    tensors = [{t.untyped_storage().data_ptr() for t in [*m.parameters(), *m.buffers()] if t.numel()} for m in (a, b)]
    assert not tensors[0] & tensors[1]
    before = [t.clone() for t in b.buffers()]
    a.double()
    with torch.no_grad():
        for buffer in a.buffers():
            buffer.zero_()
    assert all(torch.equal(x, y) for x, y in zip(before, b.buffers(), strict=True))
    assert all(torch.equal(x, y) for x, y in zip(before, build().buffers(), strict=True))


def test_eval_kernel_is_cached_and_never_stale() -> None:
    conv = build().eval()
    x = torch.randn(1, conv.in_type.size, 9, 9)

    def fresh() -> torch.Tensor:
        return torch.nn.functional.conv2d(x, conv.expand_kernel().unflatten(-1, conv.kernel_size), conv.expand_bias())

    with torch.no_grad():
        first = conv.shared_dense()[0]
        assert conv.shared_dense()[0].data_ptr() == first.data_ptr()
        conv.weight.mul_(2)
        assert torch.equal(conv(x), fresh())
        conv.weight.data.mul_(2)
        conv.bias.add_(1)
        assert torch.equal(conv(x), fresh())
        conv.load_state_dict({name: value + 1 for name, value in conv.state_dict().items()})
        assert torch.equal(conv(x), fresh())
        conv.double()
        x = x.double()
        assert conv.dense()[0].dtype == torch.float64
        assert torch.equal(conv(x), fresh())


def test_gradients_flow_through_the_expansion_in_train_and_eval() -> None:
    conv = build().double()
    for mode in (True, False):
        conv.train(mode).zero_grad()
        conv(torch.randn(2, conv.in_type.size, 9, 9).double()).square().sum().backward()
        assert all(p.grad is not None and bool((p.grad != 0).all()) for p in conv.parameters())


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_give_the_same_numbers_and_share_nothing(copier) -> None:
    conv = build().eval()
    x = torch.randn(1, conv.in_type.size, 9, 9)
    with torch.no_grad():
        expected = conv(x)  # fills the cache
        twin = copier(conv)
        assert torch.equal(twin(x), expected)
        twin.weight.zero_()
        twin.bias.zero_()
        assert torch.equal(conv(x), expected)
        assert float(twin(x).abs().max()) == 0.0


def test_built_on_meta_and_materialised() -> None:
    with torch.device("meta"):
        conv = build()
    assert conv.weight.is_meta
    twin = build()
    conv.to_empty(device="cpu").load_state_dict(twin.state_dict())
    x = torch.randn(1, conv.in_type.size, 9, 9)
    assert torch.equal(conv(x), twin(x))


def test_checkpoint_loads_strictly_without_pickle(tmp_path) -> None:
    conv = build()
    torch.save(conv.state_dict(), tmp_path / "weights.pt")
    twin = build()
    twin.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True), strict=True)
    x = torch.randn(1, conv.in_type.size, 9, 9)
    assert torch.equal(conv(x), twin(x))


def test_reset_parameters_scales_with_its_gain() -> None:
    conv = build()
    torch.manual_seed(0)
    conv.reset_parameters()
    one = conv.weight.detach().clone()
    torch.manual_seed(0)
    conv.reset_parameters(gain=2.0)
    torch.testing.assert_close(conv.weight.detach(), 2 * one)
    assert float(conv.bias.detach().abs().max()) == 0.0


def test_a_checkpoint_of_another_basis_is_refused(tmp_path) -> None:
    vertical = gspaces.flipRot2dOnR2(4)
    other = gspaces.on(group.dihedral(4, axis=0.3))

    def layer(space, fields="2xregular", **arguments):
        kind = space.type(fields)
        return nn.R2Conv(kind, kind, 5, **arguments)

    torch.save(layer(vertical).state_dict(), tmp_path / "net.pt")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    layer(vertical).load_state_dict(state, strict=True)
    for wrong in (layer(other), layer(vertical, rings=[0.0, 1.0, 1.9])):
        with pytest.raises(RuntimeError, match="the checkpoint was written over 1-.*Build the layer as it was"):
            wrong.load_state_dict(state, strict=True)
    mixed = layer(vertical, "0e + 1 + 0e")
    with pytest.raises(RuntimeError, match="order of the fields"):
        layer(vertical, "2x0e + 1").load_state_dict(mixed.state_dict())
    nested = torch.nn.Sequential(layer(vertical), torch.nn.ReLU())
    with pytest.raises(RuntimeError, match="0: weights over the basis"):
        torch.nn.Sequential(layer(other), torch.nn.ReLU()).load_state_dict(nested.state_dict())
    # A dictionary without metadata cannot be checked, and loads.
    layer(other).load_state_dict(dict(state))


def test_equal_groups_have_equal_fingerprints() -> None:
    named = group.dihedral(4)
    generated = group.from_generators(named.elements[:6])
    assert len(generated.generators) > len(named.generators)
    one, other = (gspaces.on(g).type("2xregular") for g in (named, generated))
    assert nn.R2Conv(one, one, 5).fingerprint == nn.R2Conv(other, other, 5).fingerprint


def test_fingerprints_do_not_change() -> None:
    """They are in checkpoints: a change needs a new gauge version and a converter."""
    kind = gspaces.flipRot2dOnR2(4).type("2xregular + 0e + 1")
    assert nn.R2Conv(kind, kind, 5).fingerprint == "1-118f82fc013bffce"
    ball = gspaces.rot3dOnR3().type("2x0 + 1 + 2")
    assert nn.R3Conv(ball, ball, 3).fingerprint == "1-b362c4521e03a693"
    assert nn.R3Conv(ball, ball, 3).fingerprint != nn.R3Conv(ball, ball, 3, band_limit=1).fingerprint


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_rounds_kernels_once(dtype) -> None:
    kind = gspaces.flipRot2dOnR2(4).type("regular + standard")
    conv = nn.R2Conv(kind, kind, 5)
    x = torch.randn(1, kind.size, 7, 7)
    with torch.autocast("cpu", dtype=dtype):
        assert conv.dense()[0].dtype == torch.float32
        y = conv(x)
        norm = nn.NormBatchNorm(kind)
        assert norm(y).dtype == norm.eval()(y).dtype == dtype
    assert y.dtype == dtype
    assert float((y.float() - conv(x)).abs().max()) < 0.05


def count_expansions(conv: nn.R2Conv, monkeypatch) -> list[int]:
    """A list that grows by one whenever a layer's plan expands its weights."""
    calls: list[int] = []
    write, expand = type(conv.plan).write, type(conv.plan).expand
    monkeypatch.setattr(type(conv.plan), "write", lambda *args: calls.append(1) or write(*args))
    monkeypatch.setattr(type(conv.plan), "expand", lambda *args: calls.append(1) or expand(*args))
    return calls


def test_parts_of_a_batch_share_one_expansion(monkeypatch) -> None:
    conv, x = build().double(), torch.randn(4, 18, 9, 9).double()
    calls = count_expansions(conv, monkeypatch)
    conv(x).square().sum().backward()
    whole = [p.grad.clone() for p in conv.parameters()]
    conv.zero_grad()
    for part in x.split(1):
        conv(part).square().sum().backward()
    torch.utils.checkpoint.checkpoint(conv, x, use_reentrant=False).mul(0).sum().backward()
    assert len(calls) == 1
    for parameter, expected in zip(conv.parameters(), whole, strict=True):
        torch.testing.assert_close(parameter.grad, expected)
    torch.optim.SGD(conv.parameters(), 0.1).step()
    conv(x)
    assert len(calls) == 2


def test_training_is_never_stale(monkeypatch) -> None:
    """After edits that autograd counts, edits that it does not, and edits of the kernel that was handed out."""
    conv, x = build(), torch.randn(1, 18, 9, 9)
    first = conv(x).detach()
    conv.weight.data.mul_(2)  # no version is counted
    conv.bias.data.mul_(2)
    torch.testing.assert_close(conv(x), 2 * first)
    conv.weight.detach().div_(2)
    torch.testing.assert_close(conv(x), first)
    conv.dense()[0].detach().numpy()[:] = 0
    torch.testing.assert_close(conv(x), first)
    conv.weight = torch.nn.Parameter(conv.weight.detach() * 3)
    torch.testing.assert_close(conv(x), 3 * first)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), 3 * first)


def test_weights_that_change_while_a_kernel_is_made_are_seen(monkeypatch) -> None:
    """By another process, of memory that both share."""
    conv, x = build().eval(), torch.randn(1, 18, 9, 9)
    expand = conv._expand

    def interrupted(*given: torch.Tensor) -> object:
        monkeypatch.undo()
        made = expand(*given)
        conv.weight.data.mul_(2)
        return made

    monkeypatch.setattr(conv, "_expand", interrupted)
    with torch.no_grad():
        conv.bias.fill_(0)
        first = conv(x)
        torch.testing.assert_close(conv(x), 2 * first)


def test_a_frozen_layer_keeps_its_kernel_while_it_trains_what_is_before(monkeypatch) -> None:
    conv, x = build().requires_grad_(False), torch.randn(1, 18, 9, 9, requires_grad=True)
    calls = count_expansions(conv, monkeypatch)
    for _ in range(3):
        conv(x).square().sum().backward()
    assert len(calls) == 1
    assert x.grad is not None
