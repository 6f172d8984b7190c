import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from commands.evaluation_table import print_networks
from commands.wide_tables import ShownColumn, folded, print_wide_table
from tests.evaluate.records import EVALUATION, LATENCY

Capture = pytest.CaptureFixture[str]


def column(heading: str, *cells: str, names_rows: bool = False) -> ShownColumn:
    return ShownColumn(heading=heading, cells=[[cell] for cell in cells], names_rows=names_rows)


def test_table_that_fits_is_one(capsys: Capture) -> None:
    print_wide_table([column("a", "1", names_rows=True), column("b", "2"), column("c", "3")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip("─ ")]
    assert lines == [["a", "b", "c"], ["1", "2", "3"]]


def test_table_that_is_too_wide_goes_on_below_with_the_names_again(capsys: Capture) -> None:
    wide = [column(letter * 30, "9" * 30) for letter in "abc"]
    print_wide_table([column("name", "x", names_rows=True), *wide])
    out = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    assert [line.split() for line in out.splitlines() if "name" in line] == [
        ["name", "a" * 30, "b" * 30],
        ["name", "c" * 30],
    ]
    assert out.count("9" * 30) == 3


def test_table_fits_to_the_last_column_of_the_terminal(capsys: Capture) -> None:
    for width, parts in ((39, 1), (40, 2)):  # 39 + 1 + 38 and a space at either end
        print_wide_table([column("a" * width, "1"), column("b" * 38, "2")])
        out = capsys.readouterr().out
        assert sum("─" in line for line in out.splitlines()) == parts
        assert max(map(len, out.splitlines())) <= 80


@given(st.text(max_size=60), st.integers(2, 20))
@example("\N{EMOJI MODIFIER FITZPATRICK TYPE-1-2}", 2)  # takes no place by itself
def test_folded_name_has_all_of_it_and_is_no_wider(name: str, width: int) -> None:
    printable = "".join(letter for letter in name if letter.isprintable())
    lines = folded(printable, width)
    assert max(cell_len(line) for line in lines) <= width
    assert "".join(lines).replace(" ", "") == printable.replace(" ", "")


def test_name_is_broken_where_it_has_parts() -> None:
    assert folded("svhn-gray-resnet18", 11) == ["svhn-gray-", "resnet18"]
    assert folded("abcdefghijklm", 5) == ["abcde", "fghij", "klm"]


def test_networks_with_long_names_and_many_batch_sizes_fit_80_columns(capsys: Capture) -> None:
    sizes = (1, 4, 16, 32, 64, 256)
    latency = tuple(
        LATENCY.model_copy(update={"batch_size": size, "p50_ms": 12345.678}) for size in sizes
    )
    name = "timm:mobilenetv4_conv_small_050.e3000[red]_r224_in1k"
    model = EVALUATION.model.model_copy(update={"name": name, "parameters": 123_456_789})
    evaluation = EVALUATION.model_copy(update={"latency": latency, "model": model})
    print_networks([evaluation], "title")
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert out.count("12345.678") == len(sizes)
    assert "…" not in out
    assert "[red]" in out
