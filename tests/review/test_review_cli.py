"""`medeval review`: make, list, summary, export, and a folder of images."""

import json
from pathlib import Path
from typing import Any

import pytest
from review_samples import VARIANTS, finished_run, mark, open_services
from typer.testing import CliRunner

from medeval.cli import app
from medeval.review.records import marks_plain


@pytest.fixture
def run_id(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    services = open_services(home, tmp_path, 3)
    found = finished_run(services)
    services.close()
    monkeypatch.setenv("MEDEVAL_CASES", str(tmp_path / "cases"))
    return found


def medeval(*words: str) -> Any:
    return CliRunner().invoke(app, ["review", *words])


def judged(home: Path, folder: Path, run_id: str) -> str:
    made = medeval("create", run_id, "--reviewers", "王,李")
    assert made.exit_code == 0, made.output
    review_id = str(made.stdout.strip())
    services = open_services(home, folder)
    store = services.reviewing.store
    for seat in store.seats(review_id):
        for place in store.places(seat.token):
            given = [mark(5 - VARIANTS.index(name), VARIANTS.index(name) + 1) for name in place.order]
            services.reviewing.sittings.rate(seat.token, place.number, marks_plain(given))
    services.close()
    return review_id


def test_from_a_run_to_pairs(home: Path, tmp_path: Path, run_id: str) -> None:
    review_id = judged(home, tmp_path, run_id)
    listed = json.loads(medeval("list", "--json").stdout)["reviews"]
    assert [item["id"] for item in listed] == [review_id] and listed[0]["reviewers"][0]["done"] == 3
    found = json.loads(medeval("summary", run_id, "--json").stdout)
    assert found["review_id"] == review_id and found["ranking"][0]["variant"] == VARIANTS[0]
    for lang, word in (("zh", "排名"), ("en", "Ranking")):
        said = medeval("summary", review_id, "--lang", lang)
        assert said.exit_code == 0 and word in said.stdout and "1000" not in said.stdout.splitlines()[0]
    out = tmp_path / "pairs.jsonl"
    done = medeval("export", review_id, "--format", "dpo", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert len(out.read_text("utf-8").splitlines()) == 18
    assert medeval("export", review_id, "--format", "sft", "--out", str(tmp_path / "sft.jsonl")).exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("summary", "nope"), 1, "no such review"),
        (("create", "nope"), 1, "no such run"),
        (("create", "RUN", "--flagged", "perhaps"), 2, "refuse"),
        (("create", "RUN", "--variants", "zeta-origin"), 2, "2 to 5"),
        (("create", "RUN", "--overlap", "1"), 2, "name the reviewers"),
        (("export", "nope", "--format", "dpo", "--out", "x.jsonl"), 1, "no such review"),
        (("images", "nowhere", "--prompt", "看图"), 2, "no such folder"),
    ],
)
def test_wrong_use_is_one_sentence(run_id: str, words: tuple[str, ...], code: int, said: str) -> None:
    done = medeval(*(run_id if word == "RUN" else word for word in words))
    assert done.exit_code == code and said in done.stderr and "Traceback" not in done.output


def test_a_review_nobody_has_judged_has_no_summary(run_id: str) -> None:
    review_id = medeval("create", run_id).stdout.strip()
    done = medeval("summary", review_id)
    assert done.exit_code == 2 and "nothing has been judged" in done.stderr
    made = json.loads(medeval("create", run_id, "--json").stdout)
    assert made["links"][0].startswith("http://127.0.0.1:7860/review/join/") and made["cases"] == 3


LINKS = [
    ({}, "http://127.0.0.1:7860/review/", True),
    ({"MEDEVAL_HOST": "localhost", "MEDEVAL_PORT": "7899"}, "http://localhost:7899/review/", True),
    ({"MEDEVAL_HOST": "::1"}, "http://[::1]:7860/review/", True),
    ({"MEDEVAL_HOST": "192.168.1.7"}, "http://192.168.1.7:7860/review/", False),
    ({"MEDEVAL_HOST": "0.0.0.0", "MEDEVAL_HOSTS": "ward-3, ward-3.lan", "MEDEVAL_TLS_CERT": "c.pem"},
     "https://ward-3:7860/review/", False),
]  # fmt: skip


@pytest.mark.parametrize(("places", "begins", "only_here"), LINKS)
def test_links_are_whole_addresses_and_say_who_can_open_them(
    run_id: str, monkeypatch: pytest.MonkeyPatch, places: dict[str, str], begins: str, only_here: bool
) -> None:
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    first, second, *rest = medeval("create", run_id, "--reviewers", "王,李").stderr.splitlines()
    assert first.startswith(begins) and second.startswith(begins)
    assert {first[-3:], second[-3:]} == {"  王", "  李"}
    assert bool(rest) is only_here
    assert all(word in line for line in rest for word in ("这台机器", "this machine only", "MEDEVAL_HOSTS"))


def test_a_folder_of_images_is_a_run(home: Path, tmp_path: Path, run_id: str) -> None:
    from PIL import Image

    (tmp_path / "scans").mkdir()
    Image.new("L", (30, 30), 99).save(tmp_path / "scans" / "a.png")
    options = ("--prompt", "请看这张图。", "--recorded", str(tmp_path / "answers.jsonl"))
    done = medeval("images", str(tmp_path / "scans"), *options)
    # the recording knows nothing of this image: the run is kept and says how to go on
    assert done.exit_code == 1 and "--resume" in done.stderr and done.stdout.strip()
    services = open_services(home, tmp_path)
    assert services.store.run(done.stdout.strip()).spec.suite == "images"
    services.close()
