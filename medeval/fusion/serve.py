"""The exact commands that serve a variant elsewhere, adapter or fused model; where one cannot be served, why.

Options as of mlx-vlm 0.7 (`mlx_vlm/server/cli.py`), mlx-lm 0.32 (`server.py`), transformers 5.23 (`cli/serve.py`, model
as argument) and vLLM's LoRA page (`--enable-lora --lora-modules name=path --max-lora-rank`).
"""

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.adapters.card import describe_card
from medeval.adapters.variant import Adapter, Variant

_VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_CONVERTER = "convert_hf_to_gguf.py"


@dataclass(frozen=True)
class Command:
    """One way to serve: what with, the line to type (empty where it cannot), and a word for people."""

    tool: str
    what: str
    line: str
    zh: str = ""
    en: str = ""


def serve_commands(base: str, variant: Variant, fused: Path | None = None, port: int = 8080) -> list[Command]:
    """Commands for the variant's adapter on its base, and for the fused model where one is given.

    Args:
        base: folder or repo id of the base.
        variant: what to serve.
        fused: its fused model.
        port: where to listen, on this machine only.
    """
    sees = _sees(Path(base)) if Path(base).is_dir() else True
    out = [] if variant.is_base else _adapter_commands(base, variant, sees, port)
    target = str(fused) if fused is not None else base if variant.is_base else ""
    if target:
        what = "base" if fused is None else "fused"
        quantised = fused is not None and _quantised(fused)
        out.append(_mlx(target, None, sees, port, what))
        if quantised:
            zh, en = "MLX 量化的模型只能由 MLX 读取", "a model quantised by MLX is read by MLX only"
            out += [Command("vllm", what, "", zh, en), Command("transformers", what, "", zh, en)]
        else:
            local = ("--host", "127.0.0.1", "--port", str(port))
            out.append(Command("vllm", what, _line("vllm", "serve", target, *local)))
            out.append(Command("transformers", what, _line("transformers", "serve", target, *local)))
    return out


def _adapter_commands(base: str, variant: Variant, sees: bool, port: int) -> list[Command]:
    if len(variant.stack) > 1:
        names = " + ".join(a.name for a in variant.stack)
        zh = f"{variant.name} 是叠加的适配器（{names}），服务器一次只加载一个：请先融合"
        en = f"{variant.name} is a stack ({names}) and servers load one adapter: fuse it first"
        return [Command(tool, "adapter", "", zh, en) for tool in ("mlx", "vllm", "transformers")]
    adapter = variant.stack[0]
    card = describe_card(adapter)
    peft = card.dialect == "peft"
    other = f"medeval adapters convert {shlex.quote(str(adapter.path))} --to {'mlx' if peft else 'peft'} --out DIR"
    need = Command("", "adapter", "", f"先转换：{other}", f"convert it first: {other}")
    mlx = Command("mlx", "adapter", "", need.zh, need.en) if peft else _mlx(base, adapter, sees, port, "adapter")
    if not peft:
        vllm = Command("vllm", "adapter", "", need.zh, need.en)
    elif card.whole:
        zh, en = "vLLM 不支持 modules_to_save：请先融合", "vLLM takes no modules_to_save: fuse it first"
        vllm = Command("vllm", "adapter", "", zh, en)
    else:
        rank = next((r for r in _VLLM_RANKS if r >= card.rank), _VLLM_RANKS[-1])
        vllm = Command("vllm", "adapter", _line(
            "vllm", "serve", base, "--enable-lora", "--lora-modules", f"{variant.name}={adapter.path}",
            "--max-lora-rank", str(rank), "--host", "127.0.0.1", "--port", str(port)))  # fmt: skip
    zh, en = "transformers serve 只服务完整模型：请先融合", "transformers serve takes whole models: fuse it first"
    return [mlx, vllm, Command("transformers", "adapter", "", zh, en)]


def _mlx(model: str, adapter: Adapter | None, sees: bool, port: int, what: str) -> Command:
    extra = () if adapter is None else ("--adapter-path", str(adapter.path))
    module = "mlx_vlm.server" if sees else "mlx_lm.server"
    line = _line("python", "-m", module, "--model", model, *extra, "--host", "127.0.0.1", "--port", str(port))
    return Command("mlx", what, line)


def _line(*words: str) -> str:
    return shlex.join(words)


def _config(folder: Path) -> dict[str, object]:
    try:
        value = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _sees(folder: Path) -> bool:
    return bool(_config(folder).get("vision_config"))


def _quantised(folder: Path) -> bool:
    return "quantization" in _config(folder)


def gguf_line(model: Path, search: Sequence[Path] = ()) -> Command:
    """How to make a GGUF file: llama.cpp's own converter where it is here; otherwise a sentence, no substitute."""
    found = shutil.which(_CONVERTER) or next((str(p / _CONVERTER) for p in search if (p / _CONVERTER).is_file()), None)
    if _quantised(model):
        return Command("gguf", "fused", "", "GGUF 须由 16 位模型转换", "GGUF is made from the 16-bit model")
    if found is None:
        return Command(
            "gguf", "fused", "", f"未找到 llama.cpp 的 {_CONVERTER}，不提供 GGUF",
            f"llama.cpp's {_CONVERTER} is not here, so no GGUF is made",
        )  # fmt: skip
    return Command("gguf", "fused", _line("python", found, str(model), "--outfile", f"{model}.gguf"))
