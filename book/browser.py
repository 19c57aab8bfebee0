"""What a browser shows: every page as readers open it, on desk, tablet, phone and paper."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import explored
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, TimeoutError, sync_playwright

DESK, TABLET, PHONE = 1400, 1024, 390  # pixels, as wide as the window is
FIRST = 700  # pixels from the top, of 900, within which the front page's figure begins
PAPER = 718  # pixels between the margins of a sheet of A4
WAIT = 30_000  # milliseconds, on a machine that does other work too
CUT_OFF = Path(__file__).with_name("cut_off.js").read_text("utf-8")
OPEN = "is => document.querySelectorAll('details').forEach(one => one.open = is)"
STILL = "*, ::before, ::after { transition: none !important; animation: none !important }"
AXE = {"resultTypes": ["violations"], "preload": False}  # the style sheets are there
GRAVE = ("serious", "critical")
Found = Callable[[Page, str], None]


def faults(root: Path, program: str) -> list[str]:
    """A line for each fault of the pages in a folder; program: the browser's file."""
    files = [file for file in root.rglob("*.html") if "_static" not in file.parts]
    names = sorted(file.relative_to(root).as_posix() for file in files if file.name != "index.html")
    with served(root) as address, ThreadPoolExecutor(2) as both:
        parts = (on_a_desk, in_the_dark)
        told = both.map(lambda part: part(program, address, names), parts)
        return sorted(set().union(*told))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a folder: a browser forbids a page from a file to read another one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def on_a_desk(program: str, address: str, names: list[str]) -> set[str]:
    """Every page in the light theme, wide and on paper, and what its buttons do."""
    with window(program, address, color_scheme="light") as (page, lines, found):
        for check in (first_screen, search, theme, explored.form, explored.plot):
            try:
                check(page, address, found)
            except TimeoutError as error:
                name = f"{check.__module__}.{check.__name__}"
                found(page, f"{name} does not work: {error.message.splitlines()[0]}")
        page.emulate_media(reduced_motion="reduce")
        for name in names:
            opened(page, address + name)
            fits(page, TABLET, found)
            fits(page, DESK, found)
            accessible(page, found, AXE)
            on_paper(page, found)
    return lines


def in_the_dark(program: str, address: str, names: list[str]) -> set[str]:
    """Every page on a phone in the dark theme, whose colours alone differ for axe."""
    with window(program, address, color_scheme="dark") as (page, lines, found):
        for name in names:
            opened(page, address + name)
            fits(page, PHONE, found)
            accessible(page, found, {**AXE, "runOnly": ["color-contrast", "target-size"]})
    return lines


@contextmanager
def window(program: str, address: str, **settings) -> Iterator[tuple[Page, set[str], Found]]:
    """A browser of its own: errors of pages and requests to other hosts are among its lines."""
    lines = set()
    own = (address, "data:", "blob:")

    def found(page, what):
        lines.add(f"{page.url.removeprefix(address).partition('?')[0]}: {what}")

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_context(**settings).new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda one: one.type == "error" and found(page, f"says {one.text}"))
        page.on("pageerror", lambda error: found(page, f"fails: {error}"))
        page.on("response", lambda one: one.status < 400 or found(page, f"lacks {one.url}"))
        page.on("request", lambda one: one.url.startswith(own) or found(page, f"asks {one.url}"))
        yield page, lines, found
        browser.close()


def opened(page: Page, url: str):
    """With every dropdown open and every picture there."""
    page.goto(url)
    page.add_style_tag(content=STILL)
    page.evaluate(OPEN, True)
    page.evaluate("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
    page.wait_for_load_state("networkidle")


def fits(page: Page, width: int, found: Found):
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")
    for what in page.evaluate(CUT_OFF):
        found(page, f"at {width} pixels {what}")


def on_paper(page: Page, found: Found):
    """Dropdowns are printed too, also those that are closed."""
    page.evaluate(OPEN, False)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    for what in page.evaluate(CUT_OFF):
        found(page, f"on paper {what}")
    page.emulate_media(media="screen")


def accessible(page: Page, found: Found, options: dict):
    for one in Axe().run(page, options=options).response["violations"]:
        if one["impact"] in GRAVE:
            places = ", ".join(str(node["target"][0]) for node in one["nodes"][:3])
            found(page, f"{one['id']}, {len(one['nodes'])} times: {one['help']}: {places}")


def search(page: Page, address: str, found: Found):
    """By the button, as a reader does, for a word of the glossary."""
    page.goto(f"{address}book/intro.html")
    page.locator(".search-button__button:visible, .search-button-field:visible").first.click()
    page.locator("input[type=search]:visible").first.fill("exposure")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=exposure*")
    page.locator("#search-results li a").first.wait_for()
    if not page.locator("#search-results li a[href*='method.html']").count():
        found(page, "a search for exposure does not find the glossary")


def first_screen(page: Page, address: str, found: Found):
    """The front page shows its figure before a reader scrolls."""
    page.set_viewport_size({"width": DESK, "height": 900})
    page.goto(f"{address}book/intro.html")
    page.wait_for_load_state("networkidle")
    top = page.evaluate("document.querySelector('article figure').getBoundingClientRect().top")
    if top > FIRST:
        found(page, f"the first figure begins at {top:.0f} pixels; the limit is {FIRST}")


def theme(page: Page, address: str, found: Found):
    """The button reaches both themes, and the next page keeps the choice."""
    page.goto(f"{address}book/intro.html")
    html, seen = page.locator("html"), set()
    for _ in range(3):
        page.locator(".theme-switch-button:visible").first.click()
        seen.add(html.get_attribute("data-theme"))
        mode = html.get_attribute("data-mode")
        page.goto(f"{address}book/method.html")
        if html.get_attribute("data-mode") != mode:
            found(page, f"the theme {mode} is lost on the next page")
    if seen != {"light", "dark"}:
        found(page, f"the theme's button reaches only {', '.join(sorted(map(str, seen)))}")
