"""Settings of every test: one thread (the tensors are small, and runs may be parallel), a fixed seed."""

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    """What a test draws does not depend on the tests before it, and its settings do not reach those after it."""
    torch.manual_seed(0)
    yield
    assert torch.get_default_dtype() == torch.float32, "a test left another default dtype behind"
    assert torch.is_grad_enabled(), "a test left gradients off"
