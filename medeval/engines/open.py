"""Makes the engine a name stands for; heavy packages are imported only here and only then."""

import platform
from importlib.util import find_spec

from medeval.engines.contract import Engine
from medeval.errors import MissingPackageError, UsageError
from medeval.settings import EngineName


def make_engine(name: EngineName) -> Engine:
    """Makes an engine, not yet opened.

    Args:
        name: `auto` takes mlx on Apple Silicon where it is installed and torch elsewhere.

    Raises:
        MissingPackageError: the packages are not installed; the text holds the line that installs them.
        UsageError: the name needs more than a name (recorded answers, a server address).
    """
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
    raise UsageError("此版本还没有 server 引擎，请用 --engine torch / no server engine yet; use --engine torch")


def _choose() -> EngineName:
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return "mlx" if apple and find_spec("mlx_vlm") is not None else "torch"
