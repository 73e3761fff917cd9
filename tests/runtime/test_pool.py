"""Worker processes: whatever happens to one costs its call at most, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest
from tests.runtime import calls

from hearfelt.errors import AudioNotFoundError, HearfeltError, ModelError
from hearfelt.runtime.pool import Pool, PoolOptions, workers_for
from hearfelt.runtime.worker import WorkerFaultError, WorkerLostError, WorkerMemoryError, WorkerTimeoutError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _workers_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        with Pool(partial(calls.begin_with, "a"), 2) as one:
            one.start()
            until(lambda: one.ready == 2)
            yield one


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(("amount", "wanted", "workers"), [(9, 4, 1), (10, 4, 1), (35, 4, 3), (900, 4, 4), (0, 4, 1)])
def test_a_worker_must_be_worth_its_start(amount: int, wanted: int, workers: int) -> None:
    assert workers_for(amount, 10, wanted) == workers


def test_results_come_in_the_order_of_the_items_and_printing_is_no_result(pool: Pool) -> None:
    items = [str(number) for number in range(200)]
    assert [future.result().decode() for future in pool.map(calls.joined, items)] == [f"a{item}" for item in items]


def test_items_are_taken_as_they_are_needed(pool: Pool) -> None:
    taken: list[str] = []

    def items() -> Iterator[str]:
        for number in range(10_000):
            taken.append(str(number))
            yield taken[-1]

    futures = pool.map(calls.joined, items())
    assert next(futures).result() == b"a0"
    assert len(taken) < 100
    futures.close()
    until(lambda: not pool.unfinished)


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (calls.refuse, AudioNotFoundError, r"^a\.wav: there is no such file$"),
        (calls.no_memory, WorkerMemoryError, r"^a\.wav: too large$"),
        (calls.fault, WorkerFaultError, "KeyError: 'secret'"),
        (calls.no_bytes, WorkerFaultError, "no_bytes returned str, not bytes"),
    ],
)
def test_an_error_of_a_call_is_raised_here_and_its_worker_goes_on(
    pool: Pool, function: Callable[..., bytes], kind: type[Exception], text: str
) -> None:
    before = pool.pids
    with pytest.raises(kind, match=text):
        pool.submit(function).future.result()
    assert pool.pids == before


def test_the_place_of_a_fault_holds_nothing_private(pool: Pool) -> None:
    error = pool.submit(calls.fault).future.exception()
    assert isinstance(error, WorkerFaultError)
    assert error.place["fault"] == "KeyError"
    assert "calls.py:" in str(error.place["at"])
    assert "secret" not in str(error.place)


@pytest.mark.parametrize(("number", "ending"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL, as when")])
def test_a_call_at_which_two_workers_end_fails_and_all_others_are_done(
    pool: Pool, number: signal.Signals, ending: str
) -> None:
    bad = pool.submit(calls.crash, number).future
    good = [pool.submit(calls.joined, str(item)).future for item in range(20)]
    with pytest.raises(WorkerLostError, match=f"two worker processes in a row ended at the same call .{ending}"):
        bad.result()
    assert [future.result() for future in good] == [f"a{item}".encode() for item in range(20)]


def test_a_call_whose_worker_is_killed_is_done_by_another(pool: Pool, tmp_path: Path) -> None:
    assert pool.submit(calls.crash_once, tmp_path / "died").future.result() == b"well"


def test_an_idle_worker_that_is_killed_is_replaced_and_nobody_notices(pool: Pool) -> None:
    for _ in range(2):
        assert pool.submit(calls.joined, "b").future.result() == b"ab"
        replaced = pool.replaced
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not pool.pids)
        assert pool.submit(calls.joined, "b").future.result() == b"ab"
        assert pool.replaced > replaced


def test_a_call_that_hangs_is_ended_after_its_limit(pool: Pool) -> None:
    call = pool.submit(calls.hang, limit_s=0.3)
    with pytest.raises(WorkerTimeoutError, match="not done within 0 s"):
        call.future.result(60)
    assert pool.submit(calls.joined, "b").future.result() == b"ab"


def test_a_stopped_process_is_ended_after_the_limit_of_its_call(pool: Pool, tmp_path: Path) -> None:
    call = pool.submit(calls.crash, signal.SIGSTOP, limit_s=0.3)
    with pytest.raises(WorkerTimeoutError):
        call.future.result(60)


def test_a_call_can_extend_its_limit(pool: Pool) -> None:
    assert pool.submit(calls.extended, limit_s=0.3).future.result(60) == b"well"


def test_a_call_that_is_given_up_ends_its_worker_and_is_not_repeated(pool: Pool, tmp_path: Path) -> None:
    running = pool.submit(calls.wait_for, tmp_path / "never")
    until(running.future.running)
    running.kill()
    with pytest.raises(WorkerLostError):
        running.future.result(60)


def test_a_call_that_has_not_begun_can_be_cancelled(pool: Pool, tmp_path: Path) -> None:
    busy = [pool.submit(calls.wait_for, tmp_path / "go") for _ in range(2)]
    until(lambda: pool.running == 2)
    waiting = pool.submit(calls.joined, "b")
    assert pool.waiting == 1
    assert waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.future.result()
    (tmp_path / "go").touch()
    assert [call.future.result() for call in busy] == [b"well"] * 2


def test_memory_is_limited_beyond_what_the_setup_took() -> None:
    with Pool(None, 1, PoolOptions(memory_bytes=64 << 20)) as limited:
        (before,) = [limited.submit(calls.pid).future.result()]
        limited.submit(calls.grow, 16 << 20).future.result()
        with pytest.raises(WorkerMemoryError):
            limited.submit(calls.grow, 128 << 20).future.result()
        assert limited.submit(calls.pid).future.result() == before
        with pytest.raises(WorkerMemoryError):  # there is not even enough for the call itself
            limited.submit(calls.joined, "b" * (128 << 20)).future.result()
        assert limited.submit(calls.pid).future.result() != before


def test_workers_don_t_get_secrets_nor_modules_of_the_folder_and_stand_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "key")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'src'}")
    monkeypatch.chdir("/")
    with Pool(None, 1, PoolOptions(nice=3, without=("MY_SECRET",))) as careful:
        assert careful.submit(calls.environment, "MY_SECRET").future.result() == b"nothing"
        assert careful.submit(calls.environment, "OMP_NUM_THREADS").future.result() == b"1"
        assert int(careful.submit(calls.niceness).future.result()) == os.getpriority(os.PRIO_PROCESS, 0) + 3
        assert careful.submit(calls.folder_of_modules).future.result() == b"False"


def test_a_setup_that_fails_is_raised_by_each_call() -> None:
    with Pool(calls.begin_never, 1) as never:
        for _ in range(2):
            with pytest.raises(ModelError, match=r"mine\.onnx: no model"):
                never.submit(calls.pid).future.result()
    with (
        Pool(calls.begin_and_end, 1) as ending,
        pytest.raises(HearfeltError, match=r"ended before it began \(exit code 3\)"),
    ):
        ending.submit(calls.pid).future.result()


def test_a_start_that_fails_is_reported_and_repeated_where_that_is_wanted() -> None:
    said: list[tuple[str, int | str]] = []
    options = PoolOptions(keep_starting=True, report=lambda event, why: said.append((event, why)))
    with Pool(calls.begin_never, 1, options) as never:
        never.start()
        until(lambda: len(said) > 1)
        assert not never.ready
    assert set(said) == {("not started", "mine.onnx: no model")}


def test_a_call_is_repeated_when_no_other_runs(tmp_path: Path) -> None:
    with Pool(None, 2, PoolOptions(retry_alone=True)) as gentle:
        other = gentle.submit(calls.wait_for, tmp_path / "go")
        until(other.future.running)
        lost = gentle.submit(calls.crash_once, tmp_path / "died")
        until((tmp_path / "died").exists)
        time.sleep(0.1)
        assert not lost.future.done()
        (tmp_path / "go").touch()
        assert lost.future.result(60) == b"well"
        assert other.future.result() == b"well"


def test_a_want_of_memory_is_repeated_alone_in_a_fresh_worker() -> None:
    with Pool(None, 1, PoolOptions(retry_alone=True)) as gentle:
        before = gentle.submit(calls.pid).future.result()
        with pytest.raises(WorkerMemoryError):
            gentle.submit(calls.no_memory).future.result()
        assert gentle.submit(calls.pid).future.result() != before
        assert gentle.replaced == 2


def test_closing_ends_every_process_and_fails_what_is_not_done(tmp_path: Path) -> None:
    pool = Pool(None, 1)
    running, waiting = (pool.submit(calls.wait_for, tmp_path / "never") for _ in range(2))
    until(running.future.running)
    (pid,) = pool.pids
    threading.Timer(0.1, pool.close).start()
    with pytest.raises(WorkerLostError):
        running.future.result(60)
    with pytest.raises(CancelledError):
        waiting.future.result(60)
    until(lambda: gone(pid))


SCRIPT = """
import os, sys
from hearfelt.runtime.pool import Pool
from tests.runtime import calls
pool = Pool(None, 1)
print(pool.submit(calls.pid).future.result().decode(), flush=True)
pool.submit(calls.hang)
sys.stdin.read()
"""


def test_a_script_needs_no_guard_and_workers_end_with_it_even_if_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("calls.hang", "calls.wait_for, __import__('pathlib').Path('never')"))
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, script], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        until(lambda: gone(pid))
