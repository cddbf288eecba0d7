"""The page in a real browser, opened from its file: it sorts, filters, opens runs, and asks nothing of the network."""

import json
import re
import shutil
from itertools import pairwise

import pytest

from tests.report.page.conftest import HOSTILE, LOSSES

selenium = pytest.importorskip("selenium.webdriver", reason="selenium, of the extra [dev], is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

PATIENCE = 20  # seconds
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 22)"}
SOFTSORT = "#run=wordnet826/softsort-0"


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, and without a name that it could look up."""
    binary, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (binary and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    # Root, whom containers run as, has no sandbox there; /dev/shm may be small.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=driver))
    yield opened
    opened.quit()


class Page:
    """A page in the browser."""

    def __init__(self, browser, path):
        self.browser, self.address = browser, path.as_uri()

    def open(self, fragment=""):
        self.browser.get("about:blank")  # lest a new fragment alone keep the old page
        self.browser.get(self.address + fragment)

    def js(self, expression):
        return self.browser.execute_script(f"return {expression}")

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def column(self, name):
        """The texts of a column of the runs that are to be seen."""
        headers = [each.text.rstrip(" ▲▼") for each in self.all("#runs th")]
        selector = f"#runs tbody tr:not([hidden]) td:nth-child({headers.index(name) + 1})"
        return [each.text for each in self.all(selector)]

    def press(self, name):
        self.browser.find_element(By.XPATH, f"//section[@id='runs']//th[normalize-space()='{name}']/button").click()

    def wait(self, condition):
        WebDriverWait(self.browser, PATIENCE).until(lambda _: condition())

    def wait_for_run(self):
        self.wait(lambda: self.js("document.querySelector('#run').open"))

    def size(self, width, height=740):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, medium="", scheme="light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})

    def style(self, selector, name):
        return self.js(f"getComputedStyle(document.querySelector('{selector}'))['{name}']")

    def requests(self):
        """The addresses that were asked for since the last time."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = (each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent")
        return {url.partition("#")[0] for url in urls if not url.startswith("data:")}


@pytest.fixture
def page(browser, records, write):
    """The page of the small folder; at the end the console must be silent and no other file have been asked for."""
    shown = Page(browser, write())
    for log in ("browser", "performance"):
        browser.get_log(log)  # what earlier pages have left there
    shown.size(1280)
    shown.media()
    shown.open()
    yield shown
    assert browser.get_log("browser") == []
    assert shown.requests() == {shown.address}


def test_a_click_on_a_header_sorts_numbers_as_numbers_with_the_missing_last(page):
    given = page.column("top-1")
    page.press("top-1")
    assert [text.split()[0] for text in page.column("top-1")] == ["9.50", "60.00", "61.20", "n/a"]
    assert page.one("#runs th[aria-sort]").get_attribute("aria-sort") == "ascending"
    page.press("top-1")
    assert [text.split()[0] for text in page.column("top-1")] == ["61.20", "60.00", "9.50", "n/a"]
    assert page.one("#runs th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.press("method")
    assert page.column("method") == ["bitonic", "neuralsort", "softsort", "softsort"]
    assert sorted(given) == sorted(page.column("top-1"))
    assert len(page.all("#runs th[aria-sort]")) == 1


def test_headers_are_pressed_by_the_keyboard_and_other_tables_sort_too(page):
    button = page.one("#main th button")
    button.send_keys(Keys.ENTER)
    button.send_keys(Keys.SPACE)
    assert [each.text for each in page.all("#main tbody td:first-child")] == [
        "softsort",
        "bitonic",
    ]


def test_filters_by_words_and_choices(page):
    field = page.one("#runs input")
    field.send_keys("SOFT 9.5")
    assert page.column("run") == ["softsort-1"]
    assert page.one("#runs output").text == "1 of 4 runs"
    field.clear()
    field.send_keys("zzz")
    assert page.column("run") == []
    field.send_keys(Keys.BACKSPACE * 3)
    method, status = (Select(each) for each in page.all("#runs select")[1:])
    method.select_by_visible_text("softsort")
    assert page.column("run") == ["softsort-0", "softsort-1"]
    status.select_by_visible_text("failed")
    assert page.one("#runs output").text == "0 of 4 runs"
    method.select_by_visible_text("all")
    assert page.column("run") == ["neuralsort-0"]


def points(path):
    """The strokes of a path, each a list of x and y."""
    strokes = [re.findall(r"(-?[\d.]+) (-?[\d.]+)", stroke) for stroke in path.split("M")[1:]]
    return [[(float(x), float(y)) for x, y in stroke] for stroke in strokes]


def test_a_run_opens_by_enter_with_its_curves_figures_and_record(page, records):
    page.one(f"#runs a[href='{SOFTSORT}']").send_keys(Keys.ENTER)
    page.wait_for_run()
    assert page.one("#run h2").text == "softsort, P_K [0.5 0.5], seed 0"
    top1, top5, loss = (
        points(page.all(f"#run svg[aria-label^='{title}'] .curve-{at}")[-1].get_attribute("d"))
        for title, at in (("validation", 0), ("validation", 1), ("training loss", 0))
    )
    for (stroke,) in (top1, top5):  # accuracies rise by as much from one evaluation to the next, upwards on the screen
        assert len(stroke) == len(LOSSES)
        (x1, y1), (x2, y2) = ((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(stroke))
        assert (x1, y1) == pytest.approx((x2, y2), abs=0.2)
        assert x1 > 0 > y1
    assert [len(stroke) for stroke in loss] == [1, 1]  # of 2.5, nothing, 1.5
    labels = [each.text for each in page.all("#run svg text")]
    assert {"validation accuracy, %", "training steps", "100", "300", "top-1", "top-5"} < set(labels)
    rows = page.all("#run tbody tr")
    assert len(rows) == 12
    assert rows[0].text == "per_metric top-1 50.00 60.00 3 300"  # .3 + .05 · 4 on validation
    page.one("#run summary").click()
    assert json.loads(page.one("#run pre").text) == json.loads(records[0].to_json())
    page.one("#run").send_keys(Keys.ESCAPE)
    page.wait(lambda: page.js("location.hash") == "")
    assert not page.js("document.querySelector('#run').open")
    assert page.js("document.activeElement.hash") == SOFTSORT


def test_a_click_anywhere_on_a_row_opens_it_and_close_closes(page):
    page.one("#runs tbody tr:last-child td").click()
    page.wait_for_run()
    assert page.one("#run h2").text.startswith("softsort")
    page.one("#run form button").click()
    page.wait(lambda: not page.js("document.querySelector('#run').open"))


def test_a_link_opens_its_run_and_says_why_it_failed(page):
    page.open("#run=wordnet826/neuralsort-0")
    page.wait_for_run()
    assert page.one("#run h2").text.startswith("neuralsort")
    assert page.one("#run pre").text.startswith("ValueError: the loss is NaN")


def test_a_link_to_no_run_opens_none(page):
    page.open("#run=wordnet826/other")
    assert page.column("run")
    assert not page.js("document.querySelector('#run').open")


def test_the_switch_has_the_last_word_on_the_theme(page):
    switch = Select(page.one("#theme"))
    for system in ("light", "dark"):
        page.media(scheme=system)
        for chosen, shown in (("system", system), ("light", "light"), ("dark", "dark")):
            switch.select_by_value(chosen)
            assert page.style("body", "backgroundColor") == PAPER[shown]


def luminance(colour):
    """Relative luminance of "rgb(…)", as WCAG 2 defines it."""
    channels = (int(each) / 255 for each in re.findall(r"\d+", colour)[:3])
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_4_5(page, scheme):
    page.media(scheme=scheme)
    paper = luminance(page.style("body", "backgroundColor"))
    for selector in ("body", "dt", "figcaption", "label", "nav a", "th button", "input"):
        darker, lighter = sorted((paper, luminance(page.style(selector, "color"))))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, selector


def test_a_phone_scrolls_tables_but_not_the_page(page):
    page.size(360)
    for fragment in ("", SOFTSORT):
        page.open(fragment)
        if fragment:
            page.wait_for_run()
            assert page.js("document.querySelector('#run').scrollWidth <= innerWidth")
        assert page.js("[innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    boxes = "[...document.querySelectorAll('#runs .scroll')].map((box) => box.scrollWidth > box.clientWidth)"
    assert page.js(boxes) == [True]


def test_print_shows_whole_tables_in_black_without_controls(page):
    page.size(1032)  # A4 across without its margins, at 96 dots an inch
    page.media("print", "dark")
    assert page.js("[...document.querySelectorAll('table')].every((t) => t.getBoundingClientRect().right <= 1032)")
    assert page.style("#runs .scroll", "overflow") == "visible"
    assert page.style("#runs .scroll", "maxHeight") == "none"
    assert page.style("body", "color") == "rgb(0, 0, 0)"
    hidden = [each.is_displayed() for each in page.all("input, select, nav, dialog")]
    assert hidden
    assert not any(hidden)


def test_hostile_names_and_large_seeds_are_shown_as_they_are(page, save, write):
    record = save(method=HOSTILE, dataset='"it\'s" <b>', seed=2**53 + 1)
    write()
    page.open()
    assert page.js("document.images.length") == 0
    Select(page.all("#runs select")[1]).select_by_visible_text(HOSTILE)
    assert page.column("run") == [record.run_id]
    page.one("#runs tr:not([hidden]) a").click()
    page.wait_for_run()
    assert page.js("document.images.length") == 0
    page.one("#run summary").click()
    assert '"seed": 9007199254740993,' in page.one("#run pre").text
