"""The page "Scaling explorer" as a reader uses it: its form, and its plot by mouse and by keys."""

import json
from collections.abc import Callable

from playwright.sync_api import Page, TimeoutError

Found = Callable[[Page, str], None]
NETWORK = "resnet_rs_200@256"  # of Table 7, so that devices have its time
PRICE = 2.5
SOON = 5_000  # milliseconds
# the words in the plot's tip break into lines, so that spaces are lost
TIP = """words => {
  const told = document.querySelector("#plot [aria-label='tip']")?.textContent ?? "";
  return told.replace(/\\s/g, "").includes(words.replace(/\\s/g, ""));
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  return [one.getAttribute("aria-label") ?? one.tagName, getComputedStyle(one).outlineWidth];
}"""


def opened(page: Page, address: str) -> dict:
    """The numbers that the page carries."""
    page.goto(f"{address}book/explorer.html")
    page.locator("#plot svg").first.wait_for()
    return json.loads(page.locator("#explorer-data").text_content() or "")


def form(page: Page, address: str, found: Found):
    """What is chosen is what is shown, and a price becomes money."""
    data = opened(page, address)
    depth = page.locator("#explorer [name=depth]")
    depth.select_option("50")
    shown(page, data, found)
    depth.focus()
    page.keyboard.press("ArrowDown")
    if depth.input_value() == "50":
        found(page, "an arrow key does not change the depth")
    shown(page, data, found)
    page.locator("#explorer [name=network]").select_option(NETWORK)
    shown(page, data, found)
    hours = next(one for one in data["devices"] if NETWORK in one["networks"])["networks"]
    card = page.locator("#devices > *").first
    card.locator("input").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(str(PRICE))
    same(page, card.locator("output").inner_text(), hours[NETWORK]["hours"] * PRICE, found)


def shown(page: Page, data: dict, found: Found):
    """The number of parameters is that of the network in the form."""
    field = "#explorer [name={}]".format
    family, width, depth = (
        page.locator(field(name)).input_value() for name in ("family", "width", "depth")
    )
    counted = data["configurations"][family][width][depth]["parameters"] / 1e6
    same(page, page.locator("[data-of=parameters]").inner_text(), counted, found)
    resolution = page.locator(field("resolution")).input_value()
    dropout = data["regularization"]["appendix_e"][width][resolution]["dropout"]
    cell = page.locator("#strengths tbody tr").first.locator("td").nth(1)
    same(page, cell.inner_text(), dropout, found)


def same(page: Page, words: str, value: float, found: Found):
    """The last number of a sentence is a value, in three digits."""
    numbers = [word.replace(",", "") for word in words.split() if word[0].isdigit()]
    if not numbers or abs(float(numbers[-1]) / value - 1) > 0.005:
        found(page, f"shows {words!r} where {value:.4g} is meant")


def plot(page: Page, address: str, found: Found):
    """Another axis, then marks by Tab and arrow keys, and by the mouse."""
    data = opened(page, address)
    axis = page.locator("#plot-axis")
    axis.select_option(label="Counted: parameters")
    if not page.locator("#plot svg[aria-label*='million parameters']").count():
        found(page, "another axis does not change the plot")
    points = sorted(data["points"].values(), key=lambda point: point["parameters"])
    labels = [point["label"] for point in points]
    axis.focus()
    steps = {"Tab": 0, "ArrowRight": 1, "ArrowLeft": 0}
    for key, place in steps.items():
        label = labels[place]
        page.keyboard.press(key)
        words, outline = page.evaluate(FOCUSED)
        if not words.startswith(f"{label}:") or outline == "0px":
            found(page, f"{key} reaches {words!r} with an outline of {outline}, not {label!r}")
        tip(page, key, label, found)
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.closest('#plot') !== null"):
        found(page, "a second Tab stays in the plot, whose marks are one stop")
    for place in (-1, len(labels) // 2):
        page.locator("#plot [aria-label='dot'] > *").nth(place).hover(force=True)
        tip(page, "the mouse", labels[place], found)


def tip(page: Page, by: str, label: str, found: Found):
    """What a reader reads of the mark that is pointed at."""
    try:
        page.wait_for_function(TIP, arg=f"{label}:", timeout=SOON)
    except TimeoutError:
        found(page, f"{by} shows no numbers of {label}")
