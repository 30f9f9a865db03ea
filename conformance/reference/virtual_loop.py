"""CPython's own asyncio in virtual time, with what it leaves open pinned down.

The loop's selector never sleeps: it jumps the clock to the next deadline. Importing this module changes asyncio: equal
deadlines fire in the order of scheduling, and where asyncio iterates over a set of tasks, whose order depends on
addresses, the order is that of insertion.
"""
import asyncio
import asyncio.events
import asyncio.staggered
import itertools

from kinds import Deadlock


class _FifoTimerHandle(asyncio.events.TimerHandle):
    """Timers with equal deadlines fire in the order in which they were scheduled."""

    __slots__ = ["_seq"]
    _counter = itertools.count()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._seq = next(_FifoTimerHandle._counter)

    def __lt__(self, other):
        return (self._when, self._seq) < (other._when, other._seq)


asyncio.events.TimerHandle = _FifoTimerHandle


class _OrderedSet(dict):
    """A set that keeps the order of insertion."""

    def __init__(self, items=()):
        super().__init__((i, None) for i in items)

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)

    def remove(self, item):
        del self[item]


asyncio.tasks.set = _OrderedSet
asyncio.taskgroups.set = _OrderedSet
asyncio.staggered.set = _OrderedSet


class _OrderedCompletions(asyncio.tasks._AsCompletedIterator):
    def __init__(self, aws, timeout):
        super().__init__(_OrderedSet(), None)
        loop = asyncio.get_running_loop()
        todo = _OrderedSet(asyncio.ensure_future(aw, loop=loop) for aw in _OrderedSet(aws))
        for f in todo:
            f.add_done_callback(self._handle_completion)
        if todo and timeout is not None:
            self._timeout_handle = loop.call_later(timeout, self._handle_timeout)
        self._todo = todo
        self._todo_left = len(todo)


asyncio.tasks._AsCompletedIterator = _OrderedCompletions


def _all_tasks(loop=None):
    loop = loop or asyncio.get_running_loop()
    return [t for t in loop.created if t is not None and not t.done()]


asyncio.tasks.all_tasks = _all_tasks


class _JumpingSelector:
    def __init__(self, loop):
        self._loop = loop

    def select(self, timeout):
        if timeout is None:
            self._loop.deadlocked()
            raise Deadlock
        if timeout > 0:
            self._loop._now = self._loop._scheduled[0]._when
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._now = 0.0
        self._clock_resolution = 1e-9
        self._selector = _JumpingSelector(self)
        self.created = []
        self.deadlocked = lambda: None

    def create_task(self, coro, **kwargs):
        # the place in the order is taken before an eager task can start others
        i = len(self.created)
        self.created.append(None)
        self.created[i] = task = super().create_task(coro, **kwargs)
        return task

    def time(self):
        return self._now

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass
