"""Whom a request may ask for: a page that has its own name looked up as 127.0.0.1 is refused."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from serve.app import Serving
from serve.hosts import Hosts
from serve.model import Limits
from tests.serve.stub import stub_model


def answer(header: str, hosts: Hosts | None) -> Any:
    with TestClient(Serving(stub_model(), Limits(), hosts=hosts).app) as client:
        return client.get("/healthz", headers={"Host": header})


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "digits.localhost:80",
        "127.0.0.1",
        "127.0.0.1:8000",
        "[::1]:8000",
        "[::1]",
        "192.168.1.7:8000",
        "models.example.org",
        "Models.Example.org.:443",
    ],
)
def test_own_names_and_addresses_are_answered(header: str) -> None:
    assert answer(header, Hosts(["models.example.org"])).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "x.models.example.org",
        "[evil.example]",
        "2130706433",
        "",
    ],
)
def test_other_names_are_421_on_a_server_for_this_machine(header: str) -> None:
    response = answer(header, Hosts(["models.example.org"]))
    assert response.status_code == 421
    assert response.json()["detail"].startswith(f"the Host header is {header!r}: wanted localhost")


def test_server_for_everybody_answers_to_any_name() -> None:
    assert answer("evil.example", None).status_code == 200


def test_no_header_is_no_browser() -> None:
    assert Hosts([]).refusal(None) is None
