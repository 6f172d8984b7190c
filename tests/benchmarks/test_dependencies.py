from pathlib import Path

from benchmarks.dependencies import NOT_INSTALLED, PURPOSES, licence_of, pinned, requirements

PAGE = (Path(__file__).parents[2] / "docs" / "dependencies.md").read_text()


def rows() -> dict[str, list[str]]:
    """Return the rows of the page's tables, by package."""
    cells = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_page_has_every_dependency_with_its_pinned_version() -> None:
    versions = pinned()
    assert set(rows()) == set(requirements()) | set(versions)
    assert {name: row[0] for name, row in rows().items() if name in versions} == versions


def test_every_direct_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    assert set(PURPOSES) == set(requirements())


def test_every_licence_is_known() -> None:
    for name in pinned():
        assert rows()[name][1] not in ("", "in its own words"), name


def test_licence_is_what_the_package_says() -> None:
    assert licence_of("click") == rows()["click"][1] == "BSD-3-Clause"
    assert licence_of("no-such-package") == NOT_INSTALLED
