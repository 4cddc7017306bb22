"""What a run has to remember to be repeatable, and whether what is here now still matches it."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from medeval import __version__
from medeval.cases.schema import Case
from medeval.engines.contract import Decoding, Receipt
from medeval.errors import UsageError
from medeval.evaluation.records import RunCase, RunSpec
from medeval.metrics.profiles import load_profiles

_PACKAGES = ("torch", "transformers", "peft", "mlx", "mlx-lm", "mlx-vlm", "numpy", "pillow", "pydantic")
_ROOT = Path(__file__).resolve().parents[2]


def make_spec(
    suite: str,
    cases: Sequence[Case],
    receipt: Receipt,
    variants: Sequence[str],
    repeats: int,
    decoding: Decoding,
    demo: bool = False,
    reuse: bool = True,
) -> RunSpec:
    """The record of a run about to begin: cases as they are now, hashes, versions, commit.

    `demo` says that the base is the shipped demo model, `reuse` that answers of earlier runs may be taken over.

    Raises:
        UsageError: an image of a case cannot be read.
    """
    return RunSpec(
        suite=suite,
        cases=tuple(RunCase(case, _hashes(case)) for case in cases),
        variants=tuple(variants),
        receipt=receipt,
        decoding=decoding,
        repeats=repeats,
        base=receipt.base,
        demo=demo,
        profiles_sha256=profiles_sha256(),
        packages=_packages(receipt),
        commit=_commit(_ROOT),
        reuse=reuse,
    )


def rescored_spec(spec: RunSpec, run_id: str) -> RunSpec:
    """The record of a run that scores the answers of run `run_id` anew, by the rules and code of today.

    Cases stay those that were asked; what produced the answers stays as recorded then.
    """
    packages = {**spec.packages, "medeval": __version__}
    return replace(
        spec, profiles_sha256=profiles_sha256(), packages=packages, commit=_commit(_ROOT), rescored_from=run_id
    )


def check_same(spec: RunSpec, receipt: Receipt) -> list[str]:
    """Makes sure that a run goes on with the models and images it began with.

    Args:
        spec: the stored run.
        receipt: what is loaded now.

    Returns:
        Differences that may move results a little (device, precision, package versions), for people to read.

    Raises:
        UsageError: another base, another adapter, another template or a changed image: answers would not compare.
    """
    wrong = list(_differences(spec, receipt))
    for item in spec.cases:
        try:
            same = _hashes(item.case) == item.images_sha256
        except UsageError:
            same = False
        if not same:
            wrong.append(f"病例 {item.case.id} 的图像已变 / an image of case {item.case.id} changed")
    if wrong:
        raise UsageError(
            "无法续跑：请给出与开始时相同的 --base 和 --adapters，或开始新的评测"
            f" / cannot resume: give the --base and --adapters it began with, or start a new run · {' · '.join(wrong)}"
        )
    return list(_notes(spec, receipt))


def _differences(spec: RunSpec, receipt: Receipt) -> Iterator[str]:
    before = spec.receipt
    if receipt.base_fingerprint != before.base_fingerprint:
        yield f"基础模型不同：{receipt.base}，原为 {before.base} / another base: {receipt.base}, was {before.base}"
    if receipt.template_sha256 != before.template_sha256:
        yield "对话模板不同 / another chat template"
    then = {item.variant: (item.sha256, item.model) for item in before.variants}
    now = {item.variant: (item.sha256, item.model) for item in receipt.variants}
    for name in spec.variants:
        if name in then and name not in now:
            yield f"缺少版本 {name} / variant {name} is missing"
        elif then.get(name) != now.get(name) or _stack_changed(before, receipt, name):
            yield f"版本 {name} 的权重已变 / the weights of {name} changed"


def _stack_changed(before: Receipt, now: Receipt, name: str) -> bool:
    """Whether an adapter below the last one changed; runs of older versions did not record those."""
    then, here = (next((i.stack_sha256 for i in r.variants if i.variant == name), ()) for r in (before, now))
    return bool(then) and then != here


def _notes(spec: RunSpec, receipt: Receipt) -> Iterator[str]:
    for name in ("engine", "device", "dtype", *(["base"] if receipt.engine == "server" else [])):
        before, now = getattr(spec.receipt, name), getattr(receipt, name)
        if before != now:
            yield f"{name}: {before} → {now}"
    current = _packages(receipt)
    for name, before in spec.packages.items():
        if current.get(name) != before:
            yield f"{name}: {before} → {current.get(name)}"


def profiles_sha256() -> str:
    """Hash of every profile in use, so that two runs scored by different weights are told apart."""
    plain = {name: profile.model_dump(mode="json") for name, profile in load_profiles().items()}
    return "sha256:" + hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _hashes(case: Case) -> tuple[str, ...]:
    found = []
    for image in case.images:
        try:
            with image.open("rb") as handle:
                found.append("sha256:" + hashlib.file_digest(handle, "sha256").hexdigest())
        except OSError as error:
            raise UsageError(
                f"病例 {case.id} 的图像无法读取：{image} / the image of case {case.id} cannot be read: {image}"
            ) from error
    return tuple(found)


def _packages(receipt: Receipt) -> dict[str, str]:
    found = {"medeval": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, **receipt.packages}


def _commit(root: Path) -> str:
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
