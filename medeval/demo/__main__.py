"""`python -m medeval.demo build | evaluate | images`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m medeval.demo", description="Builds and checks the demo model.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="train base and adapters; resumes where it was stopped")
    build.add_argument("--out", type=Path, default=Path("."), help="project folder to write models/ and adapters/ into")
    build.add_argument("--work", type=Path, default=Path("build/demo"), help="checkpoints")
    build.add_argument("--stage", action="append", help="only this stage; may be repeated")
    build.add_argument("--quick", action="store_true", help="a few steps of each stage, to see that it runs")
    build.add_argument("--device", default="cpu", help="cpu or cuda")
    check = commands.add_parser("evaluate", help="held-out quality of the shipped demo")
    check.add_argument("--base", type=Path, default=Path("models/demo"))
    check.add_argument("--adapters", type=Path, default=Path("adapters"))
    check.add_argument("--variants", default="base,v1,v2,v3")
    check.add_argument("--count", type=int, default=100, help="cases per promise")
    check.add_argument("--json", action="store_true")
    images = commands.add_parser("images", help="draw the images of the standard suite")
    images.add_argument("--out", type=Path, default=Path("test_cases/images"))
    return parser


def _build(args: argparse.Namespace) -> None:
    from medeval.demo.builder import Folders, build

    folders = Folders(args.work, args.out / "models" / "demo", args.out / "adapters")
    build(folders, args.stage or [], args.quick, args.device)


def _evaluate(args: argparse.Namespace) -> None:
    from medeval.demo.evaluate import evaluate, table

    tallies = evaluate(args.base, args.adapters, args.variants.split(","), args.count)
    if args.json:
        print(json.dumps([asdict(t) | {"share": t.share} for t in tallies], ensure_ascii=False))
    else:
        print(table(tallies))


def _images(args: argparse.Namespace) -> None:
    from medeval.demo.standard import write_standard_images

    for path in write_standard_images(args.out):
        print(path)


def main(argv: list[str] | None = None) -> int:
    """Runs one command; 0 done, 2 wrong use."""
    args = _parser().parse_args(argv)
    {"build": _build, "evaluate": _evaluate, "images": _images}[args.command](args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
