"""The documents: the paths, links and anchors that they name exist, and their lists are complete."""

import re
from pathlib import Path

import pytest
import typer

from embedded_aws.cloudformation.templates import parse_template
from pomona_cli.app import app
from registry import BACKBONES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "backbones/*.md", "benchmarks/*.md", "samples/*.md")
    for path in ROOT.glob(pattern)
)
TEMPLATE = parse_template((ROOT / "template.yaml").read_text())
# written on demand, and not committed
GENERATED = ("backbones/exported/",)
PACKAGES = {"pomona": "emr_job", "pomona_intake": "functions", "pomona_cli": "cli"}
NO_MODULE = "pomona.features"  # the table, as Athena names it
# of the repository: no environment, nothing that was built
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "demo-out"))}
MODULES = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def words_of(document: str) -> list[str]:
    """Return the words of the document's code: code blocks, and code in running text."""
    text = text_of(document)
    code = [*FENCE.findall(text), *CODE.findall(FENCE.sub("", text))]
    return re.findall(r"[^\s=,;()\"']+", "\n".join(code))


def missing_path(word: str) -> bool:
    """Return True if the word is a path of this repository, and nothing is there."""
    first, slash, _ = word.partition("/")
    if slash and first in FOLDERS:
        pattern = re.sub(r"<[^>]*>", "*", word.partition("#")[0].rstrip("/."))
        return not word.startswith(GENERATED) and not any(ROOT.glob(pattern))
    return bool(re.fullmatch(r"\w+\.py", word)) and word not in MODULES


def missing_module(word: str) -> bool:
    """Return True if the word is a dotted name below one of the packages, and there is no such module."""
    package, dot, rest = word.partition(".")
    if not dot or package not in PACKAGES or word == NO_MODULE or not re.fullmatch(r"\w+(\.\w+)+", word):
        return False
    path = ROOT / PACKAGES[package] / package / rest.split(".")[0]
    return not path.is_dir() and not path.with_suffix(".py").is_file()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    words = words_of(document)
    assert [word for word in words if missing_path(word)] == []
    assert [word for word in words if missing_module(word)] == []


def test_a_path_that_is_not_there_is_found() -> None:
    # Given names that are there; then none is missing
    assert not [name for name in ("docs/", "emr_job/pomona/pca", "registry.py", "queue/pending/") if missing_path(name)]
    assert not missing_module("pomona.projection.load_model")
    # Given names that are not there; then each is missing
    assert all(missing_path(name) for name in ("docs/nothing.md", "emr_job/pomona/nothing/*.py", "nothing_at_all.py"))
    assert missing_module("pomona.nothing.load_model")


def anchors(document: str) -> set[str]:
    """Return the anchors of the document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_to_a_file_and_a_heading(document: str) -> None:
    links = [link for link in LINK.findall(FENCE.sub("", text_of(document))) if "://" not in link]
    broken = [link for link in links if not leads_somewhere(document, link)]
    assert broken == []


def leads_somewhere(document: str, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (ROOT / document).parent / name if name else ROOT / document
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.resolve().relative_to(ROOT).as_posix())


def test_the_template_names_documents_that_are_there() -> None:
    named = set(re.findall(r"\b(?:docs|backbones)/[\w./-]+\.(?:md|py)", (ROOT / "template.yaml").read_text()))
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        document = waiting.pop()
        reached.add(document)
        for link in LINK.findall(text_of(document)):
            target = ((ROOT / document).parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file():
                name = target.relative_to(ROOT).as_posix()
                waiting += [name] if name not in reached else []
    assert sorted(reached) == DOCUMENTS


def test_every_command_has_permissions_and_a_section() -> None:
    commands = set(typer.main.get_group(app).commands)
    operations = text_of("docs/operations.md")
    described = operations.partition("\n## Alarms\n")[0]
    assert set(re.findall(r"^## ([a-z]+)$", described, re.MULTILINE)) == commands
    rows = [line for line in described.splitlines() if line.startswith("| [`")]
    assert {name for row in rows for name in re.findall(r"\[`(\w+)`\]", row)} == commands


def test_template_registry_and_page_have_the_same_backbones() -> None:
    allowed = TEMPLATE["Parameters"]["BackboneName"]["AllowedValues"]
    table = re.findall(r"^\| `(\w+)` \|", text_of("backbones/README.md"), re.MULTILINE)
    assert sorted(allowed) == sorted(BACKBONES) == sorted(table)


def test_every_parameter_is_in_a_group() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    hidden = ["EndpointUrl"]  # for sam local invoke alone
    assert sorted([*grouped, *hidden]) == sorted(TEMPLATE["Parameters"])
