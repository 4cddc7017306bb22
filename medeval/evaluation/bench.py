"""The bench: the speed and memory ratios of the side-by-side engine, each measured in this run.

Both sides make the same number of tokens (stopping is off), greedily, with the same threads; the other side is
transformers + PEFT, used as its documentation says. Medians over repeats, sides taken in turn.
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
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef, Decoding, Done, Failed, Message, Receipt, Request
from medeval.errors import EngineError, UsageError
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
_ANSWER = "您的血压140/90 mmHg，已达到高血压诊断标准(≥140/90)，建议非同日三次复测，低盐饮食，四周后复诊。"
Note = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    tokens: int = 64
    suite_tokens: int = 32
    cases: int = 16
    repeats: int = 5


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
            note(f"随机权重 / random weights: {shape}")
            base, adapters = build_shape(shape, Path(folder), Path(settings.base))
            random = settings.model_copy(update={"base": str(base), "adapters": adapters})
            return run_bench(random, sizes, note) | {"shape": shape}
    variants = _pick(settings)
    reference = BaseRef(settings.base, offline=settings.offline)
    note("基础模型单独 / base alone")
    alone, base_bytes = _base_alone(reference, sizes)
    ours, receipt, texts, extra_bytes = _ours(reference, variants, sizes, note)
    peft = _peft(reference, variants, receipt, sizes, note)
    answers = score_speed()
    seconds = {"base_alone": alone, **ours, **{k: v for k, v in peft.items() if isinstance(v, float)}}
    return {
        "four_variants_over_base": round(ours["four_variants"] / alone, 3),
        "four_variants_over_base_in_transformers": round(ours["four_variants"] / peft["base_in_transformers"], 3),
        "sequential_over_ours": round(peft["suite_sequential"] / ours["suite"], 2),
        "peft_mixed_over_ours": round(peft["peft_mixed"] / ours["four_variants"], 2),
        "memory_over_base": round((base_bytes + extra_bytes) / base_bytes, 3),
        "adapters_over_base": round(_adapter_bytes(variants) / base_bytes, 3),
        "score_answers_per_second": answers,
        "identical_greedy": texts == peft["texts"],
        "seconds": {k: round(v, 4) for k, v in seconds.items()},
        "variants": [v.name for v in variants],
        "sizes": vars(sizes),
        "machine": {"cpus": os.cpu_count(), "threads": peft["threads"], "device": receipt.device,
                    "dtype": receipt.dtype, **receipt.packages},
    }  # fmt: skip


def _pick(settings: Settings) -> list[Variant]:
    usable = [v for v in find_variants(settings.adapters).values()
              if all((a.path / PEFT_FILE).is_file() for a in v.stack)]  # fmt: skip
    if len(usable) < 2:
        raise UsageError(f"{settings.adapters} 里没有 PEFT 适配器可比 / holds no PEFT adapter to compare with")
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


def _median(work: Callable[[], object], repeats: int) -> float:
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _base_alone(reference: BaseRef, sizes: Sizes) -> tuple[float, int]:
    from medeval.engines.torch import TorchEngine

    engine = TorchEngine(ignore_stop=True)
    engine.open(reference, [Variant("base")])
    try:
        requests = _requests(1, ["base"], sizes.tokens)
        return _median(lambda: _answers(engine, requests), sizes.repeats), engine.opened.base_bytes
    finally:
        engine.close()
        gc.collect()


def _ours(
    reference: BaseRef, variants: Sequence[Variant], sizes: Sizes, note: Note
) -> tuple[dict[str, float], Receipt, dict[str, str], int]:
    from medeval.engines.torch import TorchEngine

    engine = TorchEngine(ignore_stop=True, max_rows=max(64, sizes.cases * len(variants) + 8))
    receipt = engine.open(reference, variants)
    try:
        if receipt.refused:
            raise EngineError("; ".join(p for problems in receipt.refused.values() for p in problems))
        names = [v.name for v in variants]
        note("四个版本并排 / four variants side by side")
        four = _median(lambda: _answers(engine, _requests(1, names, sizes.tokens)), sizes.repeats)
        note(f"{sizes.cases} 个病例 × {len(names)} 个版本 / cases x variants")
        suite = _requests(sizes.cases, names, sizes.suite_tokens)
        whole = _median(lambda: _answers(engine, suite), min(3, sizes.repeats))
        return {"four_variants": four, "suite": whole}, receipt, _answers(engine, suite), engine.opened.factor_bytes
    finally:
        engine.close()
        gc.collect()


def _peft(
    reference: BaseRef, variants: Sequence[Variant], receipt: Receipt, sizes: Sizes, note: Note
) -> dict[str, Any]:
    """The same work by transformers + PEFT: base alone, one request after the other, and a mixed batch."""
    import torch

    from medeval.engines.torch.encoding import Encoder, TextStream
    from medeval.engines.torch.loading import load_base

    base = load_base(reference)
    encoder = Encoder(base)
    base.model.generation_config.eos_token_id = None
    found: dict[str, Any] = {"threads": torch.get_num_threads()}

    def generate(model: Any, prompt: str, tokens: int, rows: int = 1, **options: Any) -> list[int]:
        ids = encoder.encode((Message("user", prompt),)).ids[None].expand(rows, -1).to(base.device)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False,
                eos_token_id=None, **options,
            )  # fmt: skip
        return [int(t) for t in out[0, ids.shape[1] :]]

    note("transformers + PEFT")
    found["base_in_transformers"] = _median(
        lambda: generate(base.model, _question(0), sizes.tokens), sizes.repeats
    )
    model = load_peft(base.model, variants)
    names = ["__base__" if v.is_base else _whole(v) for v in variants]
    found["peft_mixed"] = _median(
        lambda: generate(model, _question(0), sizes.tokens, len(names), adapter_names=names), sizes.repeats
    )
    note("逐个切换 set_adapter / one after the other")
    texts: dict[str, str] = {}
    start = time.perf_counter()
    for index in range(sizes.cases):
        for variant in variants:
            with _only(model, variant):
                ids = generate(model, _question(index), sizes.suite_tokens)
            stream = TextStream(base.tokenizer, encoder.hidden_ids)
            texts[f"{index}/{variant.name}"] = "".join([*map(stream.push, ids), stream.flush()])
    found["suite_sequential"] = time.perf_counter() - start
    found["texts"] = texts
    return found


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


def _adapter_bytes(variants: Sequence[Variant]) -> int:
    paths = {a.path for v in variants for a in v.stack}
    return sum((p / PEFT_FILE).stat().st_size for p in paths)


def score_speed(seconds: float = 1.0) -> float | None:
    """Answers of about 300 characters scored per second by all metrics on one core; None where metrics are absent."""
    try:
        from medeval.metrics.composite import score_answer
    except ImportError:
        return None
    case = Case(
        id="bench", prompt="我的血压140/90，需要担心吗？",
        facts={"systolic": "140 mmHg", "diastolic": "90 mmHg", "age": "45 year"},
    )  # fmt: skip
    text = (_ANSWER * 6)[:300]
    score_answer(case, text)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        score_answer(case, f"{text[:-4]}{done:04d}")
        done += 1
    return round(done / (time.perf_counter() - start), 1)
