"""`serve`: a network behind HTTP, with a page to draw a digit on."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import Precision
from commands.evaluate_options import Values, input_options
from commands.main import Invocation
from commands.options import (
    FiniteRange,
    model_timeout_option,
    output_options,
    precision_option,
    provider_option,
    run_option,
)

if TYPE_CHECKING:  # at run time they load numpy
    from evaluate.classifier import Classifier
    from serve.model import ServedModel

LARGEST_PORT = 65_535


@click.command("serve")
@run_option("Run whose network is served.  [default: the one trained last]")
@click.option(
    "--onnx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Serve this ONNX file, whoever made it, instead of a run.",
)
@input_options
@precision_option
@provider_option()
@model_timeout_option
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Any other than this machine's own lets others ask: nobody is"
    " asked for a password.",
)
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="Also answer requests that ask for this host, as behind a proxy; can be repeated. A server"
    " for this machine alone answers to localhost and addresses, others to any name unless told.",
)
@click.option(
    "--port",
    type=click.IntRange(0, LARGEST_PORT),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 for any that is free.",
)
@click.option(
    "--max-batch",
    type=click.IntRange(1, 4096),
    default=32,
    show_default=True,
    help="Most images that are computed together. Nobody waits for a batch to fill.",
)
@click.option(
    "--queue-size",
    type=click.IntRange(1, 1 << 20),
    default=256,
    show_default=True,
    help="Most images that wait, and most of one request; then the answer is 503, or 413.",
)
@click.option(
    "--timeout",
    type=FiniteRange(min=0.001),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For a request's head and its body to arrive (408), and then for its answer (503).",
)
@click.option(
    "--max-mb",
    type=FiniteRange(min=0.001, max=1024),
    default=16.0,
    show_default=True,
    help="Largest request, in megabytes of 1,000,000 bytes; then the answer is 413.",
)
@output_options
@click.pass_obj
def command(
    invocation: Invocation,
    run: Path | None,
    onnx: Path | None,
    input_form: Values,
    precision: Precision,
    provider: str,
    timeout_seconds: float,
    host: str,
    allow_host: tuple[str, ...],
    port: int,
    max_batch: int,
    queue_size: int,
    timeout: float,
    max_mb: float,
    as_json: bool,
) -> None:
    """Answer image files and pixels over HTTP, and show a page to draw a digit on.

    POST /v1/predict, /healthz, /metrics (Prometheus), /docs (OpenAPI). Images of different requests
    are computed together. Stops on SIGINT or SIGTERM once everything accepted is answered.

    \b
    Examples: python cli.py serve
              python cli.py serve --run runs/mnist-lenet5 --port 0 --json
              curl -F image=@digit.png http://127.0.0.1:8000/v1/predict
    """
    from commands.classifier import opened_classifier
    from commands.console import log, show_log
    from commands.progress import step_progress
    from commands.stuck import end_process_when_stuck
    from evaluate.session_options import SessionOptions
    from serve.app import Serving
    from serve.hosts import Hosts
    from serve.model import Limits
    from serve.running import bound_socket, is_loopback, run_server, url_of

    show_log()
    end_process_when_stuck()
    limits = Limits(
        max_batch=max_batch,
        queue_size=queue_size,
        timeout_seconds=timeout,
        max_body_bytes=int(max_mb * 1_000_000),
    )
    # First what is quickly found to be wrong.
    with bound_socket(host, port) as listener:
        # The event loop and the decoders need the CPUs that ONNX Runtime's threads would wait on.
        session = SessionOptions(
            provider=provider, busy_wait=False, timeout_seconds=timeout_seconds
        )
        with step_progress("serve") as progress:
            progress("opening", 0, 0)
            classifier = opened_classifier(run, onnx, input_form, precision, session)
        served = _served_model(classifier, provider)
        if served.feels_company:
            log.info("int8-dynamic takes its ranges from each batch: images are computed singly")
        if not is_loopback(listener):
            log.warning("whoever reaches %s can ask: there is no password", url_of(listener))

        # Whoever reaches it from elsewhere does so by names that nobody told here.
        hosts = Hosts((host, *allow_host)) if allow_host or is_loopback(listener) else None
        serving = Serving(served, limits, hosts=hosts, debug=invocation.debug)
        with step_progress("serve") as progress:
            serving.warm_up(progress)
        # Nobody waits longer for an answer, and others wait for the network.
        classifier.limit_runs(min(timeout_seconds, limits.timeout_seconds))
        with invocation.deferred_stop() as is_stop_asked:
            run_server(
                serving,
                listener,
                on_listening=lambda: _tell(served, url_of(listener), as_json=as_json),
                is_stop_asked=is_stop_asked,
            )


def _served_model(classifier: "Classifier", provider: str) -> "ServedModel":
    from serve.model import ServedModel

    return ServedModel(
        model=classifier.model,
        precision=classifier.precision,
        provider=provider,
        image_shape=classifier.image_shape,
        classes=classifier.classes,
        dataset=classifier.dataset,
        rankings=classifier.rankings,
    )


def _tell(served: "ServedModel", url: str, *, as_json: bool) -> None:
    """Tell that the server listens, so that whoever waits for it can begin."""
    from commands.console import print_json, results

    if as_json:
        model = {**served.model.model_dump(), "precision": served.precision}
        print_json({"schema": 1, "url": url, "provider": served.provider, "model": model})
    else:
        name = f"{served.model.name} ({served.precision}, {served.provider})"
        results.print(f"serving {name} on {url}", markup=False, emoji=False, soft_wrap=True)
    results.file.flush()
