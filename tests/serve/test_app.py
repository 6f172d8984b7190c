"""The routes, asked as by a client: answers, problems, health, metrics, documents."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from artifacts.logits import Images
from artifacts.ranking import Ranking
from errors import UnfinishedError
from serve.app import Serving
from serve.model import Limits, ServedModel
from serve.records import Answer, Health, Problem
from serve.wire import MOST_HEADER_BYTES
from tests.serve.stub import NOT_FINITE, SHAPE, brightness_rankings, flat_images, stub_model
from tests.serve.test_decoding import BOUNDARY, FORM, PIXELS, file_of, form_of

PREDICT = "/v1/predict"


@contextmanager
def client_of(
    model: ServedModel | None = None, *, debug: bool = False, **limits: Any
) -> Iterator[TestClient]:
    serving = Serving(model or stub_model(), Limits(**limits), debug=debug)
    with TestClient(serving.app) as client:
        yield client


@pytest.fixture
def client() -> Iterator[TestClient]:
    with client_of() as client:
        yield client


def pixels_of(*values: int) -> dict[str, Any]:
    return {"pixels": flat_images(*values).tolist()}


def problem_of(response: Any, status: int) -> str:
    """Return the detail of a response that must be a problem of this status."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert problem.status == status
    return problem.detail


def validator_of(schema: dict[str, Any]) -> Any:
    """Return what checks documents, by a library that comes with ray."""
    return pytest.importorskip("jsonschema").Draft202012Validator(schema)


def metrics_of(client: TestClient) -> dict[tuple[str, ...], float]:
    """Return the values of all metrics by name and labels."""
    text = client.get("/metrics").text
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_answer_is_the_record(client: TestClient) -> None:
    response = client.post(
        PREDICT, content=file_of(PIXELS * 0), headers={"content-type": "image/png"}
    )
    answer = Answer.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/json"
    (image,) = answer.images
    assert [each.class_name for each in image.predictions] == ["dark", "grey", "bright"]
    assert sum(each.probability for each in image.predictions) == pytest.approx(1)
    assert answer.provider == "cpu"
    assert answer.model == stub_model().model
    document = response.json()
    assert list(document) == ["schema", "model", "provider", "images"]
    assert list(document["images"][0]) == ["predictions"]
    assert list(document["images"][0]["predictions"][0]) == ["class", "index", "probability"]


def test_all_kinds_of_bodies_get_the_same_answer(client: TestClient) -> None:
    file = file_of(PIXELS)
    answers = [
        client.post(PREDICT, content=file, headers={"content-type": "image/png"}),
        client.post(PREDICT, content=file, headers={"content-type": "application/octet-stream"}),
        client.post(PREDICT, files={"image": ("a.png", file)}),
        client.post(PREDICT, json={"pixels": PIXELS.tolist()}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.text for answer in answers}) == 1


def test_batch_is_answered_in_order_and_top_is_kept_to(client: TestClient) -> None:
    answer = client.post(PREDICT, params={"top": 1}, json=pixels_of(255, 0, 128)).json()
    found = [[each["class"] for each in image["predictions"]] for image in answer["images"]]
    assert found == [["bright"], ["dark"], ["grey"]]


def test_seen_pixels_are_returned_when_asked_for(client: TestClient) -> None:
    answer = client.post(PREDICT, params={"seen": True}, json=pixels_of(1, 2)).json()
    seen = [image["seen"] for image in answer["images"]]
    assert all(uri.startswith("data:image/png;base64,") for uri in seen)
    assert seen[0] != seen[1]


def test_server_timing_tells_each_step(client: TestClient) -> None:
    header = client.post(PREDICT, json=pixels_of(1, 2, 3)).headers["server-timing"]
    steps = dict(step.strip().split(";dur=", 1) for step in header.split(","))
    assert list(steps) == ["decode", "queue", "compute"]
    compute, description = steps["compute"].split(";desc=")
    assert description == '"2 batches of up to 2"'
    assert min(float(steps["decode"]), float(steps["queue"]), float(compute)) >= 0
    header = client.post(PREDICT, json=pixels_of(1)).headers["server-timing"]
    assert header.endswith('desc="batch of 1"')


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"[", "application/json", 400),
        (f"--{BOUNDARY}".encode(), FORM, 400),
        (b"x" * 2000, "image/png", 413),
        (form_of(*[b"x"] * 9), FORM, 413),
        (b"text", "text/plain", 415),
        (b"text", "image/png", 422),
        (b'{"pixels": [[0.5]]}', "application/json", 422),
    ],
)
def test_what_is_no_image_gets_its_status(content: bytes, content_type: str, status: int) -> None:
    with client_of(max_body_bytes=1500, queue_size=8) as client:
        headers = {"content-type": content_type}
        problem_of(client.post(PREDICT, content=content, headers=headers), status)
        # Without its length told, too.
        problem_of(client.post(PREDICT, content=iter([content]), headers=headers), status)


def test_framework_s_own_errors_are_problems(client: TestClient) -> None:
    assert problem_of(client.get("/v1/other"), 404) == "GET /v1/other: Not Found"
    response = client.get(PREDICT)
    problem_of(response, 405)
    assert response.headers["allow"] == "POST"
    detail = problem_of(client.post(PREDICT, params={"top": 0}, json=pixels_of(1)), 422)
    assert detail == "query.top: Input should be greater than or equal to 1"
    problem_of(client.post(PREDICT, params={"seen": "perhaps"}, json=pixels_of(1)), 422)


def test_answer_that_is_not_finite_is_500(client: TestClient) -> None:
    detail = problem_of(client.post(PREDICT, json=pixels_of(1, NOT_FINITE)), 500)
    assert detail == "the network's answer to image 2 of 2 is not finite"


@pytest.mark.parametrize("debug", [False, True])
def test_failure_of_the_graph_is_500_and_told_in_the_log(
    debug: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(images: Images) -> list[Ranking | None]:
        raise UnfinishedError("ONNX Runtime", "the graph failed")

    with client_of(stub_model(fails), debug=debug) as client:
        for _ in range(2):  # the worker has survived the first
            detail = problem_of(client.post(PREDICT, json=pixels_of(1)), 500)
            assert detail == "the server failed; its log says why"
    assert caplog.messages[0] == "a request failed: UnfinishedError: ONNX Runtime: the graph failed"
    assert ("Traceback" in capsys.readouterr().err) == debug


def test_full_queue_is_503_and_a_long_wait_too() -> None:
    entered, passes = threading.Semaphore(0), threading.Semaphore(0)

    def waits(images: Images) -> list[Ranking | None]:
        entered.release()
        assert passes.acquire(timeout=10)
        return brightness_rankings(images)

    with (
        client_of(stub_model(waits), queue_size=2, timeout_seconds=0.6) as client,
        ThreadPoolExecutor(3) as threads,
    ):

        def ask(*values: int) -> Any:
            return client.post(PREDICT, json=pixels_of(*values))

        computed = threads.submit(ask, 1)
        entered.acquire()
        waiting = threads.submit(ask, 2, 3)
        while metrics_of(client)["onnxproof_queue_images",] < 2:
            time.sleep(0.01)
        refused = ask(4)
        assert problem_of(refused, 503) == "2 images wait already, of at most 2"
        assert refused.headers["retry-after"] == "1"
        for asked in (computed, waiting):
            assert problem_of(asked.result(), 503) == "there was no answer within 0.6 s"
        assert metrics_of(client)["onnxproof_queue_images",] == 0
        passes.release(100)
        assert ask(4).status_code == 200


@pytest.mark.parametrize(("precision", "largest"), [("float32", 4), ("int8-dynamic", 1)])
def test_images_go_alone_where_company_would_change_their_answers(
    precision: Any, largest: int
) -> None:
    sizes: list[int] = []

    def noted(images: Images) -> list[Ranking | None]:
        sizes.append(len(images))
        return brightness_rankings(images)

    with client_of(stub_model(noted, precision=precision)) as client:
        assert client.post(PREDICT, json=pixels_of(1, 2, 3, 4)).status_code == 200
    assert max(sizes) == largest


def test_warm_up_computes_every_size() -> None:
    sizes: list[int] = []

    def noted(images: Images) -> list[Ranking | None]:
        sizes.append(len(images))
        return brightness_rankings(images)

    told: list[tuple[int, int]] = []
    served = Serving(stub_model(noted), Limits(max_batch=20))
    served.warm_up(lambda _, done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert sizes == [1, 2, 4, 8, 16]


def test_health_tells_what_is_served_and_that_it_stops() -> None:
    serving = Serving(stub_model(), Limits())
    with TestClient(serving.app) as client:
        response = client.get("/healthz")
        health = Health.model_validate_json(response.content)
        assert (response.status_code, health.status) == (200, "ok")
        assert (health.image_shape, health.classes[0]) == (SHAPE, "dark")
        serving.is_stopping = True
        response = client.get("/healthz")
        assert (response.status_code, response.json()["status"]) == (503, "stopping")


def test_metrics_count_what_happened(client: TestClient) -> None:
    client.post(PREDICT, json=pixels_of(1, 2, 3))
    client.post(PREDICT, content=b"?", headers={"content-type": "image/png"})
    client.get("/strange/" + "x" * 50)
    found = metrics_of(client)
    route = f"route={PREDICT}"
    assert found["onnxproof_http_requests_total", route, "status=200"] == 1
    assert found["onnxproof_http_requests_total", route, "status=422"] == 1
    assert found["onnxproof_http_requests_total", "route=other", "status=404"] == 1
    assert found["onnxproof_http_request_seconds_count", route] == 2
    assert found["onnxproof_images_total",] == 3
    assert found["onnxproof_batch_size_bucket", "le=1.0"] == 1
    assert found["onnxproof_batch_size_bucket", "le=2.0"] == 2
    info = ("name=stub", f"onnx_sha256={'0' * 64}", "precision=float32", "provider=cpu")
    assert found["onnxproof_model_info", *info] == 1
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def test_page_and_its_files_are_served_with_strict_headers(client: TestClient) -> None:
    kinds = {
        "/": "text/html",
        "/page.css": "text/css",
        "/page.js": "text/javascript",
        "/drawing.js": "text/javascript",
        "/favicon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["content-type"].startswith(kind)
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy


def test_openapi_describes_bodies_answers_and_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    predict = document["paths"][PREDICT]["post"]
    bodies = predict["requestBody"]["content"]
    assert predict["requestBody"]["required"]
    assert set(bodies) == {
        *("image/*", "application/octet-stream", "multipart/form-data", "application/json")
    }
    assert bodies["image/*"]["schema"] == {"type": "string", "format": "binary"}
    assert {"200", "400", "408", "413", "415", "422", "500", "503"} == set(predict["responses"])
    for status, response in predict["responses"].items():
        (kind,) = response["content"]
        assert kind == ("application/json" if status == "200" else "application/problem+json")
    assert set(document["paths"]) == {PREDICT, "/healthz", "/metrics"}
    assert list(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == [
        "text/plain"
    ]


def test_openapi_s_schema_of_pixels_takes_what_the_server_takes(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    content = document["paths"][PREDICT]["post"]["requestBody"]["content"]
    validator = validator_of(content["application/json"]["schema"])
    for pixels, is_right in (
        (np.zeros((2, 3), int), True),
        (np.zeros((1, 2, 3), int), True),
        (np.zeros((5, 1, 2, 3), int), True),
        (np.zeros((3, 2), int), False),
        (np.full((2, 3), 256), False),
        (np.zeros((0, 1, 2, 3), int), False),
    ):
        body = {"pixels": pixels.tolist()}
        assert validator.is_valid(body) == is_right
        assert (client.post(PREDICT, json=body).status_code == 200) == is_right


def test_answers_validate_against_openapi(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    responses = document["paths"][PREDICT]["post"]["responses"]
    asked = {
        "200": client.post(PREDICT, params={"seen": True}, json=pixels_of(1)),
        "400": client.post(PREDICT, content=b"{", headers={"content-type": "application/json"}),
    }
    for status, response in asked.items():
        (kind,) = responses[status]["content"].values()
        schema = {"components": document["components"], **kind["schema"]}
        validator_of(schema).validate(response.json())


def test_whoever_may_read_may_ask_for_the_head(client: TestClient) -> None:
    for path in ("/", "/page.css", "/healthz"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")


def test_headers_that_are_too_large_are_a_problem(client: TestClient) -> None:
    response = client.get("/healthz", headers={"X-Large": "x" * MOST_HEADER_BYTES})
    assert response.status_code == 431
    assert response.json()["detail"].startswith("the headers are too large")
    assert client.get("/healthz", headers={"X-Large": "x" * 1000}).status_code == 200


@pytest.mark.parametrize("body", [b"x", b"--b\r\nx\r\n\r\n", b"--b\r\n\r\n--b--"])
def test_wrong_form_is_told_to_the_client_alone(
    client: TestClient, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.post(
        PREDICT, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert response.status_code in (400, 422)
    assert caplog.text == ""
