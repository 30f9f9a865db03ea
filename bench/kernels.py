"""The kernels on asyncio, for CPython's loop and uvloop's: the same programs as in kernels/*.ts.

    python kernels.py PROGRAM OPERATIONS ROUNDS SIZE [--uvloop]

prints the figure of each round as a JSON array: operations per second (memory: bytes per task).
"""

import asyncio
import gc
import json
import random
import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor


async def switch(times, size, begin):
    done = 0
    while done < times:
        await asyncio.sleep(0)
        done += 1
    return done


async def tasks(operations, size, begin):
    count = min(size, operations)
    times = max(1, round(operations / count))
    workers = asyncio.gather(*[switch(times, 0, None) for _ in range(count)])
    await asyncio.sleep(0)  # each takes its first step
    begin()
    return sum(await workers)


async def call_soon(times, size, begin):
    loop = asyncio.get_running_loop()
    finished = loop.create_future()
    done = 0

    def callback():
        nonlocal done
        done += 1
        if done < times:
            loop.call_soon(callback)
        else:
            finished.set_result(done)

    loop.call_soon(callback)
    return await finished


async def future(times, size, begin):
    loop = asyncio.get_running_loop()
    done = 0
    while done < times:
        fut = loop.create_future()
        loop.call_soon(fut.set_result, 1)
        done += await fut
    return done


async def leaf():
    await asyncio.sleep(0)
    return 1


async def spawn(count, size, begin):
    return sum(await asyncio.gather(*[leaf() for _ in range(count)]))


async def descend(depth, times):
    if depth > 1:
        return await descend(depth - 1, times)
    return await switch(times, 0, None)


async def depth(times, size, begin):
    return await descend(size - 2, times)  # this one and switch() are the other two


async def sleeps(count, size, begin):
    source = random.Random(1)
    delays = [source.random() * 0.2 for _ in range(count)]
    begin()
    return len(await asyncio.gather(*[asyncio.sleep(delay) for delay in delays]))


async def timer_cancel(times, size, begin):
    loop = asyncio.get_running_loop()
    struck = 0

    def strike():
        nonlocal struck
        struck += 1

    for done in range(times):
        if done % 1000 == 0:
            await asyncio.sleep(0)
        loop.call_later(10, strike).cancel()
    return times - struck


async def sleeper():
    await asyncio.sleep(3600)


async def memory(count, size, begin):
    """What was allocated, as tracemalloc counts it: without the allocator's own overhead."""
    loop = asyncio.get_running_loop()
    held = [None] * count
    gc.collect()
    tracemalloc.start()
    for i in range(count):
        held[i] = loop.create_task(sleeper())
    await asyncio.sleep(0)  # each takes its first step
    gc.collect()
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    return allocated / count


async def queue(items, size, begin):
    between = asyncio.Queue(1)

    async def produce():
        for _ in range(items):
            await between.put(1)

    async def consume():
        got = 0
        while got < items:
            got += await between.get()
        return got

    return (await asyncio.gather(produce(), consume()))[1]


async def lock_free(times, size, begin):
    lock = asyncio.Lock()
    done = 0
    while done < times:
        await lock.acquire()
        done += 1
        lock.release()
    return done


async def lock_contended(times, size, begin):
    lock = asyncio.Lock()
    contenders = 100

    async def contender():
        done = 0
        while done < times / contenders:
            await lock.acquire()
            await asyncio.sleep(0)
            done += 1
            lock.release()
        return done

    return sum(await asyncio.gather(*[contender() for _ in range(contenders)]))


async def taskgroup(count, size, begin):
    done = 0

    async def child():
        nonlocal done
        await asyncio.sleep(0)
        done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(child())
    return done


def increment(n):
    return n + 1


async def in_a_pool(pool, calls, begin):
    """Twice: when it counts, the workers have started. Their end is not waited for, nor timed."""
    try:
        await calls()
        begin()
        return await calls()
    finally:
        pool.shutdown(wait=False)


async def executor_round_trip(times, size, begin):
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(size)

    async def calls():
        done = 0
        while done < times:
            done = await loop.run_in_executor(pool, increment, done)
        return done

    return await in_a_pool(pool, calls, begin)


async def executor_blocking(times, size, begin):
    pool = ThreadPoolExecutor(size)

    async def calls():
        done = 0
        while done < times:
            done = pool.submit(increment, done).result()
        return done

    return await in_a_pool(pool, calls, begin)


async def all_in_flight(pool, times, begin):
    loop = asyncio.get_running_loop()

    async def calls():
        results = await asyncio.gather(*[loop.run_in_executor(pool, increment, i) for i in range(times)])
        return sum(result - i for i, result in enumerate(results))

    return await in_a_pool(pool, calls, begin)


async def executor_in_flight(times, size, begin):
    return await all_in_flight(ThreadPoolExecutor(size), times, begin)


async def executor_process(times, size, begin):
    return await all_in_flight(ProcessPoolExecutor(size), times, begin)


PROGRAMS = {
    "switch": switch,
    "tasks": tasks,
    "call-soon": call_soon,
    "future": future,
    "spawn": spawn,
    "depth": depth,
    "sleeps": sleeps,
    "timer-cancel": timer_cancel,
    "memory": memory,
    "queue": queue,
    "lock-free": lock_free,
    "lock-contended": lock_contended,
    "taskgroup": taskgroup,
    "executor-round-trip": executor_round_trip,
    "executor-in-flight": executor_in_flight,
    "executor-blocking": executor_blocking,
    "executor-process": executor_process,
}


def measure(new_event_loop, name, operations, size):
    """One round on a loop of its own, after a collection that is not timed."""
    gc.collect()
    loop = new_event_loop()
    start = time.perf_counter()

    def begin():
        nonlocal start
        start = time.perf_counter()

    try:
        result = loop.run_until_complete(PROGRAMS[name](operations, size, begin))
        seconds = time.perf_counter() - start
    finally:
        loop.close()
    if name == "memory":
        return result
    return result / seconds


def main():
    name = sys.argv[1]
    operations, rounds, size = (int(argument) for argument in sys.argv[2:5])
    new_event_loop = asyncio.new_event_loop
    if "--uvloop" in sys.argv[5:]:
        import uvloop

        new_event_loop = uvloop.new_event_loop
    sys.setrecursionlimit(10_000)
    if rounds > 1:
        measure(new_event_loop, name, max(1, operations // 4), size)
    print(json.dumps([measure(new_event_loop, name, operations, size) for _ in range(rounds)]))


if __name__ == "__main__":
    main()
