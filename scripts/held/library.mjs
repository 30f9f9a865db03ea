// aioloop as the check of names looks into it: its exports, an object of each class, and a call of each coroutine function.
// What coroutine functions give is lazy, so a call does nothing; it is made in a task, since some need one.
import { PassThrough } from "node:stream";
import * as aioloop from "aioloop";
import { UdpTransport } from "../../packages/streams/src/datagrams.ts";
import { ReadPipeTransport, WritePipeTransport } from "../../packages/streams/src/pipes.ts";
import { SocketTransport } from "../../packages/streams/src/socket-transport.ts";
import { ChildTransport } from "../../packages/streams/src/subprocess-transport.ts";

const { AWAITABLE, getRunningLoop, iscoroutine, isfuture, run, VirtualEventLoop } = aioloop;

/**
 * Of interfaces and abstract methods nothing is left at run time: a class that has them is looked into instead.
 * @typedef {new (...args: any[]) => any} Class
 * @type {{
 *   BaseTransport: Class & { prototype: aioloop.BaseTransport },
 *   ReadTransport: Class & { prototype: aioloop.ReadTransport },
 *   WriteTransport: Class & { prototype: aioloop.WriteTransport },
 *   Transport: Class & { prototype: aioloop.Transport },
 *   DatagramTransport: Class & { prototype: aioloop.DatagramTransport },
 *   SubprocessTransport: Class & { prototype: aioloop.SubprocessTransport },
 * }}
 */
const ABSTRACT = {
  BaseTransport: SocketTransport,
  ReadTransport: ReadPipeTransport,
  WriteTransport: WritePipeTransport,
  Transport: SocketTransport,
  DatagramTransport: UdpTransport,
  SubprocessTransport: ChildTransport,
};

/** Objects of classes that take arguments, or whose constructor is not the way to one. @type {Record<string, () => object>} */
const MAKE = {
  Barrier: () => new aioloop.Barrier(2),
  BaseEventLoop: () => new VirtualEventLoop(),
  BaseExceptionGroup: () => new aioloop.BaseExceptionGroup("", [new Error()]),
  ContextVar: () => new aioloop.ContextVar("variable"),
  IncompleteReadError: () => new aioloop.IncompleteReadError(Buffer.alloc(0), null),
  LimitOverrunError: () => new aioloop.LimitOverrunError("", 0),
  Process: () => new aioloop.Process(/** @type {any} */ ({ getPid: () => 1 }), streamProtocol(), false),
  Server: () => new aioloop.Server(getRunningLoop(), []),
  StreamWriter: () => aioloop.writerTo(new PassThrough()),
  SubprocessStreamProtocol: streamProtocol,
  Timeout: () => new aioloop.Timeout(null),
  Token: () => new aioloop.ContextVar("variable").set(1),
};

function streamProtocol() {
  return new aioloop.SubprocessStreamProtocol(undefined, getRunningLoop());
}

/** Arguments for what does not do without. @type {Record<string, unknown[]>} */
const ARGUMENTS = { "Condition.waitFor": [() => true], sleep: [0], staggeredRace: [[], null] };

/** @type {import("./names.mjs").Library} */
const library = {
  exports: { ...aioloop, ...ABSTRACT },
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
