"""The pages that are written from the results: what they compute, and that they refuse to invent what is missing."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cost, report, scale
from benchmarks.figures import MARGINAL_RATE, Figures, figures
from benchmarks.idle import CLOCK_MINUTES, EMR, GET, GLUE, LIST, LOOKS_OF_AN_HOUR, Asked, Idle, ask, count_idle
from benchmarks.places import ROOT, BenchError
from benchmarks.simulation import Outcome
from embedded_aws.cloudformation.templates import parse_template
from pomona_intake.runs import parameters as runs

FIGURE = Figures(
    cores=2,
    machine="a processor",
    images_per_core_second=140.0,
    fixed_seconds=10.0,
    session_seconds=6.0,
    field_images_per_core_second=20.0,
    look_rows=1_000_000,
    look_seconds=1.0,
    refit_rows=100_000,
    refit_seconds=20.0,
    ingest_cpu_seconds=0.5,
    advance_seconds=1.0,
)
OUTCOME = Outcome(1000, 1010, 2, 2, 1, 0, 0, 1000, 2, 300.0, {"PUT": 5, "GET": 6, "LIST": 2, "DELETE": 1})


NAMES = (
    ("job", "job against the baseline with its usual setting"),
    ("job", "job against the baseline with its best setting"),
    ("engine", "job against the limit"),
    ("engine", MARGINAL_RATE),
    ("engine", "the bare engine against inference alone"),
    ("fixed", "a run of 10 images"),
    ("growth", "growth"),
    ("refit", "refit against Spark ML"),
    ("refit", "refit against the limit"),
    ("ingest", "ingest of 10,000 S3 events"),
    ("ingest", "ingest's cold import"),
    ("advance", "advance"),
)
"""Groups and names as the benchmarks give them."""


def document() -> dict:
    rows, details = [], {}
    for group, name in NAMES:
        rows.append(
            {"name": name, "ours": 10.0, "theirs": 100.0, "unit": "s", "ratio": 10.0, "goal": "≥ 4x", "met": True}
        )
        about = {
            "images": 5000,
            "rows": 100_000,
            "cpu_seconds": 0.5,
            "look_seconds": 1.0,
            "parts": {"session": 4.0, "plan": 1.0},
        }
        details[name] = {"group": group, "note": "a note", "measured_at": "now", **about}
    versions = dict.fromkeys(("spark", "java", "python", "tensorflow", "versitygw"), "1")
    machine = {"cores": 2, "processor": "a processor", "memory_gb": 8, "quick": False, "images": "generated"}
    machine["backbone"] = "mobilenet_v2"
    return {"machine": machine | versions, "rows": rows, "details": details}


def written(tmp_path: Path, content: dict) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_figures_come_from_the_rows(tmp_path):
    # Given results; when the figures are read
    found = figures(written(tmp_path, document()))
    # Then rates are those of one core
    assert found.images_per_core_second == 5.0
    assert found.field_images_per_core_second == 5000 / 100.0 / 2
    assert found.refit_rows == 100_000


def test_a_figure_that_was_not_measured_is_named_and_not_invented(tmp_path):
    # Given results without the refit's and the growing table's
    content = document()
    content["rows"] = [row for row in content["rows"] if not row["name"].startswith(("refit", "growth"))]
    # When the figures are read, then the error says how to get them
    with pytest.raises(BenchError, match="no rows of growth, refit: make bench ROWS=growth,refit"):
        figures(written(tmp_path, content))


def test_no_figure_depends_on_the_order_of_the_rows(tmp_path):
    # Given the same results in another order, and the marginal rate with a figure of its own
    content = document()
    for row in content["rows"]:
        row["ours"] = 286.9 if MARGINAL_RATE in row["name"] else row["ours"]
    turned = {**content, "rows": content["rows"][::-1]}
    # Then the figures are the same
    assert figures(written(tmp_path, turned)) == figures(written(tmp_path, content))
    assert figures(written(tmp_path, content)).images_per_core_second == 286.9 / 2


def test_every_price_has_a_source_and_says_how_it_was_confirmed():
    at = cost.prices()
    assert all(value > 0 for value in at.values.values())
    assert all(source and confirmed for source, confirmed in at.sources.values())


def test_the_functions_and_the_pages_have_the_same_prices():
    # Given the file that the functions read beside them
    functions = json.loads((ROOT / "contract" / "pomona_contract" / "prices.json").read_text())
    # Then it says what the pages say
    at = cost.prices()
    names = {"vcpu_hour": "vcpu_hour", "gb_hour": "gb_hour", "storage_gb_hour": "storage_gb_hour"}
    expected = {ours: at[f"emr_serverless_{theirs}"] for ours, theirs in names.items()}
    expected["function_gb_hour"] = pytest.approx(3600 * at["lambda_gb_second"])
    assert functions["hourly"] == {at.region: expected}
    assert functions["as_of"] == at.as_of
    assert functions["currency"] == "USD"


def test_more_images_cost_more_and_a_slow_engine_costs_more():
    at = cost.prices()
    few, many = (sum(cost.pomona_parts(images, FIGURE, at).values()) for images in (1_000, 1_000_000))
    slow = sum(cost.pomona_parts(1_000_000, replace(FIGURE, images_per_core_second=14.0), at).values())
    assert few < many < slow


@pytest.fixture(scope="module")
def idle() -> Idle:
    return count_idle()


def test_an_idle_month_is_nearly_free(idle):
    assert sum(cost.idle_month(idle, cost.prices()).values()) < 2.8


def test_what_an_idle_stack_asks_for_is_counted_from_the_functions(idle):
    # Given the functions of this source tree; when they are called as the schedules call them
    at = cost.prices()
    more = Idle(
        Asked(idle.hour.requests + Counter({LIST: LOOKS_OF_AN_HOUR}), idle.hour.metrics | {"Another"}), idle.day
    )
    # Then each look reads the claim, and one more LIST a look and one more metric are in the month's bill
    assert idle.hour.requests[GET] >= LOOKS_OF_AN_HOUR
    assert idle.hour.requests[EMR] == LOOKS_OF_AN_HOUR  # one ListJobRuns a look, and no more
    assert {"Looks", "OldestPendingSeconds"} <= idle.hour.metrics
    assert idle.day.requests[GLUE] == 2
    before, after = (sum(cost.idle_month(one, at).values()) for one in (idle, more))
    lists = cost.MONTH_HOURS * LOOKS_OF_AN_HOUR * at["s3_put_1000"] / 1000
    assert after - before == pytest.approx(lists + at["cloudwatch_metric_month"])


def test_a_function_that_does_more_than_an_idle_stack_needs_is_named():
    # Given a message to take in, which no idle stack has; when the function writes a segment, then that is told
    with pytest.raises(BenchError, match="ingest is not idle: PUT /lake/queue/pending/"):
        ask("ingest", "ingest-s3-put")


def test_the_clock_of_the_page_is_the_templates():
    parameters = parse_template((ROOT / "template.yaml").read_text())["Parameters"]
    assert parameters["ClockSchedule"]["Default"] == f"rate({CLOCK_MINUTES} minutes)"
    assert parameters["RefitSchedule"]["Default"] == parameters["MaintenanceSchedule"]["Default"] == "rate(1 day)"


def test_the_page_of_the_costs_says_what_its_script_writes(idle):
    written = cost.page(figures(), idle, cost.prices())
    assert cost.PAGE.read_text() == written, "docs/cost.md is not up to date: make bench-pages"


def test_the_readme_quotes_the_page_of_the_costs(idle):
    # Given what a million images and an idle month cost
    at, readme = cost.prices(), " ".join((ROOT / "README.md").read_text().split())
    parts = cost.pomona_parts(1_000_000, figures(), at)
    computing = sum(dollars for name, dollars in parts.items() if name.startswith("EMR Serverless"))
    # Then the README says the same
    assert (
        f"{sum(parts.values()):.2f} dollars for a million new images with `mobilenet_v2`, of which {computing:.2f} are"
        in readme
    )
    assert f"{sum(cost.idle_month(idle, at).values()):.2f} dollars for a month in which nothing happens" in readme


def test_a_run_is_priced_by_the_workers_that_it_asks_for():
    # Given a run of ten images, which asks for a driver of 2 vCPUs and 8 GB; and a larger one, with an executor
    at = cost.prices()
    hour = 2 * at["emr_serverless_vcpu_hour"] + 8 * at["emr_serverless_gb_hour"]
    for keys, workers in ((10, 1), (20_000, 1), (21_000, 3)):
        # When it is priced, then its workers are those, for as long as it takes
        seconds = cost.run_seconds(keys, FIGURE)
        priced = cost.pomona_parts(keys, FIGURE, at)["EMR Serverless: featurize"]
        assert priced == pytest.approx(seconds / 3600 * hour * workers)


def test_the_refit_of_a_large_table_is_priced_with_an_executor():
    at = cost.prices()
    small, large = (cost.pomona_parts(images, FIGURE, at)["EMR Serverless: one refit"] for images in (1, 1_000_000))
    assert large > 2 * small


def test_the_page_shows_what_small_and_large_runs_ask_for(idle):
    page = cost.page(FIGURE, idle, cost.prices())
    assert "| featurize, 10 images | driver alone: 2 vCPU, 8 GB | driver + 3 x 2 vCPU: 8 vCPU, 32 GB |" in page
    assert "| featurize, 100,000 images | driver + 3 x 2 vCPU: 8 vCPU, 32 GB |" in page


def test_other_executors_make_another_price(monkeypatch):
    # Given runs that ask for three executors instead of two
    before = cost.pomona_parts(25_000, FIGURE, cost.prices())["EMR Serverless: featurize"]
    monkeypatch.setattr(runs, "executors_at_start", lambda keys, at_most: 3)
    # When the page is computed again, then it follows
    assert cost.pomona_parts(25_000, FIGURE, cost.prices())["EMR Serverless: featurize"] > before * 1.1


def test_the_runs_of_a_backfill_hold_all_its_images():
    assert cost.runs_of(250_000) == [100_000, 100_000, 50_000]


def test_the_pages_hold_every_case_and_count(idle):
    at = cost.prices()
    page = scale.page(FIGURE, at, OUTCOME, OUTCOME)
    assert all(case.name in page for case in scale.CASES)
    assert "keys lost | **0** | **0**" in page
    assert "100,000,000" in cost.page(FIGURE, idle, at)


def test_the_report_names_what_was_not_met():
    # Given a row that missed its goal
    content = document()
    content["rows"][0]["met"], name = False, content["rows"][0]["name"]
    # When the page is written, then it is named where nobody overlooks it
    page = report.page(content)
    assert f"- **{name}**: 10 (goal ≥ 4x)." in page
    assert page.index("## What was not faster") < page.index(f"- **{name}**")


def test_the_report_draws_its_pictures(tmp_path):
    report.draw(document(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.svg", "parts.svg"]


def test_every_metric_that_an_alarm_looks_at_is_paid_for():
    resources = parse_template((ROOT / "template.yaml").read_text())["Resources"].values()
    alarms = [
        one["Properties"] for one in resources if one["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in one
    ]
    looked_at = [query for alarm in alarms for query in alarm.get("Metrics", [{"MetricStat": alarm}])]
    assert len([query for query in looked_at if "MetricStat" in query]) == cost.ALARM_METRICS
