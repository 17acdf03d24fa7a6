"""The page and the address of `identify` in the deployed template: the real function, asked by a real browser."""

import io
import json
import random
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from pomona_contract.lake_layout import LATEST_RESULTS
from tests.browser import CONTRAST, chromium, show_as
from tests.identify_results import new_image, put_results
from tests.identify_stack import IdentifyStack
from tests.local_server import LocalServer

pytestmark = pytest.mark.timeout(600)
PATIENCE_SECONDS = 60
MOST_BYTES = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentifyStack]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    yield IdentifyStack.deployed(server, tmp_path_factory.mktemp("deployment"), "public")
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def opened(browser: Any, stack: IdentifyStack) -> Iterator[Any]:
    """Open the page; it must not complain of anything but of answers that are errors."""

    def open_page(width: int = 360, scheme: str = "light") -> Any:
        show_as(browser, width, scheme)
        browser.get(stack.url)
        return browser

    yield open_page
    complaints = [one["message"] for one in browser.get_log("browser")]
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


def ask(stack: IdentifyStack, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(stack.url, data=body, headers={"content-type": "image/jpeg"} | headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def choose(browser: Any, file: Path, field: str = "file") -> None:
    browser.find_element(By.ID, field).send_keys(str(file))


def shown(browser: Any, text: str) -> None:
    """Wait until the page shows or says a text."""
    WebDriverWait(browser, PATIENCE_SECONDS).until(lambda _: text in said(browser) or text in label(browser))


def said(browser: Any) -> str:
    return str(browser.find_element(By.ID, "message").get_attribute("textContent"))


def label(browser: Any) -> str:
    return str(browser.find_element(By.ID, "label").text)


@pytest.fixture
def kiwi(tmp_path: Path) -> Path:
    file = tmp_path / "kiwi.jpg"
    file.write_bytes(new_image("kiwi"))
    return file


def test_the_deployed_address_answers_an_image(stack):
    status, answer = ask(stack, new_image("banana"))
    assert (status, answer["label"]) == (200, "banana")
    assert answer["model"]["snapshot_id"] == 7


def test_the_deployed_address_refuses_what_it_does_not_take(stack):
    body = json.dumps({"bucket": stack.outputs["ImagesBucketName"], "key": "kiwi/kiwi-00.jpg"}).encode()
    assert ask(stack, body, **{"content-type": "application/json"})[0] == 403
    assert ask(stack, b"no image")[0] == 422
    assert ask(stack, bytes(7_000_000))[0] == 413


def test_an_invocation_may_name_an_image_of_the_bucket_and_no_other_object(stack):
    name, found = stack.outputs["IdentifyFunctionName"], {}
    for bucket in ("ImagesBucketName", "LakeBucketName"):
        for key in ("kiwi/kiwi-00.jpg", "no/such.jpg"):
            event = {"bucket": stack.outputs[bucket], "key": key}
            invoked = stack.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
            answer = json.load(invoked["Payload"])
            found[bucket, key] = answer.get("status") or answer["label"]
    assert found == {
        ("ImagesBucketName", "kiwi/kiwi-00.jpg"): "kiwi",
        ("ImagesBucketName", "no/such.jpg"): 404,
        ("LakeBucketName", "kiwi/kiwi-00.jpg"): 403,
        ("LakeBucketName", "no/such.jpg"): 403,
    }


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_photograph_gets_its_class_with_probabilities_and_pictures(opened, kiwi, width, scheme):
    # Given the page on a phone or a desktop
    browser = opened(width, scheme)
    # When a photograph is chosen
    choose(browser, kiwi)
    shown(browser, "kiwi")
    # Then its class is shown, and told to a screen reader
    assert label(browser) == "kiwi"
    assert said(browser).startswith("The answer: kiwi, ")
    assert browser.find_element(By.ID, "message").get_attribute("aria-live") == "polite"
    # And the candidates with their bars, the first the longest
    bars = browser.find_elements(By.CSS_SELECTOR, "#candidates .fill")
    assert len(bars) == 4
    widths = [bar.size["width"] for bar in bars]
    assert widths == sorted(widths, reverse=True)
    # And every similar image has a picture that has loaded, and a text
    pictures = browser.find_elements(By.CSS_SELECTOR, "#nearest img")
    assert len(pictures) == 8
    loaded = "return [...document.querySelectorAll('#nearest img')].every(one => one.naturalWidth > 30 && one.alt)"
    WebDriverWait(browser, PATIENCE_SECONDS).until(lambda _: browser.execute_script(loaded))
    # And nothing is wider than the screen, and text stands out from the paper
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(CONTRAST) >= 4.5


def test_the_page_is_used_with_the_keyboard_alone(opened, kiwi):
    browser = opened()
    # The two fields are reached by tabs, in the order of the page, and show that they have the focus
    for field in ("camera", "file"):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        assert focused.get_attribute("id") == field
        outline = "return getComputedStyle(arguments[0].closest('label')).outlineStyle"
        assert browser.execute_script(outline, focused) == "solid"
        assert focused.accessible_name


def test_a_photograph_that_is_too_large_to_send_is_reduced_in_the_browser(opened, tmp_path):
    # Given a photograph of 12 megapixels and more bytes than Lambda takes, stored on its side
    small = Image.open(io.BytesIO(new_image("banana"))).convert("RGB")
    noise = Image.frombytes("RGB", (4000, 3000), random.Random(1).randbytes(36_000_000))
    large = Image.blend(small.resize((4000, 3000)), noise, 0.25)
    orientation = Image.Exif()
    orientation[0x0112] = 6
    file = tmp_path / "large.jpg"
    large.rotate(90, expand=True).save(file, quality=97, exif=orientation)
    assert file.stat().st_size > 2 * MOST_BYTES
    # When it is chosen, then it is identified
    browser = opened()
    choose(browser, file)
    WebDriverWait(browser, PATIENCE_SECONDS).until(lambda _: said(browser).startswith("The answer: "))


def test_what_is_no_image_gets_the_sentence_of_the_job_and_another_try(opened, stack, tmp_path):
    # Given a file that is no image
    file = tmp_path / "notes.jpg"
    file.write_text("no image")
    browser = opened()
    choose(browser, file)
    # Then the page says why, and shows no answer
    shown(browser, "Not an image")
    assert not browser.find_element(By.ID, "result").is_displayed()
    assert browser.find_element(By.ID, "again").is_displayed()


def test_while_there_are_no_results_the_page_says_so_and_tries_again(opened, stack, kiwi):
    # Given a lake whose results an erasure has removed
    lake = stack.outputs["LakeBucketName"]
    stack.s3.delete_object(Bucket=lake, Key=LATEST_RESULTS)
    browser = opened()
    choose(browser, kiwi)
    shown(browser, "There are no results yet")
    # When a refit has written new ones, then another try is answered with them
    put_results(stack.s3, lake, snapshot_id=8)
    browser.find_element(By.ID, "again").click()
    shown(browser, "kiwi")
    assert ask(stack, new_image("kiwi"))[1]["model"]["snapshot_id"] == 8


def test_a_hostile_label_is_text(opened, stack, kiwi):
    # Given a key and a label that are markup
    hostile = "<img src=x onerror=document.title='broken'>"
    browser = opened()
    browser.execute_script(
        "const answer = {label: arguments[0], probability: .9, candidates: [{label: arguments[0], probability: .9}],"
        "nearest: [{key: arguments[0], label: arguments[0], similarity: 1}],"
        "model: {rows: 1, refitted_at: '2026-11-20', accuracy: null}}; show(answer);",
        hostile,
    )
    assert label(browser) == hostile
    assert not browser.find_elements(By.CSS_SELECTOR, "img[onerror]")
    assert browser.title == "What is this?"


def test_an_image_that_was_erased_has_no_picture(opened, stack, kiwi):
    # Given that one of the similar images has been deleted from the bucket
    nearest = ask(stack, new_image("kiwi"))[1]["nearest"]
    stack.s3.delete_object(Bucket=stack.outputs["ImagesBucketName"], Key=nearest[0]["key"])
    browser = opened()
    choose(browser, kiwi)
    shown(browser, "kiwi")
    # Then it is shown without one
    assert len(browser.find_elements(By.CSS_SELECTOR, "#nearest .blank")) == 1
    assert len(browser.find_elements(By.CSS_SELECTOR, "#nearest img")) == 7
