"""The world that training tests run in."""

from collections.abc import Iterator

import pytest

from training.worker_world import World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A base, an adapter and data, built once per file; one thread, which is the fastest for models this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_world(tmp_path_factory.mktemp("world"))
    torch.set_num_threads(threads)
