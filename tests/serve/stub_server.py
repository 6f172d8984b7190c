"""A server in a process of its own that serves the stub, so that attacks cost no training."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from serve.app import Serving
from serve.hosts import Hosts
from serve.model import Limits
from serve.running import bound_socket, run_server
from tests.serve.servers import ROOT, Server
from tests.serve.stub import stub_model

MODULE = "tests.serve.stub_server"


class StubServer(Server):
    """It listens on this machine; its memory can be asked."""

    def rss_mb(self) -> int:
        """Return the memory that the process has in use."""
        return int(psutil.Process(self.process.pid).memory_info().rss) >> 20

    def metric(self, name: str) -> float:
        """Return a value of /metrics, 0 where there is none."""
        for line in self.get("metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def is_well(self) -> float:
        """Return the seconds that an honest client waits for its answer."""
        start = time.perf_counter()
        assert self.predict(b'{"pixels": [[1, 2, 3], [4, 5, 6]]}', "application/json")[0] == 200
        return time.perf_counter() - start


@contextmanager
def running_stub(**limits: Any) -> Iterator[StubServer]:
    """Give a server with these limits; it is killed in the end, if it runs still."""
    command = [sys.executable, "-m", MODULE, json.dumps(limits)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield StubServer(process, {"url": line.strip()})
        finally:
            process.kill()


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    with bound_socket("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        run_server(
            Serving(stub_model(), limits, hosts=Hosts(["onnxproof.test"])),
            listener,
            on_listening=lambda: print(url, flush=True),  # noqa: T201
            is_stop_asked=lambda: False,
        )


if __name__ == "__main__":
    main()
