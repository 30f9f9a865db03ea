/** Starting child processes. CPython: `subprocess_exec`, `subprocess_shell` of `base_events.BaseEventLoop`. */
import type { ChildProcess, SpawnOptions, StdioOptions } from "node:child_process";
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, resolve } from "node:path";
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

function stdioOf(call: string, options: SubprocessOptions, otherwise: Redirection): StdioOptions {
  return NAMES.map((name) => {
    const given = options[name] === undefined ? otherwise : options[name];
    if (given === PIPE) return "pipe";
    if (given === DEVNULL) return "ignore";
    if (given === null) return "inherit";
    if (typeof given === "number" && Number.isInteger(given) && given >= 0) return given;
    if (given === STDOUT && name === "stderr") return "ignore"; // the shell joins it to stdout
    throw new RangeError(
      `${call}: ${name} must be PIPE, DEVNULL, a file descriptor or null${name === "stderr" ? ", or STDOUT" : ""}, got ${describe(given)}`,
    );
  });
}

/** Keywords of CPython's that make no sense for bytes. */
const TEXTUAL = ["text", "encoding", "errors", "universalNewlines", "bufsize"] as const;

function checkOptions(call: string, options: object): void {
  for (const name of TEXTUAL) {
    if ((options as Record<string, unknown>)[name]) {
      throw new RangeError(
        `${call}: ${name} cannot be set: streams are bytes. Write String(yield* reader.read())`,
      );
    }
  }
}

function checkText(call: string, what: string, text: unknown): void {
  if (typeof text === "string" && !text.includes("\0")) return;
  throw new TypeError(`${call}: ${what} must be a string without a zero byte, got ${describe(text)}`);
}

/** Where programs are looked for if the environment has no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/** The shell in between would say it in its output. @throws Node's error as of spawn */
function checkExecutable(
  program: string,
  { cwd = "", env = process.env as Record<string, string> }: SubprocessOptions,
): void {
  const isPath = program.includes("/");
  // What the child would do after it has gone to its folder. CPython: `os.get_exec_path`.
  const folders = isPath ? [""] : (env["PATH"] ?? DEFAULT_PATH).split(delimiter);
  let code = "ENOENT";
  for (const folder of folders) {
    try {
      accessSync(resolve(cwd, folder, program), constants.X_OK);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") code = "EACCES";
    }
  }
  throw Object.assign(new Error(`spawn ${program} ${code}`), {
    code,
    syscall: `spawn ${program}`,
    path: program,
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
  const call = "subprocessExec(…, program, args)";
  checkText(call, "the program", program);
  if (program === "") throw new TypeError(`${call}: the name of the program is empty`);
  if (!Array.isArray(args)) {
    throw new TypeError(`${call}: args must be an array of strings, got ${describe(args)}: write ["-l"]`);
  }
  for (const arg of args) checkText(call, "an argument", arg);
  checkOptions(call, options);
  const isJoined = options.stderr === STDOUT;
  if (isJoined) checkExecutable(program, options);
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
  checkText("subprocessShell(…, command)", "the command line", command);
  checkOptions("subprocessShell(…, command)", options);
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
  const stdio = stdioOf(call, options, PIPE);
  const { cwd, env, startNewSession = false } = options;
  const spawnOptions: SpawnOptions = { stdio, shell, detached: startNewSession, windowsHide: true };
  if (cwd !== undefined) spawnOptions.cwd = cwd;
  if (env !== undefined) spawnOptions.env = { ...env };
  return () => spawn(command, [...args], spawnOptions);
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
    if (child.pid !== undefined) transport = new ChildTransport(loop, child, protocol);
    yield* spawned;
    yield* (transport as ChildTransport)._connect();
  } catch (error) {
    child.kill("SIGKILL");
    transport?.close();
    throw error;
  }
  return [transport as ChildTransport, protocol];
}
