"""The bench: the speed and memory ratios of the side-by-side engine, each measured in this run.

Both sides make the same number of tokens (stopping is off), greedily, with the same threads; the other side is
transformers + PEFT, used as its documentation says. All sides are loaded, and taken in turn; a ratio is the median of
the rounds' own ratios, so that what else the machine does hits both sides.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Cancel
from typing import TYPE_CHECKING, Any

from medeval.adapters.catalogue import find_variants
from medeval.adapters.dialects import PEFT_FILE
from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Decoding, Done, Failed, Message, Request
from medeval.errors import EngineError, UsageError
from medeval.evaluation.bench_scoring import score_speed
from medeval.evaluation.bench_shapes import build_shape
from medeval.settings import Settings

if TYPE_CHECKING:
    from medeval.engines.torch import TorchEngine

COLUMNS = 4
_QUESTIONS = (
    "我的血压{}/90，需要担心吗？",
    "空腹血糖{}.2 mmol/L，这个值高吗？",
    "感冒发烧{}.5度，应该怎么办？",
    "刚确诊高血压{}天，很担心，晚上睡不好。",
)
Note = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    tokens: int = 64
    suite_tokens: int = 32
    cases: int = 16
    repeats: int = 9


def run_bench(
    settings: Settings, sizes: Sizes | None = None, note: Note = lambda text: None, shape: str | None = None
) -> dict[str, Any]:
    """Measures the ratios on the given base and adapters.

    Args:
        settings: base and adapters; by default the demo.
        sizes: tokens, cases, repeats.
        note: told what is being measured, for a progress line.
        shape: random weights in the shape of a published model (`bench_shapes.SHAPES`) instead of the base given.

    Returns:
        Ratios by name, the seconds they come from, and what they were measured on.

    Raises:
        UsageError: no PEFT adapter to compare with. EngineError: the base cannot be loaded.
    """
    sizes = sizes or Sizes()
    if shape is not None:
        with tempfile.TemporaryDirectory(prefix="medeval-bench-") as folder:
            note(f"随机权重：{shape} / random weights: {shape}")
            base, adapters = build_shape(shape, Path(folder), Path(settings.base))
            random = settings.model_copy(update={"base": str(base), "adapters": adapters})
            return run_bench(random, sizes, note) | {"shape": shape}
    variants = _pick(settings)
    reference = BaseRef(settings.base, offline=settings.offline)
    names = [v.name for v in variants]
    note("加载三份：基础模型、四个版本、PEFT / loading base alone, ours, PEFT")
    empty = _tensor_bytes()
    with _opened(reference, variants[:1]) as alone, _opened(reference, variants, sizes) as ours:
        receipt = ours.opened.receipt
        if receipt.refused:
            raise EngineError(" · ".join(p for problems in receipt.refused.values() for p in problems))
        base_bytes, factor_bytes = alone.opened.base_bytes, ours.opened.factor_bytes
        both_bytes = _tensor_bytes() - empty
        peft = _Peft(reference, variants)
        note("基础模型、四个版本、PEFT 轮流 / base, four variants and PEFT in turn")
        seconds = _in_turn({
            "base_alone": lambda: _answers(alone, _requests(1, names[:1], sizes.tokens)),
            "four_variants": lambda: _answers(ours, _requests(1, names, sizes.tokens)),
            "base_in_transformers": lambda: peft.base_alone(sizes.tokens),
            "peft_mixed": lambda: peft.mixed(sizes.tokens),
        }, sizes.repeats)  # fmt: skip
        note(
            f"{sizes.cases} 个病例 × {len(names)} 个版本，与逐个切换轮流"
            f" / {sizes.cases} cases x {len(names)} variants, set_adapter in turn"
        )
        suite = _requests(sizes.cases, names, sizes.suite_tokens)
        texts: dict[str, dict[str, str]] = {}
        seconds |= _in_turn({
            "suite": lambda: texts.update(ours=_answers(ours, suite)),
            "suite_sequential": lambda: texts.update(peft=peft.sequential(sizes)),
        }, min(2, sizes.repeats), warm=False)  # fmt: skip
    note("规则评分 / rule scoring")
    return {
        "four_variants_over_base": _ratio(seconds, "four_variants", "base_alone", 3),
        "four_variants_over_base_in_transformers": _ratio(seconds, "four_variants", "base_in_transformers", 3),
        "sequential_over_ours": _ratio(seconds, "suite_sequential", "suite", 2),
        "peft_mixed_over_ours": _ratio(seconds, "peft_mixed", "four_variants", 2),
        "memory_over_base": round((both_bytes - base_bytes) / base_bytes, 3),
        "adapters_over_base": round(factor_bytes / base_bytes, 3),
        "score_answers_per_second": score_speed(),
        "identical_greedy": texts["ours"] == texts["peft"],
        "seconds": {name: round(statistics.median(taken), 4) for name, taken in seconds.items()},
        "variants": names,
        "sizes": vars(sizes),
        "machine": {"cpus": os.cpu_count(), "threads": peft.threads, "device": receipt.device,
                    "dtype": receipt.dtype, **receipt.packages},
    }  # fmt: skip


def _tensor_bytes() -> int:
    """Bytes of all tensors alive in this process, shared storage counted once."""
    import torch

    gc.collect()
    tensors = [item for item in gc.get_objects() if isinstance(item, torch.Tensor)]
    held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(held.values())


def _in_turn(sides: dict[str, Callable[[], object]], repeats: int, warm: bool = True) -> dict[str, list[float]]:
    """Seconds of each side, one list per side; sides alternate so that a busy moment hits them alike."""
    if warm:
        for work in sides.values():
            work()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return taken


def _ratio(seconds: dict[str, list[float]], above: str, below: str, digits: int) -> float:
    """Median of the rounds' own ratios."""
    return round(statistics.median(a / b for a, b in zip(seconds[above], seconds[below], strict=True)), digits)


def _pick(settings: Settings) -> list[Variant]:
    usable = [v for v in find_variants(settings.adapters).values()
              if all((a.path / PEFT_FILE).is_file() for a in v.stack)]  # fmt: skip
    if len(usable) < 2:
        raise UsageError(
            f"{settings.adapters} 里没有 PEFT 适配器可比"
            f" / {settings.adapters} holds no PEFT adapter to compare with"
        )
    return usable[:COLUMNS]


def _requests(cases: int, names: Sequence[str], tokens: int) -> list[Request]:
    decoding = Decoding(max_tokens=tokens)
    return [
        Request(f"{i}/{name}", str(i), name, (Message("user", _question(i)),), decoding)
        for i in range(cases)
        for name in names
    ]


def _question(index: int) -> str:
    return _QUESTIONS[index % len(_QUESTIONS)].format(120 + 7 * index)


def _answers(engine: TorchEngine, requests: Sequence[Request]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in engine.generate(requests, Cancel()):
        if isinstance(event, Failed):
            raise EngineError(event.reason)
        if isinstance(event, Done):
            found[event.request_id] = event.answer.text
    return found


@contextmanager
def _opened(reference: BaseRef, variants: Sequence[Variant], sizes: Sizes | None = None) -> Iterator[TorchEngine]:
    from medeval.engines.torch import TorchEngine

    rows = 64 if sizes is None else max(64, sizes.cases * len(variants) + 8)
    engine = TorchEngine(ignore_stop=True, max_rows=rows)
    engine.open(reference, variants)
    try:
        yield engine
    finally:
        engine.close()
        gc.collect()


class _Peft:
    """The same work by transformers + PEFT: base alone, a mixed batch, and one request after the other."""

    def __init__(self, reference: BaseRef, variants: Sequence[Variant]) -> None:
        import torch

        from medeval.engines.torch.encoding import Encoder
        from medeval.engines.torch.loading import load_base

        self.base = load_base(reference)
        self.base.model.generation_config.eos_token_id = None
        self.encoder = Encoder(self.base)
        self.variants = variants
        self.model = load_peft(self.base.model, variants)
        self.threads = torch.get_num_threads()

    def base_alone(self, tokens: int) -> list[int]:
        with self.model.disable_adapter():
            return self._generate(_question(0), tokens)

    def mixed(self, tokens: int) -> list[int]:
        names = ["__base__" if v.is_base else _whole(v) for v in self.variants]
        return self._generate(_question(0), tokens, len(names), adapter_names=names)

    def sequential(self, sizes: Sizes) -> dict[str, str]:
        from medeval.engines.conversation import TextStream

        texts: dict[str, str] = {}
        for index in range(sizes.cases):
            for variant in self.variants:
                with _only(self.model, variant):
                    ids = self._generate(_question(index), sizes.suite_tokens)
                stream = TextStream(self.base.tokenizer, self.encoder.hidden_ids)
                texts[f"{index}/{variant.name}"] = "".join([*map(stream.push, ids), stream.flush()])
        return texts

    def _generate(self, prompt: str, tokens: int, rows: int = 1, **options: Any) -> list[int]:
        import torch

        ids = self.encoder.encode((Message("user", prompt),)).ids[None].expand(rows, -1).to(self.base.device)
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False,
                eos_token_id=None, **options,
            )  # fmt: skip
        return [int(t) for t in out[0, ids.shape[1] :]]


def load_peft(model: Any, variants: Sequence[Variant]) -> Any:
    """A PeftModel with one adapter per variant; a stack becomes one adapter by PEFT's exact concatenation."""
    from peft import PeftModel

    paths = {_part(a.name): a.path for v in variants for a in v.stack}
    wrapped: Any = None
    for name, path in paths.items():
        if wrapped is None:
            wrapped = PeftModel.from_pretrained(model, str(path), adapter_name=name)
        else:
            wrapped.load_adapter(str(path), adapter_name=name)
    for variant in variants:
        if len(variant.stack) > 1:
            parts = [_part(a.name) for a in variant.stack]
            wrapped.add_weighted_adapter(parts, [1.0] * len(parts), _whole(variant), combination_type="cat")
    return wrapped.eval()


def _part(name: str) -> str:
    # PEFT takes adapter names into parameter names, where a dot separates.
    return f"part_{name.replace('.', '_')}"


def _whole(variant: Variant) -> str:
    if len(variant.stack) == 1:
        return _part(variant.stack[0].name)
    return f"stack_{variant.name.replace('.', '_')}"


@contextmanager
def _only(model: Any, variant: Variant) -> Iterator[None]:
    if variant.is_base:
        with model.disable_adapter():
            yield
        return
    model.set_adapter(_whole(variant))
    yield
