"""`medeval ask`: one question, several variants, answers with their scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import (
    Adapters,
    Base,
    EngineOption,
    Json,
    Profile,
    Recorded,
    ServerModels,
    clean_stdout,
    note,
    opened,
    print_json,
    split_names,
    usable,
)
from medeval.errors import UsageError

if TYPE_CHECKING:
    from medeval.cases.schema import Case
    from medeval.services import Scored, Services


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ask)


def ask(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="问题 / the question")],
    image: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="图像，可多次 / image, repeatable")] = None,
    variants: Annotated[str, typer.Option(help="版本，逗号分隔 / variants, comma-separated")] = "all",
    max_tokens: Annotated[int | None, typer.Option(min=1, help="最多词元，默认 512 / most tokens")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="默认 0，贪心 / 0 by default, greedy")] = None,
    seed: Annotated[int | None, typer.Option(help="随机种子 / random seed")] = None,
    profile: Profile = None,
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    recorded: Recorded = None,
    server_models: ServerModels = None,
    as_json: Json = False,
) -> None:
    """并排提问 / ask several variants at once."""
    from medeval.engines.contract import Decoding, Failed
    from medeval.evaluation.records import to_plain
    from medeval.evaluation.tables import check_profile
    from medeval.metrics.profiles import DEFAULT_PROFILE
    from medeval.services import Scored

    if not prompt.strip():
        raise UsageError("问题不能为空 / PROMPT must not be empty")
    shown = profile or DEFAULT_PROFILE
    check_profile(shown)
    answers: dict[str, dict[str, Any]] = {}
    options = {"base": base, "adapters": adapters, "engine": engine, "server_models": server_models}
    with opened(recorded, **options) as services, clean_stdout() as out:
        names = [item.name for item in services.pick_variants(split_names(variants))]
        case = _case(services, prompt, image or [])
        receipt = services.receipt()
        names = usable(names, variants, receipt)
        chosen = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        given = {key: value for key, value in chosen.items() if value is not None}
        # Nothing chosen here: each variant's own settings, if its sidecar holds any.
        decoding = Decoding(**given) if given else None  # type: ignore[arg-type]
        for event in services.ask(case, names, decoding):
            if isinstance(event, Scored):
                answers[event.variant] = _answer(event)
                if not as_json:
                    print(_shown(event, shown), file=out, flush=True)
            elif isinstance(event, Failed):
                answers[event.request_id] = _failure(event.request_id, event.reason)
                note(f"{event.request_id}: {event.reason}")
    if as_json:
        print_json({"answers": [answers[name] for name in names if name in answers], "receipt": to_plain(receipt)})
    if any(item["error"] for item in answers.values()) or len(answers) < len(names):
        raise typer.Exit(1)


def _case(services: "Services", prompt: str, images: Sequence[Path]) -> "Case":
    """The case with just this prompt where there is one, so that its expectations count; else a bare one."""
    from medeval.cases.parse import parse_case

    if not images:
        for case in services.cases.cases.values():
            if case.prompt.strip() == prompt.strip() and not case.images and not case.history:
                note(f"按病例 {case.id} 的要求评分 / scored by what case {case.id} expects")
                return case
    clean: list[Path] = []
    for image in images:
        taken = services.images.take(image)
        clean.append(taken.path)
        for line in taken.notes:
            note(f"{image.name}: {line}")
    language = "zh" if any("\u4e00" <= char <= "\u9fff" for char in prompt) else "en"
    case = parse_case({"id": "ask", "language": language, "prompt": prompt, "images": [*map(str, clean)]}, "PROMPT")
    rows = services.images.lab_rows([path.name for path in clean])
    if not rows:
        return case
    note(f"化验单字段按 OCR 读准的 {len(rows)} 行评分 / report fields are scored by the rows that OCR read surely")
    return case.model_copy(update={"expect": case.expect.model_copy(update={"lab_rows": rows})})


def _answer(event: "Scored") -> dict[str, Any]:
    from medeval.evaluation.report import plain_scores

    answer, sheet = event.answer, event.sheet
    return {
        "variant": event.variant,
        "text": answer.text,
        "tokens": answer.tokens,
        **({"tokens_estimated": True} if answer.tokens_estimated else {}),
        "seconds": round(answer.seconds, 3),
        "finish_reason": answer.finish_reason,
        "error": None,
        "scores": plain_scores(sheet.scores),
        "profiles": {name: found.value for name, found in sheet.profiles.items()},
    }


def _failure(variant: str, reason: str) -> dict[str, Any]:
    nothing = {"text": "", "tokens": 0, "seconds": 0.0, "finish_reason": "error"}
    return {"variant": variant, **nothing, "error": reason, "scores": {}, "profiles": {}}


def _shown(event: "Scored", profile: str) -> str:
    from medeval.evaluation.wording import number

    found = event.sheet.profiles.get(profile)
    speed = event.answer.tokens / event.answer.seconds if event.answer.seconds > 0 else 0.0
    about = "≈" if event.answer.tokens_estimated else ""
    total = f"profile {profile}: {number(found.value if found else None)}"
    return f"## {event.variant}  {total}  {about}{speed:.0f} tokens/s\n{event.answer.text.strip()}\n"
