/** Starting child processes. CPython: `subprocess_exec`, `subprocess_shell` of `base_events.BaseEventLoop`. */
import type { ChildProcess, SpawnOptions, StdioOptions } from "node:child_process";
import { spawn } from "node:child_process";
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import type { SubprocessProtocol } from "./protocols.ts";
import { ChildTransport } from "./subprocess-transport.ts";

/** A pipe between the two processes. CPython: `subprocess.PIPE`. */
export const PIPE = "pipe";
/** stderr goes where stdout goes. CPython: `subprocess.STDOUT`. */
export const STDOUT = "stdout";
/** Nothing is read, and what is written is thrown away. CPython: `subprocess.DEVNULL`. */
export const DEVNULL = "devnull";

/** PIPE, DEVNULL, a file descriptor, or null for this process's own. */
export type Redirection = typeof PIPE | typeof DEVNULL | number | null;

export interface SubprocessOptions {
  stdin?: Redirection | undefined;
  stdout?: Redirection | undefined;
  stderr?: Redirection | typeof STDOUT | undefined;
  /** The working directory. */
  cwd?: string | undefined;
  /** The environment; default: this process's. */
  env?: Readonly<Record<string, string>> | undefined;
  /** A session and process group of its own: `killGroup` reaches its children too, and Ctrl-C does not come to it. */
  startNewSession?: boolean | undefined;
}

const NAMES = ["stdin", "stdout", "stderr"] as const;

function stdioOf(call: string, options: SubprocessOptions): StdioOptions {
  return NAMES.map((name) => {
    const given = options[name] ?? null;
    if (given === PIPE) return "pipe";
    if (given === DEVNULL) return "ignore";
    if (given === null) return "inherit";
    if (typeof given === "number" && given >= 0) return given;
    if (given === STDOUT && name === "stderr") return "pipe"; // the shell joins it to stdout
    throw new RangeError(
      `${call}: ${name} must be PIPE, DEVNULL, a file descriptor or null${name === "stderr" ? ", or STDOUT" : ""}, got ${describe(given)}`,
    );
  });
}

/** Node cannot give a child one pipe twice; a shell can, and is replaced by the program at once. */
const JOINED = 'exec "$0" "$@" 2>&1';

export function* subprocessExec<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  program: string,
  args: readonly string[],
  options: SubprocessOptions,
): Coroutine<[ChildTransport, P]> {
  if (typeof program !== "string" || !args.every((arg) => typeof arg === "string")) {
    throw new TypeError(`subprocessExec(…, program, args): program and arguments must be strings`);
  }
  const isJoined = options.stderr === STDOUT;
  const [command, all] = isJoined ? ["/bin/sh", ["-c", JOINED, program, ...args]] : [program, args];
  return yield* start(loop, protocolFactory, spawnedAs(command, all, "subprocessExec()", options, false));
}

export function* subprocessShell<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  command: string,
  options: SubprocessOptions,
): Coroutine<[ChildTransport, P]> {
  if (typeof command !== "string") {
    throw new TypeError(`subprocessShell(…, command): a command line is required, got ${describe(command)}`);
  }
  const whole = options.stderr === STDOUT ? `exec 2>&1; ${command}` : command;
  return yield* start(loop, protocolFactory, spawnedAs(whole, [], "subprocessShell()", options, true));
}

function spawnedAs(
  command: string,
  args: readonly string[],
  call: string,
  options: SubprocessOptions,
  shell: boolean,
): () => ChildProcess {
  const stdio = stdioOf(call, options);
  if (options.stderr === STDOUT) (stdio as unknown[])[2] = "ignore";
  const { cwd, env, startNewSession = false } = options;
  const spawnOptions: SpawnOptions = { stdio, shell, detached: startNewSession, windowsHide: true };
  if (cwd !== undefined) spawnOptions.cwd = cwd;
  if (env !== undefined) spawnOptions.env = { ...env };
  return () => spawn(command, [...args], spawnOptions);
}

const childrenOf: WeakMap<BaseEventLoop, Set<ChildTransport>> = new WeakMap();

function runningOf(loop: BaseEventLoop): Set<ChildTransport> {
  let running = childrenOf.get(loop);
  if (running === undefined) childrenOf.set(loop, (running = new Set()));
  return running;
}

/** What a loop that is closed does with its children: nobody can hear of them any more. CPython: `BaseSubprocessTransport.__del__`. */
export function closeChildren(loop: BaseEventLoop): void {
  for (const child of childrenOf.get(loop) ?? []) child.close();
}

function* start<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: () => P,
  makeChild: () => ChildProcess,
): Coroutine<[ChildTransport, P]> {
  const protocol = protocolFactory();
  const child = makeChild();
  const spawned = loop.createFuture<void>("the start of a child process");
  child.on("error", (error) => {
    if (!spawned.done() && !loop.isClosed()) spawned.setException(error);
  });
  child.on("spawn", () => {
    if (!spawned.done() && !loop.isClosed()) spawned.setResult();
  });
  let transport: ChildTransport | null = null;
  try {
    if (child.pid !== undefined) transport = new ChildTransport(loop, child, protocol, runningOf(loop));
    yield* spawned;
    yield* (transport as ChildTransport)._connect();
  } catch (error) {
    child.kill("SIGKILL");
    transport?.close();
    throw error;
  }
  return [transport as ChildTransport, protocol];
}
