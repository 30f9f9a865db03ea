"""The exceptions of programs, and the names under which exceptions appear in a trace."""
import asyncio
import json


class Deadlock(BaseException):
    """Nothing is ready and nothing is scheduled: the program can never go on."""


class Overlong(BaseException):
    """The trace grew past MAX_TRACE entries."""


class Fault(BaseException):
    """The program cannot be carried out: it is wrong. Says nothing about asyncio."""


class Return(Exception):
    """Carries a `return` out of the blocks around it: an exception to groups, none to handlers."""

    def __init__(self, value):
        self.value = value


# These end the interpreter's own work, or a coroutine's; no statement writes them down as an exception.
PASSING = (Deadlock, Overlong, Fault, Return)


class ProgramValueError(ValueError):
    """Raised by a program; what asyncio itself raises as ValueError is traced as "Error"."""


class ProgramKeyError(KeyError):
    pass


class ProgramSystemExit(SystemExit):
    pass


class ProgramKeyboardInterrupt(KeyboardInterrupt):
    pass


ERRORS = {
    "ValueError": ProgramValueError,
    "KeyError": ProgramKeyError,
    "SystemExit": ProgramSystemExit,
    "KeyboardInterrupt": ProgramKeyboardInterrupt,
}

NAMED = ("InvalidStateError", "QueueEmpty", "QueueFull", "QueueShutDown", "BrokenBarrierError")


def kind_of(exc):
    """The name under which an exception appears in a trace; None where there is none."""
    if exc is None:
        return None
    if isinstance(exc, BaseExceptionGroup):
        return ["group", sorted((kind_of(e) for e in exc.exceptions), key=json.dumps)]
    if isinstance(exc, asyncio.CancelledError):
        return ["CancelledError", *[a for a in exc.args if a is not None]]
    if isinstance(exc, TimeoutError):
        return "TimeoutError"
    for name in NAMED:
        if isinstance(exc, getattr(asyncio, name)):
            return name
    for name, cls in ERRORS.items():
        if isinstance(exc, cls):
            return [name, *exc.args]
    return "Error"
