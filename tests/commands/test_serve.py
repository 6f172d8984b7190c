"""`serve` in a real process: it starts, answers, stops; and what keeps it from starting."""

import contextlib
import http.client
import io
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import read_record
from commands.main import main
from data import load_dataset
from tests.evaluate.onnx_files import linear_nodes, write_model
from tests.serve.servers import Server, running_server

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server(digits_run: Path) -> Iterator[Server]:
    with running_server("--run", digits_run) as server:
        yield server


DARK = np.zeros((28, 28), dtype=np.uint8)


def wait_for(server: Server, metric: str) -> None:
    end = time.monotonic() + 20
    while metric not in server.get("metrics")[1].splitlines():
        assert time.monotonic() < end, metric
        time.sleep(0.01)


def png_of(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_document_tells_where_and_what_it_serves(server: Server, digits_run: Path) -> None:
    export = json.loads((digits_run / "export.json").read_text())
    assert list(server.document) == ["schema", "url", "provider", "model"]
    assert server.document["model"] == {
        "onnx_sha256": export["variants"]["float32"]["onnx_sha256"],
        "name": "lenet5",
        "precision": "float32",
    }
    assert server.url.startswith("http://127.0.0.1:")
    assert server.get("healthz")[0] == 200


def test_accuracy_through_http_is_that_of_evaluate(server: Server, digits_run: Path) -> None:
    test = load_dataset("digits").test
    assert main(["evaluate", "--run", str(digits_run), "--no-latency"]) == 0
    record = read_record(digits_run / "evaluations" / "float32-cpu.json", Evaluation)
    correct = 0
    for image, label in zip(test.images, test.labels, strict=True):
        status, answer = server.predict(png_of(image[0]), "image/png", "?top=1")
        assert status == 200
        correct += answer["images"][0]["predictions"][0]["index"] == label
    assert record.accuracy is not None
    assert (correct, len(test)) == (record.accuracy.correct, record.accuracy.examples)


def test_answers_are_those_of_predict(
    server: Server, digits_run: Path, tmp_path: Path, capsys: Capture
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png_of(pixels))
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "a.png"), "--run", str(digits_run), "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    status, answer = server.predict(png_of(pixels), "image/png", "?top=3")
    assert status == 200
    assert answer["model"] == predicted["model"]
    assert answer["images"][0]["predictions"] == predicted["images"][0]["predictions"]


def test_image_bomb_and_nonsense_do_not_stop_it(server: Server) -> None:
    assert server.predict(b"nonsense", "image/png")[0] == 422
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(b"nonsense\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 400 ")
    assert server.get("healthz")[0] == 200


def test_too_long_a_head_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000)
        assert plain.recv(100).startswith(b"HTTP/1.1 431 ")


def test_body_that_is_too_large_is_refused_and_the_connection_can_be_used_again(
    server: Server,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        for body, status in ((b"a" * 20_000_000, 413), (png_of(DARK), 200)):
            connection.request("POST", "/v1/predict", body, {"Content-Type": "image/png"})
            with connection.getresponse() as response:
                assert response.status == status
                response.read()


def test_concurrent_requests_share_batches(server: Server) -> None:
    image = png_of(DARK)
    statuses: list[int] = []

    def ask() -> None:
        statuses.extend(server.predict(image, "image/png")[0] for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 320
    lines = server.get("metrics")[1].splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")
    images = float(values["onnxproof_batch_size_sum"])
    assert images > float(values["onnxproof_batch_size_count"])


@pytest.fixture
def slow_model(tmp_path: Path) -> Path:
    """A linear classifier of 2x2 pixels that takes some hundred milliseconds for an image."""
    side = 2300
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[side, side]),
        helper.make_node("Expand", ["one", "shape"], ["wide"]),
        helper.make_node("MatMul", ["wide", "wide"], ["squared"]),
        helper.make_node("ReduceMin", ["squared"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["plain", "nothing"], ["logits"]),
    ]
    # `one` depends on the image, so that nothing is computed ahead.
    first = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=1),
        helper.make_node("ReduceMax", ["floats"], ["most"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Mul", ["most", "zero"], ["one"]),
    ]
    return write_model(tmp_path / "slow.onnx", [*linear_nodes(logits="plain"), *first, *nodes])


def test_request_whose_client_has_gone_is_not_computed(slow_model: Path) -> None:
    image = png_of(np.full((2, 2), 9, dtype=np.uint8))
    head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    with running_server("--onnx", slow_model, "--max-batch", "1") as server:
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        for client in clients:
            client.sendall(f"{head}Content-Length: {len(image)}\r\n\r\n".encode() + image)
        wait_for(server, "onnxproof_queue_images 2.0")
        for client in clients:
            client.close()
        gone = 'onnxproof_http_requests_total{route="/v1/predict",status="499"} 3.0'
        wait_for(server, gone)
        wait_for(server, "onnxproof_queue_images 0.0")
        wait_for(server, "onnxproof_images_total 1.0")
        assert server.predict(image, "image/png")[0] == 200
        assert "onnxproof_images_total 2.0" in server.get("metrics")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_when_what_was_accepted_is_answered(
    slow_model: Path, number: signal.Signals
) -> None:
    image = png_of(np.full((2, 2), 9, dtype=np.uint8))
    with running_server("--onnx", slow_model, "--max-batch", "1") as server:
        answers: list[int] = []

        def ask() -> None:
            answers.append(server.predict(image, "image/png")[0])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(server, "onnxproof_queue_images 3.0")
        code, errors = server.stopped(number)
        for thread in threads:
            thread.join()
    assert answers == [200] * 4
    assert code == 128 + number
    assert errors.splitlines()[-2:] == [  # before them, on a busy machine, how long it opened
        "stopping; what was accepted is answered",
        f"error: stopped by {number.name}; what was finished is kept",
    ]


def test_second_signal_does_not_wait(finished_run: Path) -> None:
    with running_server("--run", finished_run) as server:
        port = server.port
        with socket.create_connection(("127.0.0.1", port)) as plain:
            # A body that does not end: the server would wait for it as long as it may take.
            plain.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n")
            plain.sendall(b"Content-Type: image/png\r\nContent-Length: 10\r\n\r\nnine byte")
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            start = time.perf_counter()
            code, errors = server.stopped(signal.SIGTERM)
            assert time.perf_counter() - start < 5
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in errors


def test_port_that_is_taken_is_5_with_a_way_out(finished_run: Path, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--run", str(finished_run), "--port", port]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"error: --port {port}: something else listens there on 127.0.0.1",
        "hint: name another one, or --port 0 for any that is free",
    ]


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--host", "203.0.113.7"], 2, "error: --host: 203.0.113.7 is no address of this machine"),
        (["--host", "no.such.host.invalid"], 2, "error: --host: 'no.such.host.invalid' is no"),
        (["--port", "65536"], 2, "error: --port: 65536 is not in the range"),
        (["--max-batch", "0"], 2, "error: --max-batch: 0 is not in the range"),
        (["--queue-size", "0"], 2, "error: --queue-size: 0 is not in the range"),
        (["--timeout", "nan"], 2, "error: --timeout: wanted a finite number"),
        (["--max-mb", "0"], 2, "error: --max-mb: 0.0 is not in the range"),
        (["--provider", "nothing"], 2, "error: --provider: unknown provider"),
        (["--provider", "xnnpack"], 3, "error: --provider xnnpack: ONNX Runtime"),
        (["--mean", "0.5"], 2, "error: --mean: wants --onnx"),
        (["--onnx", "a.onnx"], 2, "error: --run: cannot be given with --onnx"),
        (["--precision", "int8"], 4, "error: "),
    ],
)
def test_what_keeps_it_from_starting_has_its_code(
    finished_run: Path, capsys: Capture, options: list[str], code: int, line: str
) -> None:
    assert main(["serve", "--run", str(finished_run), "--port", "0", *options]) == code
    out, err = capsys.readouterr()
    assert err.startswith(line)
    assert out == ""


def test_missing_file_is_4(capsys: Capture) -> None:
    assert main(["serve", "--onnx", "gone.onnx", "--port", "0"]) == 4
    assert capsys.readouterr().err == "error: gone.onnx: no such file\n"


def test_other_machines_are_warned_about(finished_run: Path) -> None:
    with running_server("--run", finished_run, "--host", "0.0.0.0") as server:
        assert server.url.startswith("http://0.0.0.0:")
        code, errors = server.stopped(signal.SIGTERM)
    assert code == 143
    assert f"warning: whoever reaches {server.url} can ask: there is no password" in errors


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--allow-host", "model.test"], {"localhost": 200, "model.test": 200, "other.test": 421}),
        (["--host", "0.0.0.0"], {"localhost": 200, "model.test": 200, "other.test": 200}),
    ],
)
def test_names_that_are_answered_follow_from_the_options(
    finished_run: Path, options: list[str], wanted: dict[str, int]
) -> None:
    with running_server("--run", finished_run, *options) as server:
        found = {}
        for name in wanted:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            with contextlib.closing(connection):
                connection.request("GET", "/healthz", headers={"Host": name})
                found[name] = connection.getresponse().status
    assert found == wanted
