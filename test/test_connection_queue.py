"""The queue of a pool's places: whatever happens, none is lost and none is used twice at once."""

from __future__ import annotations

import gc
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from thirdwatch_api.rest._connections import CallState, Connection, current_call
from thirdwatch_api.rest._pool import ConnectionQueue, Pool


def in_call(work: Callable[[CallState], Any], call: CallState | None = None) -> Any:
    """Run something as a part of a call."""
    call = call or CallState(time.monotonic() + 60)
    outer = current_call.get()
    current_call.set(call)
    try:
        return work(call)
    finally:
        current_call.set(outer)


def take(places: ConnectionQueue, timeout: float | None = 60) -> CallState:
    """Take a place for a new call."""
    call = CallState(time.monotonic() + 60)
    in_call(lambda _: places.get(timeout=timeout), call)
    return call


def give_back(places: ConnectionQueue, call: CallState, connection: Connection | None = None) -> None:
    in_call(lambda _: places.put(connection), call)


def free_places(places: ConnectionQueue) -> int:
    """Count the places by taking them all."""
    taken = []
    with pytest.raises(queue.Empty):
        while True:
            taken.append(take(places, timeout=0))
    for call in taken:
        give_back(places, call)
    return len(taken)


@pytest.fixture
def places() -> ConnectionQueue:
    return ConnectionQueue(1)


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection("127.0.0.1", 9)
    yield made
    made.close()


def waiting(places: ConnectionQueue, count: int = 1) -> list[tuple[threading.Thread, list[CallState]]]:
    """Start threads that wait for a place, one after the other."""
    started = []
    for number in range(count):
        got: list[CallState] = []
        thread = threading.Thread(target=lambda got=got: got.append(take(places)), daemon=True)
        thread.start()
        while len(places._waiting) <= number:
            assert thread.is_alive()
        started.append((thread, got))
    return started


def test_a_connection_that_was_given_back_is_the_next_to_be_taken(
    places: ConnectionQueue, connection: Connection
) -> None:
    give_back(places, take(places), connection)
    assert in_call(lambda _: places.get()) is connection


def test_calls_that_wait_get_places_in_the_order_of_their_arrival(places: ConnectionQueue) -> None:
    first = take(places)
    (one, got_one), (two, got_two) = waiting(places, 2)
    give_back(places, first)
    one.join(5)
    assert (len(got_one), len(got_two)) == (1, 0)
    give_back(places, got_one[0])
    two.join(5)
    assert len(got_two) == 1


def test_to_give_a_place_back_twice_makes_no_second_place(places: ConnectionQueue) -> None:
    call = take(places)
    give_back(places, call)
    give_back(places, call)
    places.reclaim(call)
    assert free_places(places) == 1


def test_what_a_call_holds_is_taken_back_and_its_connection_closed(
    places: ConnectionQueue, connection: Connection
) -> None:
    give_back(places, take(places), connection)
    call = take(places)
    connection.sock = Closing()
    places.reclaim(call)
    assert connection.sock is None
    assert free_places(places) == 1


class Closing:
    """A socket that takes note of nothing."""

    def close(self) -> None: ...


def test_a_call_that_gave_up_waiting_is_in_nobodys_way(places: ConnectionQueue) -> None:
    first = take(places)
    with pytest.raises(queue.Empty):
        take(places, timeout=0)
    give_back(places, first)
    assert free_places(places) == 1


class Turn:
    """A lock whose second ``acquire`` is the wait of a call."""

    is_taken = False

    def acquire(self, timeout: float = -1) -> bool:
        if self.is_taken:
            return self.wait()
        self.is_taken = True
        return True

    def release(self) -> None: ...

    def wait(self) -> bool:
        raise NotImplementedError


def test_a_place_that_comes_in_the_moment_of_giving_up_is_free_again(places: ConnectionQueue) -> None:
    first = take(places)
    late = CallState(time.monotonic() + 60)

    class TooLate(Turn):
        """A turn that comes when the time to wait is just over."""

        def wait(self) -> bool:
            late.turn.withdrawn = True  # what the call does next, seen by the thread that serves it
            give_back(places, first)
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Lock", TooLate)
        with pytest.raises(queue.Empty):
            in_call(lambda _: places.get(timeout=0.1), late)
    assert free_places(places) == 1


def test_a_call_that_is_interrupted_while_it_waits_loses_no_place(places: ConnectionQueue) -> None:
    first = take(places)
    late = CallState(time.monotonic() + 60)

    class Interrupted(Turn):
        def wait(self) -> bool:
            give_back(places, first)  # the place is handed over in the same moment
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            in_call(lambda _: places.get(timeout=0.1), late)
    places.reclaim(late)
    assert free_places(places) == 1


def test_a_turn_stays_first_when_another_thread_takes_the_place(places: ConnectionQueue) -> None:
    class Emptied(list[Any]):
        """A list that looks full, and whose last place was just taken; the next look finds one."""

        def __bool__(self) -> bool:
            return True

        def pop(self, *_: Any) -> Any:
            places._free = [None]
            raise IndexError

    call = CallState(time.monotonic() + 60)
    places._free = Emptied()

    def serve() -> None:
        places._free = Emptied()
        ConnectionQueue._serve(places)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "_serve", serve)
        in_call(lambda _: places.get(timeout=0), call)
    assert call.lease == [None]


def test_closing_wakes_all_that_wait(places: ConnectionQueue) -> None:
    take(places)
    waiters = waiting(places, 3)
    places.release()
    for thread, got in waiters:
        thread.join(5)
        assert len(got) == 1


def test_a_call_that_takes_its_turn_in_the_moment_of_closing_waits_for_nobody(places: ConnectionQueue) -> None:
    take(places)
    places.release()
    assert take(places, timeout=60).lease == [None]


def test_a_queue_whose_connections_were_closed_serves_on(places: ConnectionQueue, connection: Connection) -> None:
    give_back(places, take(places), connection)
    assert places.qsize() == 1
    assert places.get(block=False) is connection
    with pytest.raises(queue.Empty):
        places.get(block=False)
    assert (places.qsize(), free_places(places)) == (0, 1)


def test_a_connection_without_a_place_is_closed(places: ConnectionQueue, connection: Connection) -> None:
    connection.sock = Closing()
    places.put(connection)
    assert connection.sock is None
    assert free_places(places) == 1


def test_a_connection_of_another_class_is_not_used_again(places: ConnectionQueue, connection: Connection) -> None:
    give_back(places, take(places), connection)
    places.connection_class = lambda: int
    assert in_call(lambda _: places.get()) is None


def test_who_asks_twice_holds_one_place_and_no_connection(places: ConnectionQueue, connection: Connection) -> None:
    give_back(places, take(places), connection)
    call = CallState(time.monotonic() + 60)
    assert in_call(lambda _: [places.get(), places.get()], call) == [connection, None]
    give_back(places, call)
    assert free_places(places) == 1


def test_who_asks_twice_for_a_connection_to_be_opened_holds_one_place(places: ConnectionQueue) -> None:
    call = CallState(time.monotonic() + 60)
    assert in_call(lambda _: [places.get(), places.get()], call) == [None, None]
    give_back(places, call)
    assert free_places(places) == 1


def test_a_line_that_another_thread_empties_needs_nobody_to_serve_it(places: ConnectionQueue) -> None:
    class Emptied(deque[Any]):
        """A line that looks full, and whose last turn was just served."""

        def __bool__(self) -> bool:
            return True

    places._waiting = Emptied()
    places._serve()
    places._waiting = deque()
    assert free_places(places) == 1


def test_a_pool_that_is_forgotten_is_collected() -> None:
    pool = Pool("127.0.0.1", 9, maxsize=2, block=True)
    seen = weakref.ref(pool)
    del pool
    gc.collect()
    assert seen() is None
