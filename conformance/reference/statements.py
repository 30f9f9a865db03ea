"""What each statement of a program does, on CPython's asyncio. A statement is `[NAME, argument, …]`.

Each function gets the interpreter `p` and the scope `at` in which the statement stands. README.md describes the
statements; where it leaves something open, this is the definition.
"""
import asyncio
import asyncio.staggered
import contextvars
import functools

from kinds import ERRORS, PASSING, ProgramValueError, Return, kind_of

STATEMENTS = {}


def statement(name):
    def enter(function):
        STATEMENTS[name] = function
        return function
    return enter


async def observe(p, at, what, awaitable):
    """Awaits, and writes down how it ended."""
    try:
        value = await awaitable
    except PASSING:
        raise
    except BaseException as exc:
        p.log(at.who, what, "raised", kind_of(exc))
        raise
    p.log(at.who, what, "ok", value)
    return value


def attempt(p, at, what, action, catching=Exception):
    """Its exception is written down and does not end the coroutine."""
    try:
        value = action()
    except PASSING:
        raise
    except catching as exc:
        p.log(at.who, what, "raised", kind_of(exc))
    else:
        p.log(at.who, what, "ok", value)


def inside(at, group):
    """The same coroutine inside a group."""
    return type(at)(at.who, group)


# -- control flow ------------------------------------------------------------------

@statement("log")
async def log(p, at, text):
    p.log(at.who, "log", text)


@statement("raise")
async def raise_(p, at, name, text):
    raise ERRORS[name](text)


@statement("return")
async def return_(p, at, value):
    raise Return(value)


@statement("try")
async def try_(p, at, body, handlers, final):
    try:
        await p.block(at, body)
    except PASSING:
        raise
    except asyncio.CancelledError as exc:
        if "cancelled" not in handlers:
            raise
        p.log(at.who, "caught", kind_of(exc))
        await p.block(at, handlers["cancelled"])
    except Exception as exc:
        if "error" not in handlers:
            raise
        p.log(at.who, "caught", kind_of(exc))
        await p.block(at, handlers["error"])
    finally:
        if final:
            p.log(at.who, "finally")
            await p.block(at, final)


@statement("split")
async def split(p, at, names, body):
    classes = tuple({"TimeoutError": TimeoutError, "Error": Exception}.get(n) or ERRORS[n] for n in names)
    try:
        await p.block(at, body)
    except BaseExceptionGroup as exc:
        match, rest = exc.split(classes)
        p.log(at.who, "split", kind_of(match), kind_of(rest))
        if rest is not None:
            raise rest


# -- time limits -------------------------------------------------------------------

async def limited(p, at, what, limit, body, name):
    if name is not None:
        p.timeouts[name] = limit
    try:
        async with limit:
            p.log(at.who, what, "enter")
            await p.block(at, body)
    finally:
        p.log(at.who, what, "exit", limit.expired())


@statement("timeout")
async def timeout(p, at, seconds, body, name=None):
    await limited(p, at, "timeout", asyncio.timeout(seconds), body, name)


@statement("timeout_at")
async def timeout_at(p, at, when, body, name=None):
    await limited(p, at, "timeout_at", asyncio.timeout_at(when), body, name)


@statement("reschedule")
async def reschedule(p, at, name, seconds):
    limit = p.timeouts.get(name)
    if limit is None:
        p.log(at.who, "reschedule", "no timeout")
        return
    when = None if seconds is None else p.loop.time() + seconds
    attempt(p, at, "reschedule", lambda: limit.reschedule(when))


@statement("expired")
async def expired(p, at, name):
    limit = p.timeouts.get(name)
    if limit is None:
        p.log(at.who, "expired", "no timeout")
    else:
        p.log(at.who, "expired", limit.expired(), limit.when())


# -- tasks -------------------------------------------------------------------------

def task_options(p, options):
    given = {}
    if "context" in options:
        given["context"] = p.context(options["context"])
    if "eager" in options:
        given["eager_start"] = options["eager"]
    return given


@statement("spawn")
async def spawn(p, at, variable, name, options={}):
    p.vars[variable] = asyncio.create_task(p.coro(name), name=variable, **task_options(p, options))
    p.log(at.who, "spawn", variable)


@statement("cancel")
async def cancel(p, at, target, message):
    t = p.item(target)
    p.log(at.who, "cancel", t.cancel(message) if message is not None else t.cancel())


@statement("status")
async def status(p, at, target):
    t = p.item(target)
    p.log(at.who, "status", "cancelled" if t.cancelled() else "done" if t.done() else "pending")


@statement("result")
async def result(p, at, target):
    attempt(p, at, "result", p.item(target).result, BaseException)


@statement("exception")
async def exception(p, at, target):
    attempt(p, at, "exception", lambda: kind_of(p.item(target).exception()), BaseException)


@statement("uncancel")
async def uncancel(p, at):
    p.log(at.who, "uncancel", asyncio.current_task().uncancel())


@statement("cancelling")
async def cancelling(p, at):
    p.log(at.who, "cancelling", asyncio.current_task().cancelling())


@statement("all_tasks")
async def all_tasks(p, at):
    p.log(at.who, "all_tasks", len(asyncio.all_tasks()))


# -- waiting -----------------------------------------------------------------------

@statement("sleep")
async def sleep(p, at, seconds, value=None):
    await observe(p, at, "sleep", asyncio.sleep(seconds, value))


@statement("await")
async def await_(p, at, target):
    await observe(p, at, "await", p.item(target))


@statement("gather")
async def gather(p, at, targets, return_exceptions):
    items = [p.item(i) for i in targets]
    await observe(p, at, "gather", gather_kinds(items) if return_exceptions else asyncio.gather(*items))


async def gather_kinds(items):
    """gather(return_exceptions=True), its exceptions written as a trace has them."""
    out = await asyncio.gather(*items, return_exceptions=True)
    return [["!", kind_of(v)] if isinstance(v, BaseException) else v for v in out]


@statement("gather_as")
async def gather_as(p, at, variable, targets):
    p.vars[variable] = asyncio.gather(*[p.item(i) for i in targets])
    p.log(at.who, "gather_as", variable)


@statement("wait")
async def wait(p, at, variables, seconds, return_when):
    tasks = {v: p.item(["var", v]) for v in variables}
    done, pending = await asyncio.wait(list(tasks.values()), timeout=seconds, return_when=return_when)
    p.log(at.who, "wait", sorted(k for k, v in tasks.items() if v in done),
          sorted(k for k, v in tasks.items() if v in pending))


@statement("wait_for")
async def wait_for(p, at, target, seconds):
    await observe(p, at, "wait_for", asyncio.wait_for(p.item(target), seconds))


@statement("shield")
async def shield(p, at, target):
    await observe(p, at, "shield", asyncio.shield(p.item(target)))


@statement("shield_as")
async def shield_as(p, at, variable, target):
    p.vars[variable] = asyncio.shield(p.item(target))
    p.log(at.who, "shield_as", variable)


async def result_of(p, at, what, awaitable, *before):
    """One result among several: only a cancellation, or what leaves the loop, ends the statement."""
    try:
        p.log(at.who, what, *before, "ok", await awaitable)
    except PASSING:
        raise
    except asyncio.CancelledError as exc:
        p.log(at.who, what, *before, "raised", kind_of(exc))
        raise
    except Exception as exc:
        p.log(at.who, what, *before, "raised", kind_of(exc))


@statement("as_completed")
async def as_completed(p, at, targets, seconds):
    for nxt in asyncio.as_completed([p.item(i) for i in targets], timeout=seconds):
        await result_of(p, at, "as_completed", nxt)


@statement("async_for")
async def async_for(p, at, targets, seconds):
    items = [p.item(i) for i in targets]

    async def loop():
        async for future in asyncio.as_completed(items, timeout=seconds):
            place = next((i for i, item in enumerate(items) if item is future), None)
            await result_of(p, at, "async_for", future, place)
    await observe(p, at, "async_for", loop())


@statement("staggered")
async def staggered(p, at, names, delay):
    async def race():
        try:
            value, index, exceptions = await asyncio.staggered.staggered_race(
                [functools.partial(p.coro, name) for name in names], delay)
        except ExceptionGroup as exc:  # a second one won since it swallowed its cancellation
            p.undefined |= exc.subgroup(AssertionError) is not None
            raise
        return [value, index, [kind_of(e) for e in exceptions]]
    await observe(p, at, "staggered", race())


# -- groups ------------------------------------------------------------------------

@statement("group")
async def group(p, at, body, name=None):
    try:
        async with asyncio.TaskGroup() as g:
            if name is not None:
                p.groups[name] = g
            p.log(at.who, "group", "enter")
            await p.block(inside(at, g), body)
    finally:
        p.log(at.who, "group", "exit")


@statement("gspawn")
async def gspawn(p, at, variable, name, options={}):
    g = p.groups.get(options["group"]) if "group" in options else at.group
    if g is None:
        p.log(at.who, "gspawn", "no group")
        return
    c = p.coro(name)
    try:
        p.vars[variable] = g.create_task(c, name=variable, **task_options(p, options))
        p.log(at.who, "gspawn", variable)
    except RuntimeError:
        c.close()
        p.log(at.who, "gspawn", "refused")
        raise


# -- locks, semaphores, conditions, events, barriers ---------------------------------

async def held(p, at, kind, index, body):
    thing = p.resource(kind, index)
    await observe(p, at, "acquire", thing.acquire())
    try:
        await p.block(at, body)
    finally:
        thing.release()
        p.log(at.who, "release")


@statement("lock")
async def lock(p, at, index, body):
    await held(p, at, "lock", index, body)


@statement("semaphore")
async def semaphore(p, at, index, body):
    await held(p, at, "semaphore", index, body)


@statement("bounded")
async def bounded(p, at, index, body):
    await held(p, at, "bounded", index, body)


@statement("condition")
async def condition(p, at, index, body):
    await held(p, at, "condition", index, body)


@statement("with")
async def with_(p, at, kind, index, body):
    async with p.resource(kind, index) as value:
        p.log(at.who, "with", "enter", value)
        await p.block(at, body)
    p.log(at.who, "with", "exit")


@statement("acquire")
async def acquire(p, at, kind, index):
    await observe(p, at, "acquire", p.resource(kind, index).acquire())


@statement("release")
async def release(p, at, kind, index):
    attempt(p, at, "release", p.resource(kind, index).release)


@statement("locked")
async def locked(p, at, kind, index):
    p.log(at.who, "locked", p.resource(kind, index).locked())


@statement("event_wait")
async def event_wait(p, at, index):
    await observe(p, at, "event_wait", p.resource("event", index).wait())


@statement("event_set")
async def event_set(p, at, index):
    p.resource("event", index).set()
    p.log(at.who, "event_set")


@statement("event_clear")
async def event_clear(p, at, index):
    p.resource("event", index).clear()
    p.log(at.who, "event_clear")


@statement("event_is_set")
async def event_is_set(p, at, index):
    p.log(at.who, "event_is_set", p.resource("event", index).is_set())


@statement("condition_wait")
async def condition_wait(p, at, index):
    await observe(p, at, "condition_wait", p.resource("condition", index).wait())


@statement("condition_wait_for")
async def condition_wait_for(p, at, index, times):
    calls = 0

    def predicate():
        nonlocal calls
        calls += 1
        p.log(at.who, "predicate", calls)
        return calls if calls >= times else None
    await observe(p, at, "condition_wait_for", p.resource("condition", index).wait_for(predicate))


@statement("notify")
async def notify(p, at, index, n):
    p.resource("condition", index).notify(n)
    p.log(at.who, "notify")


@statement("notify_all")
async def notify_all(p, at, index):
    p.resource("condition", index).notify_all()
    p.log(at.who, "notify_all")


@statement("barrier")
async def barrier(p, at, index):
    await observe(p, at, "barrier", p.resource("barrier", index).wait())


@statement("barrier_abort")
async def barrier_abort(p, at, index):
    await p.resource("barrier", index).abort()
    p.log(at.who, "barrier_abort")


@statement("barrier_reset")
async def barrier_reset(p, at, index):
    await observe(p, at, "barrier_reset", p.resource("barrier", index).reset())


@statement("barrier_state")
async def barrier_state(p, at, index):
    b = p.resource("barrier", index)
    p.log(at.who, "barrier_state", b.parties, b.n_waiting, b.broken)


# -- queues ------------------------------------------------------------------------

@statement("put")
async def put(p, at, index, item):
    await observe(p, at, "put", p.resource("queue", index).put(item))


@statement("get")
async def get(p, at, index):
    await observe(p, at, "get", p.resource("queue", index).get())


@statement("join")
async def join(p, at, index):
    await observe(p, at, "join", p.resource("queue", index).join())


@statement("put_nowait")
async def put_nowait(p, at, index, item):
    attempt(p, at, "put_nowait", lambda: p.resource("queue", index).put_nowait(item))


@statement("get_nowait")
async def get_nowait(p, at, index):
    attempt(p, at, "get_nowait", p.resource("queue", index).get_nowait)


@statement("task_done")
async def task_done(p, at, index):
    attempt(p, at, "task_done", p.resource("queue", index).task_done)


@statement("queue_shutdown")
async def queue_shutdown(p, at, index, immediate):
    attempt(p, at, "queue_shutdown", lambda: p.resource("queue", index).shutdown(immediate))


@statement("queue_state")
async def queue_state(p, at, index):
    q = p.resource("queue", index)
    p.log(at.who, "queue_state", q.qsize(), q.empty(), q.full())


# -- futures -----------------------------------------------------------------------

def finish(p, at, what, action):
    """A future that is done already is written down; it does not end the coroutine."""
    try:
        action()
    except asyncio.InvalidStateError:
        p.log(at.who, what, "raised", "InvalidStateError")
    else:
        p.log(at.who, what, "ok")


@statement("future_set")
async def future_set(p, at, index, value):
    finish(p, at, "future_set", lambda: p.future(index).set_result(value))


@statement("future_raise")
async def future_raise(p, at, index, text):
    finish(p, at, "future_raise", lambda: p.future(index).set_exception(ProgramValueError(text)))


# -- callbacks and timers ------------------------------------------------------------

@statement("done_callback")
async def done_callback(p, at, target, text):
    p.item(target).add_done_callback(lambda f: p.log("callback", text))
    p.log(at.who, "done_callback")


@statement("call_soon")
async def call_soon(p, at, text):
    p.loop.call_soon(p.log, "callback", text)
    p.log(at.who, "call_soon")


@statement("call_later")
async def call_later(p, at, text, seconds):
    p.handles[text] = p.loop.call_later(seconds, p.log, "callback", text)
    p.log(at.who, "call_later")


@statement("set_later")
async def set_later(p, at, kind, index, seconds):  # an event or a future, set by a timer
    if kind == "event":
        p.loop.call_later(seconds, p.resource("event", index).set)
    else:
        f = p.future(index)
        p.loop.call_later(seconds, lambda: f.done() or f.set_result("later"))
    p.log(at.who, "set_later")


@statement("call_cancel")
async def call_cancel(p, at, name):
    h = p.handles.get(name)
    if h is not None:
        h.cancel()
    p.log(at.who, "call_cancel", h is not None)


@statement("call_raise")
async def call_raise(p, at, text):
    def fail():
        raise ProgramValueError(text)
    p.loop.call_soon(fail)
    p.log(at.who, "call_raise")


@statement("callback")
async def callback(p, at, name, how, body, context=None):
    scope = type(at)("callback")

    def run(*_):
        p.log("callback", name)
        p.call(scope, body)
    given = {} if context is None else {"context": p.context(context)}
    kind, *details = how
    if kind == "soon":
        p.handles[name] = p.loop.call_soon(run, **given)
    elif kind == "later":
        p.handles[name] = p.loop.call_later(details[0], run, **given)
    elif kind == "at":
        p.handles[name] = p.loop.call_at(details[0], run, **given)
    else:
        p.callbacks[name] = run
        p.item(details[0]).add_done_callback(run, **given)
    p.log(at.who, "callback", name)


@statement("remove_callback")
async def remove_callback(p, at, target, name):
    t = p.item(target)
    f = p.callbacks.get(name)
    p.log(at.who, "remove_callback", None if f is None else t.remove_done_callback(f))


# -- contexts ----------------------------------------------------------------------

@statement("context_set")
async def context_set(p, at, index, value, token):
    p.tokens[token] = p.resource("context variable", index).set(value)
    p.log(at.who, "context_set", value)


@statement("context_get")
async def context_get(p, at, index):
    p.log(at.who, "context_get", p.resource("context variable", index).get(None))


@statement("context_reset")
async def context_reset(p, at, index, token):
    t = p.tokens.get(token)
    if t is None:
        p.log(at.who, "context_reset", "no token")
    else:
        attempt(p, at, "context_reset", lambda: p.resource("context variable", index).reset(t))


@statement("context_copy")
async def context_copy(p, at, name):
    p.contexts[name] = contextvars.copy_context()
    p.log(at.who, "context_copy", name)


@statement("context_own")
async def context_own(p, at, name):
    p.contexts[name] = asyncio.current_task().get_context()
    p.log(at.who, "context_own", name)


@statement("context_look")
async def context_look(p, at, name, index):
    p.log(at.who, "context_look", p.context(name).get(p.resource("context variable", index)))


@statement("context_run")
async def context_run(p, at, name, body):
    attempt(p, at, "context_run", lambda: p.context(name).run(p.call, at, body))


# -- runs --------------------------------------------------------------------------

@statement("stop")
async def stop(p, at):
    p.loop.stop()
    p.log(at.who, "stop")


@statement("nested")
async def nested(p, at, what, name):
    c = p.coro(name)
    action = {
        "run": lambda: asyncio.run(c),
        "runner": lambda: asyncio.Runner(loop_factory=type(p.loop)).run(c),
        "same_runner": lambda: p.runner.run(c),
        "run_until_complete": lambda: p.loop.run_until_complete(c),
        "run_forever": lambda: p.loop.run_forever(),
        "close": lambda: p.loop.close(),
    }[what]
    attempt(p, at, "nested", action)
    c.close()
