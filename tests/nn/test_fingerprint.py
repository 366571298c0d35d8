"""Fingerprints: in the checkpoints of every layer whose weights are coefficients over a basis, and the same for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from steer import bases, group, gspaces, nn, store
from steer.expansion import _dense
from steer.nn import _fingerprint
from steer.nn._fingerprint import Fingerprinted
from steer.store import same_probe
from tests.nn.layers import LAYERS, build

PLANE = gspaces.flipRot2dOnR2(4)


def products(fields: str = "2x0e + 1", mode: str = "full", space=PLANE) -> nn.TensorProductNonLinearity:
    kind = space.type(fields)
    return nn.TensorProductNonLinearity(kind, space.type("0e + 1"), mode)


def attention(rings: list[float]) -> nn.SteerableAttention:
    kind = PLANE.type("regular")
    return nn.SteerableAttention(kind, kind, rings=rings)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_with_one_vector_of_weights_has_one(name: str) -> None:
    """Bases are solved, so weights over them mean nothing without one: per-field scales and biases do."""
    layer = build(name)
    recorded = {prefix for prefix, entry in layer.state_dict()._metadata.items() if "basis" in entry}
    bearing = (nn.SteerableModule, nn.TensorProductNonLinearity)
    expected = {name for name, part in layer.named_modules() if isinstance(part, bearing)}
    assert recorded >= expected
    assert recorded == {n for n, p in layer.named_modules() if isinstance(p, Fingerprinted) and p.fingerprint is not None}


def test_products_over_others_are_refused() -> None:
    state = products().state_dict()
    products().load_state_dict(state)
    other = gspaces.on(group.dihedral(4, axis=0.3))
    for wrong in (products("0e + 1 + 0e"), products(space=other)):
        assert wrong.weight.shape == products().weight.shape
        with pytest.raises(
            RuntimeError, match="TensorProductNonLinearity: weights over the basis .* are required; the checkpoint was"
        ):
            wrong.load_state_dict(state)
    full, short = products("0e + 1"), products("0e + 1", "elementwise")
    assert full.weight.shape == short.weight.shape
    assert full.fingerprint != short.fingerprint


def test_attention_over_other_rings_is_refused() -> None:
    state = attention([0, 1, 2]).state_dict()
    attention([0, 1, 2]).load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"distance: weights over the basis .*GaussianRings.*the checkpoint was written"):
        attention([0, 1, 3]).load_state_dict(state)


def test_equal_groups_have_equal_fingerprints() -> None:
    generated = gspaces.on(group.from_generators(group.dihedral(4).elements[:6]))
    named = gspaces.on(group.dihedral(4))
    one, other = (nn.TensorProductNonLinearity(t, t) for t in (named.type("regular"), generated.type("regular")))
    assert one.fingerprint == other.fingerprint


def test_fingerprints_do_not_change() -> None:
    """They are in checkpoints: a change needs a new gauge version and a converter. Those of kernels: test_steerable."""
    assert products().fingerprint == "1-a50557f511c67d13"
    distance = attention([0, 1, 2]).distance
    assert distance is not None
    assert distance.fingerprint == "1-69c8866ad0ab7cd1"


def test_probes_do_not_change() -> None:
    """They are in checkpoints too: a change is one of the basis, or of what a probe is."""
    kind = PLANE.type("2xregular + 1")
    conv, bilinear = nn.R2Conv(kind, kind, 3), products()
    assert same_probe(conv.probe, [-10.09626451, 6.511288198])
    assert same_probe(bilinear.probe, [1.847436072, 0.757131231])
    recorded = conv.state_dict()._metadata[""]
    assert recorded["probe"] == conv.probe


def build_pack(folder: Path, what: str, rest: str) -> Path:
    recipe = folder / "own.toml"
    recipe.write_text(f'name = "own"\n[[solve]]\nwhat = "{what}"\ngroups = ["dihedral(7)"]\n{rest}')
    return bases.build(bases.read_recipe(recipe), folder)


WRONG_PACKS = {
    "a sign in a sampled basis": ("layer", 'in = "1 + 2"\nout = "1 + 2"\nkernel_size = 3', "constant 0", slice(0, 1)),
    "the change of basis of a regular field": ("regular", "", "change", slice(None)),
    "couplings": ("clebsch_gordan", "", "values", slice(None)),
}


@pytest.mark.parametrize("case", WRONG_PACKS)
def test_other_numbers_from_a_pack_are_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's pack with right hashes and wrong numbers: its networks and the others do not exchange weights unnoticed."""
    what, rest, part, rows = WRONG_PACKS[case]

    def layer() -> nn.SteerableModule | nn.TensorProductNonLinearity:
        space = gspaces.on(group.dihedral(7))
        kind = space.type("regular" if what == "regular" else "1 + 2")
        return nn.R2Conv(kind, kind, 3) if what == "layer" else nn.TensorProductNonLinearity(kind, kind)

    monkeypatch.setenv("STEER_BASES", str(tmp_path))
    store.forget()
    try:
        right = layer()
        path = build_pack(tmp_path, what, rest)
        read = layer()
        read.load_state_dict(right.state_dict())  # a right pack makes no difference
        right.load_state_dict(read.state_dict())
        pack = store.Pack(path)
        entries = {name: pack.read(name) for name in pack.entries}
        for entry in entries.values():
            if part in entry.tensors:
                entry.tensors[part][rows] *= -1
        store.write(path, entries, {k: v for k, v in pack.manifest.items() if k not in ("entries", "sha256", "format")})
        store.forget()
        wrong = layer()
        assert wrong.fingerprint == right.fingerprint
        for one, other in ((right, wrong), (wrong, right)):
            with pytest.raises(
                RuntimeError, match=r"with the probe .* are required; the checkpoint .* `steer bases verify`"
            ):
                one.load_state_dict(other.state_dict())
            nn.save(other, tmp_path / "net.ckpt")
            with pytest.raises(ValueError, match="with the probe"):
                nn.load(one, tmp_path / "net.ckpt")
        wrong.load_state_dict(wrong.state_dict())
        (finding,) = bases.verify([tmp_path])
        assert finding.problems
    finally:
        monkeypatch.undo()
        store.forget()


def test_checkpoints_without_probes_are_read() -> None:
    """Those that were written before there were any."""
    kind = PLANE.type("regular")
    conv = nn.R2Conv(kind, kind, 3)
    state = conv.state_dict()
    del state._metadata[""]["probe"]
    conv.load_state_dict(state)


def test_another_gauge_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = PLANE.type("regular")
    conv = nn.R2Conv(kind, kind, 3)
    state, before = conv.state_dict(), conv.fingerprint
    monkeypatch.setattr(_fingerprint, "GAUGE", 2)
    _fingerprint._of_plan.cache_clear()
    try:
        assert conv.fingerprint.startswith("2-")
        with pytest.raises(RuntimeError, match=f"over the basis 2-.*was written over {before}"):
            conv.load_state_dict(state)
    finally:
        _fingerprint._of_plan.cache_clear()


def kept(conv: nn.R2Conv) -> bool:
    first, second = conv.shared_dense()[0], conv.shared_dense()[0]
    return first.data_ptr() == second.data_ptr()


def test_a_torch_that_does_not_tell_of_transforms_keeps_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = PLANE.type("regular")
    conv = nn.R2Conv(kind, kind, 3).eval()
    x = torch.randn(1, kind.size, 5, 5)
    with torch.no_grad():
        y = conv(x)
        assert kept(conv)
        monkeypatch.setattr(_dense, "_transforms", _dense._private("a_name_that_no_torch_has", True))
        assert not kept(conv)
        torch.testing.assert_close(conv(x), y)


def test_only_the_cpu_keeps_kernels() -> None:
    """Comparing weights makes the host wait for an accelerator, and forbids the capture of graphs there."""
    kind = PLANE.type("regular")
    conv = nn.R2Conv(kind, kind, 3).eval().to("meta")
    with torch.no_grad():
        conv.dense()
    assert conv._kept is None
