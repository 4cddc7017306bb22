"""Takes the README's screenshots of the Compare tab from a running app: python docs/screenshots/take.py [URL].

Needs playwright and an installed Chromium or Chrome; the pictures land beside this file.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHOTS = [
    ("compare-1280-zh", 1280, 960, "zh"),
    ("compare-1280-en", 1280, 960, "en"),
    ("compare-phone-zh", 375, 812, "zh"),
    ("compare-phone-en", 375, 812, "en"),
]


def main() -> int:
    """Takes all pictures; returns the exit code."""
    address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860"
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        print("没有找到 Chromium 或 Chrome / no Chromium or Chrome is installed", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=ARGS)
        for name, width, height, lang in SHOTS:
            context = started.new_context(viewport={"width": width, "height": height}, device_scale_factor=1.5)
            take(context.new_page(), address, lang, HERE / f"{name}.png")
            context.close()
        started.close()
    return 0


def take(page: Page, address: str, lang: str, target: Path) -> None:
    """Opens the page, waits for its first four answers, switches the language and saves a picture of it."""
    page.set_default_timeout(90_000)
    page.goto(address)
    page.wait_for_function("document.querySelectorAll('#me-cards .me-card.me-done').length >= 4")
    if lang == "en":
        page.locator("#me-lang").get_by_text("English").click()
        page.wait_for_function("document.querySelector('#me-cards h3').textContent === 'Base'")
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.evaluate("document.querySelector('#me-question').scrollIntoView()")
    page.wait_for_timeout(800)
    page.screenshot(path=target)
    # 256 colours show the page as well at a quarter of the size, and every version stays in the history.
    Image.open(target).convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(target, optimize=True)
    print(target)


if __name__ == "__main__":
    sys.exit(main())
