"""Weights, buffers, precision, caches and copies of layers with steerable kernels."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from steer import gspaces, nn


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
        with torch.enable_grad():
            return conv(x).detach()

    with torch.no_grad():
        first = conv.dense()[0]
        assert conv.dense()[0].data_ptr() == first.data_ptr()
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
