"""The report in a real browser: it fits the screen, and its tables, pictures and points can be used."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from pomona.refit.report.page import render
from tests.browser import CONTRAST, chromium, show_as
from tests.report_content import usual_report

WIDE_TABLES = """
return [...document.querySelectorAll(".scroll")].filter(box => box.scrollWidth > box.clientWidth + 1)
  .map(box => box.querySelector("table").className)
"""
SMALLEST_TEXT = """
const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
let smallest = 99;
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (texts.currentNode.textContent.trim() && element.offsetParent && element.tagName !== "CANVAS")
    smallest = Math.min(smallest, parseFloat(getComputedStyle(element).fontSize));
}
return smallest
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def opened(browser, tmp_path):
    """Open the report of so many classes at a width; it must not complain of anything."""

    def open_report(classes, width=1280, scheme="light"):
        page = tmp_path / f"{classes}.html"
        page.write_bytes(render(usual_report(classes)))
        show_as(browser, width, scheme)
        browser.get(page.as_uri())
        return browser

    yield open_report
    assert browser.get_log("browser") == []


def visible_rows(browser):
    return browser.execute_script(
        "return [...document.getElementById('classes').tBodies[0].rows].filter(row => !row.hidden)"
        ".map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )


def first_column_head(browser, title):
    heads = browser.find_elements(By.CSS_SELECTOR, "#classes thead th")
    return next(head for head in heads if head.text.startswith(title))


@pytest.mark.parametrize("classes", [3, 67, 2000])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_desktop_and_a_phone(opened, classes, scheme):
    # Given a report on a desktop: then neither the page nor a table scrolls sideways
    browser = opened(classes, 1280, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
    assert browser.execute_script(WIDE_TABLES) == []
    # And on a phone the page does not, no text is tiny, and text stands out from the paper
    browser = opened(classes, 400, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.execute_script(SMALLEST_TEXT) >= 12
    assert browser.execute_script(CONTRAST) >= 4.5


def test_fifty_classes_are_shown_until_all_are_asked_for(opened):
    browser = opened(2000)
    assert len(visible_rows(browser)) == 50
    browser.find_element(By.ID, "class-all").click()
    assert len(visible_rows(browser)) == 2000
    assert not browser.find_element(By.ID, "class-all").is_displayed()


def test_classes_are_found_by_a_part_of_their_name(opened):
    browser = opened(2000)
    # Given a search for a class that is not among the first fifty, then it is shown
    browser.find_element(By.ID, "class-search").send_keys("plum 21")
    rows = visible_rows(browser)
    assert rows
    assert all("plum 21" in row[0].lower() for row in rows)
    # And the number is told to a screen reader
    told = browser.find_element(By.ID, "class-told")
    assert told.get_attribute("role") == "status"
    assert told.text == f"{len(rows)} of 2,000 classes are shown"


def test_the_columns_of_the_classes_sort_by_a_button(opened):
    browser = opened(67)
    images = first_column_head(browser, "images")
    assert images.get_attribute("aria-sort") == "descending"
    # When recall is pressed with the keyboard, then the worst class comes first, and the order is told
    recall = first_column_head(browser, "recall")
    recall.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    shares = [float(row[3].removesuffix(" %")) for row in visible_rows(browser)]
    assert shares == sorted(shares)
    assert recall.get_attribute("aria-sort") == "ascending"
    assert images.get_attribute("aria-sort") is None
    # And pressed again, the best
    recall.find_element(By.TAG_NAME, "button").click()
    shares = [float(row[3].removesuffix(" %")) for row in visible_rows(browser)]
    assert shares == sorted(shares, reverse=True)
    assert recall.get_attribute("aria-sort") == "descending"


def test_a_key_can_be_copied(opened):
    browser = opened(67)
    card = browser.find_element(By.CSS_SELECTOR, ".cards li")
    button = card.find_element(By.CSS_SELECTOR, "button.copy")
    button.click()
    WebDriverWait(browser, 10).until(lambda _: button.get_attribute("data-done"))
    assert button.text.startswith("copy")


def test_a_few_suspects_are_shown_until_all_are_asked_for(opened):
    browser = opened(67)
    suspects = browser.find_element(By.CSS_SELECTOR, ".cards[data-shown]")
    shown = [card for card in suspects.find_elements(By.TAG_NAME, "li") if card.is_displayed()]
    assert len(shown) == 18
    browser.find_element(By.CSS_SELECTOR, "button.more").click()
    assert all(card.is_displayed() for card in suspects.find_elements(By.TAG_NAME, "li"))


def test_classes_are_picked_out_of_the_points(opened):
    browser = opened(67)
    field, told = browser.find_element(By.ID, "pick"), browser.find_element(By.ID, "pick-told")
    field.send_keys("cherry")
    assert told.text.startswith("7 classes, ")
    marks = browser.find_elements(By.CSS_SELECTOR, "#pick-marks li")
    assert {mark.text for mark in marks} == {f"Cherry {number}" for number in range(1, 8)}
    field.clear()
    field.send_keys("Apple 1")
    assert told.text.startswith("1 class, ")
    field.clear()
    field.send_keys("no such fruit")
    assert told.text == "no class has this in its name"


def test_points_show_their_image_and_key_with_the_keyboard(opened):
    browser = opened(67)
    canvas = browser.find_element(By.CSS_SELECTOR, "#pairs canvas")
    # When a picture has the focus and an arrow key is pressed
    canvas.send_keys(Keys.ARROW_RIGHT)
    # Then the first point that has an image shows it, and its key is told
    tip = browser.find_element(By.ID, "tip")
    image = tip.find_element(By.TAG_NAME, "img")
    assert image.get_attribute("src").startswith("data:image/webp;base64,")
    key = tip.find_element(By.TAG_NAME, "span").get_attribute("textContent")
    assert key in usual_report(67).thumbnails
    assert browser.find_element(By.ID, "tip-told").get_attribute("textContent").startswith(key)
