import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from data.quiet_warnings import SharedFilters


def ignore_all() -> None:
    warnings.simplefilter("ignore")


def test_filters_hold_until_the_last_thread_has_left() -> None:
    shared = SharedFilters(ignore_all)
    second_is_in, first_is_out = threading.Event(), threading.Event()

    def first() -> None:
        with shared.active():
            second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        with shared.active():
            second_is_in.set()
            first_is_out.wait(10)
            warnings.warn("not heard", stacklevel=1)

    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(first), threads.submit(second)]:
            done.result()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard again"):
        warnings.warn("heard again", stacklevel=1)


def test_filters_are_restored_after_an_error() -> None:
    shared, before = SharedFilters(ignore_all), list(warnings.filters)
    with pytest.raises(ValueError, match="within"), shared.active():
        raise ValueError("within")
    assert warnings.filters == before
