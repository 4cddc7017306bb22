"""What the browser tests of blind review share: the app with two reviews, and a reviewer in a browser of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browsing import running_app
from review_samples import finished_run, open_services

from medeval.services.reviewing import Asked

WAIT = 60_000
CASES = 8
REVIEWERS = ("王医生", "李医生", "a", "b", "c")


class Site:
    """The running app with reviews made before it started."""

    def __init__(self, url: str, folder: Path, review: str, tokens: list[str], join: str) -> None:
        self.url, self.folder, self.review, self.tokens, self.join = url, folder, review, tokens, join


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """The app with one review for the named reviewers and one for whoever opens its link."""
    services = open_services(folder / "home", folder, CASES)
    reviewing, run_id = services.reviewing, finished_run(services)
    review = reviewing.create(reviewing.plan(Asked(run_id, reviewers=REVIEWERS)))
    seats = {seat.reviewer: seat.token for seat in reviewing.store.seats(review.id)}
    join = reviewing.create(reviewing.plan(Asked(run_id))).join
    services.close()
    tokens = [seats[name] for name in REVIEWERS]
    with running_app(folder, str(Path(__file__).with_name("review_app.py")), str(folder), "PORT") as address:
        yield Site(address, folder, review.id, tokens, join)


@contextmanager
def joined(browser: Any, site: Site, name: str, lang: str = "zh", width: int = 1280) -> Iterator[Any]:
    """The page of somebody who came by the open link and gave a name."""
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{site.url}review/join/{site.join}?lang={lang}")
        page.locator("#name").fill(name)
        page.keyboard.press("Enter")
        page.wait_for_selector(".me-rv-card")
        yield page


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
