"""The reviewers' page over HTTP: what it says, what it refuses, and that nothing of it tells who answered."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from review_samples import VARIANTS, finished_run, mark, open_services

from medeval.cases.schema import Title
from medeval.review.records import marks_plain
from medeval.services import Services
from medeval.services.reviewing import Asked
from medeval.services.sittings import Revealed
from medeval.ui.cards import hundred
from medeval.ui.guard import Guard
from medeval.ui.review_looks import results_html
from medeval.ui.review_page import sitting_page
from medeval.ui.review_routes import MAX_BODY, _revealed_plain, add_review_routes
from medeval.ui.text import Lang

TITLES = ("第1题", "第2题", "第3题", "Question 1", "Question 2", "Question 3")
MARKS = marks_plain([mark(4, column + 1) for column in range(4)])


@pytest.fixture
def services(home: Path, tmp_path: Path) -> Iterator[Services]:
    opened = open_services(home, tmp_path, 3)
    yield opened
    opened.close()


@pytest.fixture
def client(services: Services) -> TestClient:
    app = FastAPI()
    app.add_middleware(Guard)
    add_review_routes(app, services)
    return TestClient(app, base_url="http://127.0.0.1")


def tokens(services: Services, **asked: Any) -> list[str]:
    reviewing = services.reviewing
    review = reviewing.create(reviewing.plan(Asked(finished_run(services), **asked)))
    return [seat.token for seat in reviewing.store.seats(review.id)] or [review.join]


def test_a_whole_sitting_says_no_name_before_its_end(services: Services, client: TestClient) -> None:
    (token,) = tokens(services, reviewers=("王",))
    seen = [client.get(f"/review/{token}").text, client.get(f"/review/{token}?lang=en").text]
    for number in range(3):
        stop = client.get(f"/review/{token}/stop")
        seen.append(stop.text + str(stop.headers))
        assert stop.json()["n"] == number and len(stop.json()["answers"]) == 4
        assert set(stop.json()["answers"][0]) == {"text", "thought"}
        draft = client.post(f"/review/{token}/draft", json={"n": number, "marks": MARKS[:1]})
        rated = client.post(f"/review/{token}/rate", json={"n": number, "marks": MARKS})
        seen += [draft.text, rated.text, client.get(f"/review/{token}/revealed").text]
        assert (draft.status_code, rated.status_code) == (200, 200)
    assert not any(name in text for text in seen for name in (*VARIANTS, "q0", "q1", "q2", "finish_reason", *TITLES))
    assert set(stop.json()) == {"n", "total", "prompt", "history", "images", "answers", "rated", "marks",
                                "draft", "finished", "complete", "says"}  # fmt: skip
    assert client.post(f"/review/{token}/finish", json={}).json() == {"ok": True}
    names = client.get(f"/review/{token}/revealed").json()["stops"]
    assert {name for stop in names for name in stop["variants"]} == set(VARIANTS)
    assert {title for stop in names for title in stop["title"].values()} == set(TITLES)
    late = client.post(f"/review/{token}/rate", json={"n": 0, "marks": MARKS})
    assert late.status_code == 400 and "revealed" in late.json()["error"]


# the rules' total, and how Compare and Evaluate round it: a half goes to the even number
TOTALS = [(0.125, "12"), (0.825, "82"), (0.135, "14"), (1.0, "100"), (0.0, "0"), (None, "–")]


@pytest.mark.parametrize(("total", "shown"), TOTALS)
def test_the_total_beside_the_names_is_that_of_the_other_pages(total: float | None, shown: str) -> None:
    title = Title(zh="V3 精准且温暖", en="V3 precise and warm")
    found = _revealed_plain(Revealed(0, "胸片", "Chest", ("v3",), (title,), (total,), (mark(4, 1),)))
    assert found["rules"] == [shown] == [hundred(total)]
    assert found["names"] == [{"zh": title.zh, "en": title.en}]


@pytest.mark.parametrize(("lang", "slots"), [("zh", "甲乙丙丁戊"), ("en", "ABCDE")])
def test_columns_have_the_letters_of_the_language(lang: Lang, slots: str) -> None:
    data = sitting_page(lang).partition('id="me-rv-data">')[2].partition("</script>")[0]
    assert json.loads(data)["slots"] == list(slots)


def test_what_a_lab_report_says_stands_beside_it(services: Services, client: TestClient) -> None:
    (token,) = tokens(services, reviewers=("王",))
    stop = client.get(f"/review/{token}/stop").json()
    while not stop["images"]:  # the order of cases is the reviewer's own
        client.post(f"/review/{token}/rate", json={"n": stop["n"], "marks": MARKS})
        stop = client.get(f"/review/{token}/stop").json()
    name = Path(stop["images"][0]).name
    row = {"name": "白细胞计数", "abbr": "WBC", "value": "11.20", "unit": "10^9/L", "low": "3.50", "high": "9.50",
           "flag": "↑", "confidence": 0.99, "low_confidence": False, "doubts": [], "box": [0, 0, 1, 1]}  # fmt: skip
    read = {"is_lab_report": True, "rows": [row], "warnings": [], "orientation": 0}
    (services.images.folder / f"{Path(name).stem}.json").write_text(json.dumps(read), "utf-8")
    assert client.get(f"/review/{token}/stop").json()["says"] == [[row]]


def test_an_open_link_asks_for_a_name_and_leads_to_a_personal_one(services: Services, client: TestClient) -> None:
    (join,) = tokens(services)
    assert "您的姓名" in client.get(f"/review/join/{join}").text
    first, again = (client.post(f"/review/join/{join}", json={"name": name}).json() for name in ("Dr Li", " Dr  Li "))
    assert first == again and "me-rv-data" in client.get(f"/review/{first['to']}").text
    for wrong in ({"name": " "}, {}, [], "x"):
        refused = client.post(f"/review/join/{join}", json=wrong)
        assert refused.status_code == 400 and " / " in refused.json()["error"]
    assert client.post("/review/join/nope", json={"name": "Dr Li"}).status_code == 400
    hostile = client.post(f"/review/join/{join}", json={"name": "<script>x</script>"}).json()["to"]
    assert "<script>x" not in client.get(f"/review/{hostile}").text


@pytest.mark.parametrize("path", ["nope", "join/nope", "nope/stop", "nope/revealed", "%2e%2e%2fetc/stop"])
def test_unknown_links_are_a_sentence(client: TestClient, path: str) -> None:
    answer = client.get(f"/review/{path}")
    assert answer.status_code in (400, 404) and "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("rate", "not json", 400),
        ("rate", "[1]", 400),
        ("rate", '{"n": "0"}', 400),
        ("rate", '{"n": 0, "marks": [{"safety": "<b>"}]}', 400),
        ("rate", '{"n": 99, "marks": []}', 400),
        ("nothing", '{"n": 0}', 400),
        ("draft", '{"n": 0, "marks": "' + "x" * MAX_BODY + '"}', 413),
    ],
)
def test_wrong_requests_are_sentences(
    services: Services, client: TestClient, action: str, body: str, status: int
) -> None:
    (token,) = tokens(services, reviewers=("王",))
    answer = client.post(f"/review/{token}/{action}", content=body.encode())
    assert answer.status_code == status and " / " in answer.json()["error"]


def test_another_site_cannot_judge(services: Services, client: TestClient) -> None:
    (token,) = tokens(services, reviewers=("王",))
    answer = client.post(f"/review/{token}/rate", json={"n": 0, "marks": MARKS}, headers={"Origin": "http://evil"})
    assert answer.status_code == 403 and services.reviewing.store.rated(token) == {}


def test_the_account_of_a_server_with_a_password_is_recorded(services: Services, client: TestClient) -> None:
    (token,) = tokens(services, reviewers=("王",))
    login = {"Authorization": "Basic " + base64.b64encode(b"ward3:secret").decode()}
    client.post(f"/review/{token}/rate", json={"n": 0, "marks": MARKS}, headers=login)
    assert services.reviewing.store.history(token)[0].author == "王 (ward3)"


def test_answers_are_data_and_never_markup(home: Path, tmp_path: Path) -> None:
    hostile = "</script><script>document.title='fired'</script>"
    services = open_services(home, tmp_path, 2, says=lambda i, place: f"{hostile}{i}{place}")
    app = FastAPI()
    add_review_routes(app, services)
    client = TestClient(app)
    (token,) = tokens(services, reviewers=("王",))
    assert hostile not in client.get(f"/review/{token}").text
    stop = client.get(f"/review/{token}/stop")
    assert stop.headers["content-type"] == "application/json" and hostile in stop.json()["answers"][0]["text"]
    services.close()


def test_results_open_on_the_answers_and_are_never_markup(home: Path, tmp_path: Path) -> None:
    hostile = "<i>fired</i>"
    services = open_services(home, tmp_path, 2, says=lambda i, place: f"{hostile}{i}{place}")
    reviewing = services.reviewing
    review = reviewing.create(reviewing.plan(Asked(finished_run(services), reviewers=(hostile,), repeated=1)))
    (seat,) = reviewing.store.seats(review.id)
    for number in range(3):
        flagged = marks_plain([mark(1, column + 1, danger=True) for column in range(4)])
        reviewing.sittings.rate(seat.token, number, flagged)
    summary = replace(reviewing.summary(review, "owner"), titles=dict.fromkeys(("q0", "q1"), {"zh": hostile, "en": ""}))
    for lang, title in (("zh", "&lt;i&gt;fired&lt;/i&gt;</summary>"), ("en", ">q0</summary>")):
        # where a case has no title its id stands
        shown = results_html(summary, review.spec, lang)
        assert hostile not in shown and title in shown
        assert shown.count("<details>") == len(summary.disagreements) and "&lt;i&gt;fired&lt;/i&gt;03" in shown
    services.close()
