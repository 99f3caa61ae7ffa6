"""What the engine's tests share."""

from collections.abc import Iterator

import pytest

from support.engine_bench import Bench


@pytest.fixture(
    params=[pytest.param(False, id="python"), pytest.param(True, id="c", marks=pytest.mark.needs("compiler"))]
)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(accelerated=request.param)
    yield bench
    bench.close()
