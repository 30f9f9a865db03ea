"""The reference interpreter as it is used from JavaScript, inside Pyodide: text in, text out, many programs a call."""
import asyncio
import gc
import json
import logging
import platform
import sys
import warnings

import draw
import oracle
import statements
from kinds import Fault

# Pyodide has a loop of its own, on which no program may run
asyncio._set_running_loop(None)
asyncio.set_event_loop(None)
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
sys.unraisablehook = lambda _: None  # what a deadlock leaves suspended may complain when it is closed

# oracle.run collects garbage after each program: what is here before the first need not be looked at every time.
gc.collect()
gc.freeze()

VERSION = platform.python_version()
KINDS = " ".join(draw.KINDS)
STATEMENTS = " ".join(statements.STATEMENTS)


def drawn(kind, seed, count):
    """The lines of a corpus for the seeds from `seed` on."""
    return "\n".join(draw.line(*draw.draw(kind, n)) for n in range(seed, seed + count))


def traces(programs):
    """A list of programs to the list of their traces; null for one that cannot be carried out or grows too long."""
    def trace(program):
        try:
            return oracle.run(program)
        except Fault:
            return None
    return json.dumps([trace(program) for program in json.loads(programs)])
