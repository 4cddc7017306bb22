"""Makes the engine a name stands for; heavy packages are imported only here and only then."""

import platform
from importlib.util import find_spec

from medeval.engines.contract import Engine
from medeval.errors import MissingPackageError, UsageError
from medeval.settings import EngineName, Settings


def make_engine(name: EngineName, settings: Settings | None = None) -> Engine:
    """Makes an engine, not yet opened.

    Args:
        name: `auto` takes a server where the base is an address, mlx on Apple Silicon where it is installed, and torch
            elsewhere.
        settings: where a server is and which of its models is which variant; no other engine needs them.

    Raises:
        MissingPackageError: the packages are not installed; the text holds the line that installs them.
        UsageError: the name needs more than a name (recorded answers, a server address).
    """
    if settings is not None and settings.served:
        return _server(settings)
    chosen = _choose() if name == "auto" else name
    if chosen == "torch":
        if find_spec("torch") is None or find_spec("transformers") is None:
            raise MissingPackageError("缺少 torch / torch is missing; run: pip install torch==2.13.0 transformers")
        from medeval.engines.torch import TorchEngine

        return TorchEngine()
    if chosen == "mlx":
        if find_spec("mlx_vlm") is None or find_spec("mlx_lm") is None:
            raise MissingPackageError("缺少 mlx-vlm / mlx-vlm is missing; run: pip install mlx-vlm mlx-lm")
        from medeval.engines.mlx import MLXEngine

        return MLXEngine()
    if chosen == "recorded":
        raise UsageError("recorded 引擎需要一个回答文件 / the recorded engine needs a file of answers")
    raise UsageError("server 引擎需要服务器地址 / the server engine needs an address: --base http://127.0.0.1:8000/v1")


def _server(settings: Settings) -> Engine:
    from medeval.engines.server import ServerEngine
    from medeval.engines.server.address import parse_models
    from medeval.engines.server.asking import Limits

    key = "" if settings.server_key is None else settings.server_key.get_secret_value()
    limits = Limits(
        parallel=settings.server_parallel, first=settings.server_first_seconds, between=settings.server_between_seconds
    )
    return ServerEngine(parse_models(settings.server_models), key, limits)


def _choose() -> EngineName:
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return "mlx" if apple and find_spec("mlx_vlm") is not None else "torch"
