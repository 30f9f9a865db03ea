// aioloop as the check of names looks into it: its exports, an object of each class, and a call of each coroutine function.
// What coroutine functions give is lazy, so a call does nothing; it is made in a task, since some need one.
import * as aioloop from "aioloop";

const { AWAITABLE, iscoroutine, isfuture, run, VirtualEventLoop } = aioloop;

/** Objects of classes that take arguments, or whose constructor is not the way to one. @type {Record<string, () => object>} */
const MAKE = {
  Barrier: () => new aioloop.Barrier(2),
  BaseEventLoop: () => new VirtualEventLoop(),
  BaseExceptionGroup: () => new aioloop.BaseExceptionGroup("", [new Error()]),
  ContextVar: () => new aioloop.ContextVar("variable"),
  Timeout: () => new aioloop.Timeout(null),
  Token: () => new aioloop.ContextVar("variable").set(1),
};

/** Arguments for what does not do without. @type {Record<string, unknown[]>} */
const ARGUMENTS = { "Condition.waitFor": [() => true], sleep: [0], staggeredRace: [[], null] };

/** @type {import("./names.mjs").Library} */
const library = {
  exports: aioloop,
  instanceOf(className) {
    const make = MAKE[className];
    if (make !== undefined) return make();
    /** @type {any} */
    let Class = library.exports;
    for (const name of className.split(".")) Class = Class[name];
    return new Class();
  },
  call: (path, fn, self) => fn.apply(self, ARGUMENTS[path] ?? []),
  isAwaitable(value) {
    const hasBrand = typeof value === "object" && value !== null && AWAITABLE in value;
    return hasBrand || isfuture(value) || iscoroutine(value);
  },
};

/**
 * Runs `check` inside a task.
 * @template T
 * @param {(library: import("./names.mjs").Library) => T} check
 * @returns {T}
 */
export function inLibrary(check) {
  function* main() {
    return check(library);
  }
  return run(main(), { loopFactory: () => new VirtualEventLoop({ debug: false }) });
}
