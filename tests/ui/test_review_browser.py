"""Blind review in a real browser: two reviewers, keyboard only, over recorded answers; no model is loaded."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browsing import needs_browser, running_app
from review_samples import VARIANTS, finished_run, open_services

from medeval.services.reviewing import Asked

WAIT = 60_000
CASES = 8
REVIEWERS = ("王医生", "李医生", "a", "b", "c", "d")

pytestmark = needs_browser


class Site:
    """The running app with reviews made before it started."""

    def __init__(self, url: str, folder: Path, review: str, tokens: list[str], join: str) -> None:
        self.url, self.folder, self.review, self.tokens, self.join = url, folder, review, tokens, join


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("review")
    services = open_services(folder / "home", folder, CASES)
    reviewing, run_id = services.reviewing, finished_run(services)
    review = reviewing.create(reviewing.plan(Asked(run_id, reviewers=REVIEWERS)))
    seats = {seat.reviewer: seat.token for seat in reviewing.store.seats(review.id)}
    join = reviewing.create(reviewing.plan(Asked(run_id))).join
    services.close()
    tokens = [seats[name] for name in REVIEWERS]
    with running_app(folder, str(Path(__file__).with_name("review_app.py")), str(folder), "PORT") as address:
        yield Site(address, folder, review.id, tokens, join)


class Reviewer:
    """One browser of its own; keeps everything that goes over the wire until the names are asked for."""

    def __init__(self, browser: Any, site: Site, token: str) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.wire: list[str] = []
        self.faults: list[str] = []
        self.foreign: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.url = site.url
        self.page.goto(f"{site.url}review/{token}")
        self.page.wait_for_selector(".me-rv-card, .me-rv-last, .me-rv-names")

    def _asked(self, request: Any) -> None:
        self.wire.append(f"{request.url} {request.headers} {request.post_data or ''}")
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def _answered(self, response: Any) -> None:
        body = "" if response.request.resource_type == "image" else self._body(response)
        self.wire.append(f"{response.url} {response.headers} {body}")

    @staticmethod
    def _body(response: Any) -> str:
        try:
            return str(response.text())
        except Exception as error:  # a page that is left takes its bodies with it
            return f"({type(error).__name__})"

    @property
    def count(self) -> str:
        return str(self.page.locator("#me-rv-count").inner_text())

    def fill(self, base: int = 0) -> None:
        """Marks and places every column by digits alone."""
        for column in range(4):
            for digit in (4, 5, 3, 2, column + 1 + base if column + 1 + base <= 4 else 4):
                self.page.keyboard.press(str(digit))

    def enter(self) -> None:
        """Saves with Enter and waits for the next stop or the end."""
        before = self.count
        self.page.keyboard.press("Enter")
        self.page.wait_for_function(
            "before => document.querySelector('.me-rv-last') ||"
            " document.querySelector('#me-rv-count').textContent !== before",
            arg=before,
        )

    def reveal(self) -> None:
        """Asks for the names after the last case, once its page has settled."""
        self.page.wait_for_selector("#me-rv-reveal:enabled")
        self.page.keyboard.press("r")
        self.page.wait_for_selector(".me-rv-names")

    def checked(self) -> int:
        return int(self.page.locator('.me-rv-levels [aria-checked="true"]').count())


def test_two_reviewers_blind_by_keyboard_with_reload_and_undo(browser: Any, site: Site) -> None:
    wang, li = Reviewer(browser, site, site.tokens[0]), Reviewer(browser, site, site.tokens[1])
    for number in range(CASES):
        for person in (wang, li):
            assert person.count == f"{number + 1}/{CASES}"
            person.fill()
            person.enter()
        if number == 2:  # half a case, then the page is loaded again
            for digit in "453":
                wang.page.keyboard.press(digit)
            wang.page.wait_for_function("document.querySelector('#me-rv-state').textContent === '草稿已保存'")
            wang.page.reload()
            wang.page.wait_for_selector(".me-rv-card")
            assert wang.count == f"4/{CASES}" and wang.checked() == 3
            for _ in range(3):  # the cursor stands on the first open scale; back to the top
                wang.page.keyboard.press("ArrowUp")
        if number == 4:  # the last saved one is taken back, with a reason, and judged anew
            li.page.keyboard.press("u")
            li.page.wait_for_selector("#me-rv-reason")
            li.page.keyboard.type("column mixed up")
            li.page.keyboard.press("Enter")
            li.page.wait_for_function("!document.querySelector('#me-rv-reason')")
            assert li.count == f"5/{CASES}" and li.checked() == 20
            li.page.keyboard.press("ArrowDown")
            li.page.keyboard.press("1")
            li.page.keyboard.press("d")
            li.page.wait_for_function("document.querySelector('#me-rv-state').textContent === '草稿已保存'")
            li.enter()
    for person in (wang, li):
        assert person.page.locator(".me-rv-last").count() == 1 and person.page.locator(".me-rv-names").count() == 0
        secret = [name for name in VARIANTS for text in person.wire if name in text]
        assert secret == [] and len(person.wire) > 4 * CASES
        numbers = ('"scores"', '"profiles"', '"rules":[', "finish_reason")
        assert not any(word in text for text in person.wire for word in numbers)
        shown = person.page.content()
        assert not any(name in shown for name in VARIANTS)
        person.reveal()
        assert all(name in person.page.locator(".me-rv-names").inner_text() for name in VARIANTS)
        assert person.faults == [] and person.foreign == []
        person.context.close()
    services = open_services(site.folder / "home", site.folder)
    store = services.reviewing.store
    ratings = store.ratings(site.review)
    assert len(ratings) == 2 * CASES
    history = store.history(site.tokens[1])
    assert [(change.kind, change.reason) for change in history if change.kind == "withdrawn"] == [
        ("withdrawn", "column mixed up")
    ]  # fmt: skip
    # the marks are those of the columns as stored: places 1 to 4 from the left
    places = {place.case_id: place for place in store.places(site.tokens[0])}
    mine = [rating for rating in ratings if rating.reviewer == "王医生"]
    assert all([rating.marks[name].rank for name in places[rating.case_id].order] == [1, 2, 3, 4] for rating in mine)
    services.close()


def test_a_finished_sitting_shows_names_again_and_takes_nothing(browser: Any, site: Site) -> None:
    wang = Reviewer(browser, site, site.tokens[0])
    wang.page.wait_for_selector(".me-rv-names")
    wang.page.keyboard.press("5")
    wang.page.keyboard.press("Backspace")
    assert wang.page.locator(".me-rv-names table").count() == CASES
    wang.context.close()


def test_no_press_meant_for_the_last_case_shows_names(browser: Any, site: Site) -> None:
    person = Reviewer(browser, site, site.tokens[5])
    keys, store = person.page.keyboard, open_services(site.folder / "home", site.folder)
    for _ in range(CASES):
        person.fill()
        person.enter()
    for key in ("Enter", "Enter", "r", " "):  # a second press of Enter, and the right key before the page was read
        keys.press(key)
    person.page.evaluate("document.querySelector('#me-rv-reveal').click()")
    person.page.wait_for_selector("#me-rv-reveal:enabled")
    keys.press("Enter")
    person.page.wait_for_timeout(300)
    assert person.page.locator(".me-rv-last").count() == 1
    seat = store.reviewing.store.seat(site.tokens[5])
    assert seat is not None and seat.finished is None
    keys.press("Backspace")
    person.page.wait_for_selector(".me-rv-card")
    keys.press("Enter")
    person.page.wait_for_selector(".me-rv-last")
    person.reveal()
    assert person.page.evaluate(f"fetch('{site.tokens[5]}/stop').then(r => r.json()).then(s => s.finished)")
    assert person.faults == []
    store.close()
    person.context.close()


FLAGS = [
    # keys after the first answer has its five marks, flags of the four answers, columns with a first mark
    ("d", [1, 0, 0, 0], [1, 0, 0, 0]),
    ("dd", [0, 0, 0, 0], [1, 0, 0, 0]),
    ("d45", [1, 0, 0, 0], [1, 1, 0, 0]),
    ("45d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("45321d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("45321d45321d45321d1", [0, 1, 1, 1], [1, 1, 1, 1]),
    ("<d", [0, 0, 0, 1], [1, 0, 0, 0]),
    (">4d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("^2d", [1, 0, 0, 0], [1, 0, 0, 0]),
]


@pytest.mark.parametrize(("keys", "flags", "begun"), FLAGS)
def test_d_flags_the_answer_that_was_just_marked(
    browser: Any, site: Site, keys: str, flags: list[int], begun: list[int]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{site.url}review/join/{site.join}")
    page.locator("#name").fill(f"键盘 {FLAGS.index((keys, flags, begun))}")
    page.keyboard.press("Enter")
    page.wait_for_selector(".me-rv-card")
    arrows = {"<": "ArrowLeft", ">": "ArrowRight", "^": "ArrowUp"}
    for key in "45321" + keys:
        page.keyboard.press(arrows.get(key, key))
    found = "all => all.map(e => Number(e.getAttribute('aria-pressed') === 'true'))"
    assert page.eval_on_selector_all("[data-flag]", found) == flags
    first = "all => all.map(e => e.querySelectorAll('[aria-checked=true]').length)"
    assert page.eval_on_selector_all('[data-cell$="-0"]', first) == begun
    context.close()


def test_the_image_is_windowed_and_zoomed_in_the_browser(browser: Any, site: Site) -> None:
    person = Reviewer(browser, site, site.tokens[4])
    while not person.page.locator(".me-rv-image").count():
        person.fill()
        person.enter()
    person.page.wait_for_selector('[data-ready="true"]')
    middle = """() => { const c = document.querySelector('.me-rv-stage canvas');
        return c.getContext('2d').getImageData(c.width / 2, Math.round(c.height * 0.8), 1, 1).data[0]; }"""
    before = person.page.evaluate(middle)
    for _ in range(8):
        person.page.keyboard.press("]")
    darker = person.page.evaluate(middle)
    assert darker < before - 40  # a higher level leaves less white
    person.page.keyboard.press("+")
    assert "scale(1.25)" in person.page.evaluate("document.querySelector('.me-rv-stage canvas').style.transform")
    person.page.keyboard.press("0")
    assert person.page.evaluate(middle) == before
    assert person.faults == []
    person.context.close()


def test_three_people_judge_at_once_without_an_error(site: Site) -> None:
    """Three threads, each a reviewer over HTTP: every stop is read, drafted and saved."""
    import json

    failed: list[str] = []

    def call(token: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{site.url}review/{token}/{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def sit(token: str) -> None:
        try:
            while not (stop := call(token, "stop"))["complete"]:
                marks = [{"correctness": 3, "safety": 4, "completeness": 3, "empathy": 3, "rank": i + 1}
                         for i in range(len(stop["answers"]))]  # fmt: skip
                call(token, "draft", {"n": stop["n"], "marks": marks[:2]})
                call(token, "rate", {"n": stop["n"], "marks": marks})
        except Exception as error:
            failed.append(f"{token}: {error}")

    threads = [Thread(target=sit, args=(token,)) for token in site.tokens[2:5]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_overflows_on_a_phone(browser: Any, site: Site, lang: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.url}review/join/{site.join}?lang={lang}")
    page.locator("#name").fill("手机" if lang == "zh" else "Phone")
    page.keyboard.press("Enter")
    page.wait_for_selector(".me-rv-card")
    edges = page.eval_on_selector_all(
        ".me-rv-card, .me-rv-levels button, .me-rv-question, .me-rv-foot button, .me-rv-note",
        "found => found.map(f => [f.getBoundingClientRect().left, f.getBoundingClientRect().right])",
    )
    assert all(left >= 0 and right <= 390 for left, right in edges)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = page.eval_on_selector_all(".me-rv-card", "cards => cards.map(c => c.getBoundingClientRect().top)")
    assert tops == sorted(set(tops))
    context.close()


def test_the_owner_makes_a_review_and_sees_results(browser: Any, site: Site) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(site.url)
    page.get_by_role("tab", name="盲评").click()
    page.wait_for_selector("[data-review]")
    before = page.locator("[data-review]").count()
    page.locator("#me-rv-reviewers textarea").fill("甲医生\n乙医生")
    page.locator("#me-rv-check").click()
    page.wait_for_selector("#me-rv-plan .me-rv-plan")
    page.locator("#me-rv-create").click()
    page.wait_for_function(f"document.querySelectorAll('[data-review]').length === {before + 1}")
    assert "甲医生" in page.locator("#me-rv-list").inner_text()
    page.locator("#me-rv-pick input").click()
    page.get_by_role("option", name=site.review).click()
    page.locator("#me-rv-show").click()
    page.wait_for_selector("#me-rv-results .me-table")
    assert all(name in page.locator("#me-rv-results").inner_text() for name in VARIANTS)
    assert faults == []
    context.close()
