"""Blind review in a real browser: two reviewers, keyboard only, over recorded answers; no model is loaded."""

import re
import urllib.request
from threading import Thread
from typing import Any

import pytest
from browsing import needs_browser
from review_people import CASES, WAIT, Reviewer, Site, joined
from review_samples import VARIANTS, open_services

pytestmark = needs_browser


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

    threads = [Thread(target=sit, args=(token,)) for token in site.tokens[2:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_overflows_on_a_phone(browser: Any, site: Site, lang: str) -> None:
    with joined(browser, site, "手机" if lang == "zh" else "Phone", lang, width=390) as page:
        edges = page.eval_on_selector_all(
            ".me-rv-card, .me-rv-levels button, .me-rv-question, .me-rv-foot button, .me-rv-note",
            "found => found.map(f => [f.getBoundingClientRect().left, f.getBoundingClientRect().right])",
        )
        assert all(left >= 0 and right <= 390 for left, right in edges)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        tops = page.eval_on_selector_all(".me-rv-card", "cards => cards.map(c => c.getBoundingClientRect().top)")
        assert tops == sorted(set(tops))


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
    page.get_by_role("option", name=site.review.partition("-")[2]).click()
    page.locator("#me-rv-show").click()
    page.wait_for_selector("#me-rv-results .me-table")
    assert all(name in page.locator("#me-rv-results").inner_text() for name in VARIANTS)
    assert "这台机器" in page.locator("#me-rv-here-only").inner_text()
    queued = page.locator("#me-rv-results summary")
    assert queued.count() and all(re.fullmatch(r"第\d题", title) for title in queued.all_inner_texts())
    queued.first.click()
    opened = page.locator("#me-rv-results details[open]").inner_text()
    assert "需要担心吗" in opened and "mmHg 偏高" in opened
    # on a phone the picker shows the whole name, also of the standard suite, clear of its arrow
    page.set_viewport_size({"width": 390, "height": 844})
    fits = "input => input.scrollWidth <= input.clientWidth && parseFloat(getComputedStyle(input).paddingRight) >= 20"
    picker = page.locator("#me-rv-pick input")
    assert re.fullmatch(r"clinic · \d{4}-\d\d-\d\d · \d{4}-\w{4}", picker.input_value())
    picker.evaluate("input => { input.value = input.value.replace('clinic', 'standard'); }")
    assert picker.evaluate(fits)
    assert faults == []
    context.close()
