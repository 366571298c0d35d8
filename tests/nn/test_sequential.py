"""Sequential: types are checked however it is put together, typed in gives typed out, stock modules only at the end."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from steer import gspaces, nn
from tests.cases import assert_close

SPACE = gspaces.rot2dOnR2(4)
IMAGE, HIDDEN, OTHER = SPACE.type("3x0"), SPACE.type("2xregular"), SPACE.type("regular + 4x0")


def conv() -> nn.R2Conv:
    return nn.R2Conv(IMAGE, HIDDEN, 3, padding=1)


def build(*tail: torch.nn.Module) -> nn.Sequential:
    return nn.Sequential(conv(), nn.InnerBatchNorm(HIDDEN), nn.ReLU(HIDDEN), nn.GroupPooling(HIDDEN), *tail)


def test_typed_in_typed_out_plain_in_plain_out() -> None:
    net = build().eval()
    x = torch.randn(2, 3, 9, 9)
    y = net(nn.GeometricTensor(x, IMAGE))
    assert (net.in_type, net.out_type, y.type) == (IMAGE, SPACE.type("2x0"), SPACE.type("2x0"))
    assert torch.equal(net(x), y.tensor)
    assert isinstance(net, torch.nn.Sequential)
    assert isinstance(net, nn.EquivariantModule)
    assert nn.SequentialModule is nn.Sequential
    with pytest.raises(ValueError, match="R2Conv: fields of type"):
        net(nn.GeometricTensor(torch.randn(2, 8, 9, 9), HIDDEN))


def test_stock_modules_at_the_end() -> None:
    net = build(torch.nn.Flatten(), torch.nn.Linear(2 * 9 * 9, 5)).eval()
    x = torch.randn(2, 3, 9, 9)
    assert net.out_type is None
    assert torch.equal(net(nn.GeometricTensor(x, IMAGE)), net(x))
    assert net(x).shape == (2, 5)
    nested = nn.Sequential(build(), torch.nn.Flatten())
    assert nested.in_type == IMAGE
    with pytest.raises(ValueError, match=r"stock torch modules may only follow .* Flatten \(4\) comes before ReLU \(5\)"):
        build(torch.nn.Flatten(), nn.ReLU(SPACE.type("2x0")))
    with pytest.raises(ValueError, match=r"Sequential \(0\) comes before Identity \(1\)"):
        nn.Sequential(nested, nn.Identity(IMAGE))
    with pytest.raises(ValueError, match="use the layer of this name in steer.nn"):
        nn.Sequential(torch.nn.ReLU(), conv())


MISFIT = r"Sequential: ReLU \(.*\) takes .*regular \+ 4x0.*, but R2Conv \(.*\) before it gives 2xregular"


def test_every_way_to_build_checks() -> None:
    wrong = nn.ReLU(OTHER)
    with pytest.raises(ValueError, match=MISFIT):
        nn.Sequential(conv(), wrong)
    with pytest.raises(ValueError, match=r"ReLU \(act\) takes .*R2Conv \(lift\) before"):
        nn.Sequential(OrderedDict(lift=conv(), act=wrong))
    with pytest.raises(ValueError, match=MISFIT):
        nn.Sequential(conv()) + nn.Sequential(wrong)
    for change in (
        lambda net: net.append(wrong),
        lambda net: net.extend([wrong]),
        lambda net: net.insert(1, wrong),
        lambda net: net.add_module("act", wrong),
        lambda net: net.__setitem__(1, wrong),
        lambda net: net.__iadd__(nn.Sequential(wrong)),
    ):
        net = nn.Sequential(conv(), nn.Identity(HIDDEN), nn.Identity(HIDDEN))
        with pytest.raises(ValueError, match=r"Sequential: .* takes .* before it gives"):
            change(net)
        assert len(net) == 3
        assert net(torch.randn(1, 3, 5, 5)).shape == (1, 8, 5, 5)
    net = build()
    with pytest.raises(ValueError, match="takes"):
        del net[3], net[0], net[0], net[0]
        net.append(nn.ReLU(HIDDEN)).insert(0, conv())
        net.append(wrong)


def test_growing_and_slicing() -> None:
    net = nn.Sequential()
    assert net.in_type is None
    net.append(conv()).extend([nn.ReLU(HIDDEN)]).insert(1, nn.InnerBatchNorm(HIDDEN))
    net += nn.Sequential(nn.GroupPooling(HIDDEN))
    net[2] = nn.ELU(HIDDEN)
    assert [type(layer).__name__ for layer in net] == ["R2Conv", "InnerBatchNorm", "ELU", "GroupPooling"]
    head = net[:2]
    assert type(head) is nn.Sequential
    assert head.out_type == HIDDEN
    longer = head + nn.Sequential(nn.ReLU(HIDDEN))
    assert type(longer) is nn.Sequential
    assert len(longer) == 3
    with pytest.raises(ValueError, match=r"InnerBatchNorm \(1\) takes"):
        del net[0:1]
        net.insert(0, nn.Identity(OTHER))


def test_export_keeps_names_order_and_repetitions() -> None:
    relu = nn.ReLU(HIDDEN)
    net = nn.Sequential(
        OrderedDict(lift=conv(), a=relu, again=nn.R2Conv(HIDDEN, HIDDEN, 3), b=relu, tail=torch.nn.Flatten())
    )
    net.eval()
    stock = net.export()
    assert list(stock._modules) == ["lift", "a", "again", "b", "tail"]
    assert all(type(module).__module__.startswith("torch.nn") for module in stock.modules())
    x = torch.randn(2, 3, 9, 9)
    assert_close(stock(x).detach(), net(x).detach(), 1e-6)
    assert not stock.training
    assert not {p.data_ptr() for p in stock.parameters()} & {p.data_ptr() for p in net.parameters()}


def test_compiled_layers_count_as_typed() -> None:
    layer = torch.compile(nn.ReLU(HIDDEN), backend="eager")
    net = nn.Sequential(conv(), layer)
    assert net.out_type == HIDDEN
    with pytest.raises(ValueError, match="takes"):
        nn.Sequential(nn.ReLU(OTHER), layer)


def test_hooks_see_every_layer() -> None:
    seen = []
    net = build()
    for layer in net:
        layer.register_forward_hook(lambda module, inputs, output: seen.append(type(module).__name__))
    net(nn.GeometricTensor(torch.randn(2, 3, 9, 9), IMAGE))
    assert seen == ["R2Conv", "InnerBatchNorm", "ReLU", "GroupPooling"]
