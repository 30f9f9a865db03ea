// Fear: output is lost or mixed, a pipe or a child is left behind, wait() or communicate() never ends. CPython: `test_subprocess`.
import { chmodSync, closeSync, openSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Coroutine } from "@aioloop/loop";
import { isCancelled, RuntimeError, TimeoutError } from "@aioloop/loop";
import type { Process, ProcessOptions, Transport } from "@aioloop/streams";
import {
  createSubprocessExec,
  createSubprocessShell,
  DEVNULL,
  EventLoop,
  PIPE,
  STDOUT,
  SubprocessStreamProtocol,
} from "@aioloop/streams";
import { createTask, gather, run, sleep, VirtualEventLoop, waitFor } from "@aioloop/tasks";
import { describe, expect, onTestFinished, test } from "vitest";
import { start } from "../../../test/programs/child.ts";
import { errorOf, textOf } from "../../tasks/test/helpers.ts";
import {
  block,
  eventually,
  folder,
  isAlive,
  lines,
  nothingLeft,
  openHandles,
  program,
  until,
} from "./helpers-i.ts";

const BOTH: ProcessOptions = { stdin: PIPE, stdout: PIPE };
const ALL: ProcessOptions = { stdin: PIPE, stdout: PIPE, stderr: PIPE };
const OUT: ProcessOptions = { stdout: PIPE };

const cat = (options: ProcessOptions = BOTH) => createSubprocessExec("cat", [], options);
/** Waits for what never comes. */
const blocked = (options: ProcessOptions = {}) => createSubprocessExec("sleep", ["3600"], options);
const sh = createSubprocessShell;
const js = (code: string, options: ProcessOptions = BOTH) =>
  createSubprocessExec(process.execPath, ["-e", code], options);

/** Runs a command line to its end; gives its stdout. */
function* outputOf(command: string, options: ProcessOptions = OUT): Coroutine<string> {
  const [stdout] = yield* (yield* sh(command, options)).communicate();
  return `${stdout}`;
}

function* killed(child: Process): Coroutine<void> {
  child.kill();
  yield* child.wait();
}

describe("pipes", () => {
  test("Process.stdin and stdout carry bytes there and back", async () => {
    await program(function* () {
      const child = yield* cat();
      child.stdin?.write(Buffer.from("some "));
      child.stdin?.writelines([Buffer.from("da"), Buffer.from("ta")]);
      yield* child.stdin?.drain() as Coroutine<void>;
      child.stdin?.close();
      expect(`${yield* child.stdout?.read() as Coroutine<Buffer>}`).toBe("some data");
      expect(yield* child.wait()).toBe(0);
      expect(child.stdout?.atEof()).toBe(true);
      yield* child.stdin?.waitClosed() as Coroutine<void>;
    });
  });

  test("Process.stdin and stdout make a conversation, line by line", async () => {
    await program(function* () {
      const child = yield* sh('while read line; do echo "<$line>"; done', BOTH);
      for (const word of ["one", "two", "three"]) {
        child.stdin?.write(Buffer.from(`${word}\n`));
        expect(`${yield* child.stdout?.readline() as Coroutine<Buffer>}`).toBe(`<${word}>\n`);
      }
      child.stdin?.writeEof();
      expect(yield* child.wait()).toBe(0);
    });
  });

  test("Process.stdout and stderr are separate streams", async () => {
    await program(function* () {
      const child = yield* sh("echo out; echo err >&2", ALL);
      const [stdout, stderr] = yield* child.communicate();
      expect([`${stdout}`, `${stderr}`]).toEqual(["out\n", "err\n"]);
    });
  });

  test("Process.stdout ends when the child closes it, though the child runs on [S275]", async () => {
    await program(function* () {
      const child = yield* sh("echo out; exec 1>&-; exec sleep 3600", OUT);
      expect(`${yield* child.stdout?.read() as Coroutine<Buffer>}`).toBe("out\n");
      expect(child.returncode).toBeNull();
      yield* killed(child);
    });
  });

  test("Process.stdout can be read after the child has ended, all of it", async () => {
    await program(function* () {
      const child = yield* sh("seq 1 30000; exit 1", OUT);
      const parts: Buffer[] = [];
      for (;;) {
        const data = yield* child.stdout?.read(65536) as Coroutine<Buffer>;
        if (data.length === 0) break;
        parts.push(data);
        yield* sleep(0.02);
      }
      expect(Buffer.concat(parts).toString()).toBe(lines(30000));
      expect(yield* child.wait()).toBe(1);
    });
  });

  test("Process.stdout that is read late has what the child wrote before its end", async () => {
    await program(function* () {
      const child = yield* sh("seq 1 5000", OUT);
      expect(yield* child.wait()).toBe(0);
      yield* sleep(0.05);
      expect(`${yield* child.stdout?.read() as Coroutine<Buffer>}`).toBe(lines(5000));
    });
  });

  test("Process.stdout is complete and in order where the loop is busy while the child starts and ends [S269]", async () => {
    await program(function* () {
      const busy = createTask(
        (function* () {
          for (;;) {
            block(5);
            yield* sleep(0);
          }
        })(),
      );
      for (let i = 0; i < 10; i++) {
        const child = yield* sh("seq 1 20000", ALL);
        const [stdout, stderr] = yield* waitFor(child.communicate(), 20);
        expect([`${stdout}` === lines(20000), `${stderr}`]).toEqual([true, ""]);
      }
      busy.cancel();
    });
  });
});

describe("limits", () => {
  test("createSubprocessExec({ limit }) pauses what is over twice the limit, and loses nothing", async () => {
    await program(function* () {
      const child = yield* sh("printf '%021d' 0", { ...OUT, limit: 10 });
      yield* child.wait();
      yield* sleep(0.02);
      expect(`${(yield* child.communicate())[0]}`).toBe("0".repeat(21));
    });
  });

  test("a reader that nobody reads pauses the child's pipe, and the child", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* loop.subprocessExec(
        () => new SubprocessStreamProtocol(1000, loop),
        "yes",
        [],
        { stdin: DEVNULL, stdout: PIPE, stderr: DEVNULL },
      );
      const pipe = transport.getPipeTransport(1) as Transport;
      yield* eventually(() => !pipe.isReading());
      yield* sleep(0.1);
      const { bytesRead } = pipe.getExtraInfo("pipe") as { bytesRead: number };
      expect(bytesRead).toBeLessThan(1_000_000);
      yield* sleep(0.1);
      expect((pipe.getExtraInfo("pipe") as { bytesRead: number }).bytesRead).toBe(bytesRead);
      expect(`${yield* protocol.stdout?.readexactly(200_000) as Coroutine<Buffer>}`).toBe(
        "y\n".repeat(100_000),
      );
      transport.close();
    });
  });

  test("a reader that nobody reads does not grow when its child has ended and another goes on writing", async () => {
    await program(function* (loop) {
      const [transport] = yield* loop.subprocessShell(
        () => new SubprocessStreamProtocol(1000, loop),
        "yes & sleep 0.1",
        { stdin: DEVNULL, stdout: PIPE, stderr: DEVNULL, startNewSession: true },
      );
      const pipe = transport.getPipeTransport(1) as Transport;
      yield* eventually(() => transport.getReturncode() === 0);
      yield* sleep(0.3);
      expect((pipe.getExtraInfo("pipe") as { bytesRead: number }).bytesRead).toBeLessThan(1_000_000);
      process.kill(-transport.getPid(), "SIGKILL");
      transport.close();
    });
  });
});

describe("communicate", () => {
  test("Process.communicate(input) gives what the child makes of it [S274]", async () => {
    await program(function* () {
      const child = yield* cat();
      const [stdout, stderr] = yield* child.communicate(Buffer.from("some data"));
      expect([`${stdout}`, stderr, child.returncode]).toEqual(["some data", null, 0]);
      expect(child.stdin?.isClosing()).toBe(true);
    });
  });

  test.each([
    ["no input", undefined],
    ["null", null],
    ["no bytes", new Uint8Array(0)],
  ])("Process.communicate() closes stdin for %s [S274]", async (_name, input) => {
    await program(function* () {
      const child = yield* sh("wc -c", ALL);
      const [stdout] = yield* child.communicate(input);
      expect([`${stdout}`.trim(), child.returncode]).toEqual(["0", 0]);
    });
  });

  test("Process.communicate() gives null for what is no PIPE, and no bytes for a PIPE without output [S274]", async () => {
    await program(function* () {
      const none = yield* sh("exit 3");
      expect([none.stdin, none.stdout, none.stderr]).toEqual([null, null, null]);
      expect(yield* none.communicate(Buffer.from("nowhere to go"))).toEqual([null, null]);
      expect(none.returncode).toBe(3);
      const quiet = yield* sh("exit 0", ALL);
      expect(yield* quiet.communicate()).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
    });
  });

  test("Process.communicate() writes and reads at the same time: 8 MiB both ways [S274]", async () => {
    await program(function* () {
      const input = Buffer.alloc(8 << 20, "0123456789abcdef\n");
      const child = yield* cat();
      const [stdout] = yield* child.communicate(input);
      expect(stdout?.equals(input)).toBe(true);
    });
  });

  test("Process.communicate() reads stdout and stderr at the same time, 2 MiB each [S274]", async () => {
    await program(function* () {
      const child = yield* js(
        'const b = Buffer.alloc(1 << 16, "x"); for (let i = 0; i < 32; i++) { fs.writeSync(1, b); fs.writeSync(2, b); }',
        { stdout: PIPE, stderr: PIPE },
      );
      const [stdout, stderr] = yield* child.communicate();
      expect([stdout?.length, stderr?.length, child.returncode]).toEqual([2 << 20, 2 << 20, 0]);
    });
  });

  test("Process.communicate(input) says nothing of a child that does not read it [S274]", async () => {
    await program(function* () {
      const child = yield* sh("exit 4", { stdin: PIPE });
      yield* child.communicate(Buffer.alloc(4 << 20));
      expect(child.returncode).toBe(4);
      const late = yield* sh("exec 0<&-; sleep 0.05; exit 5", { stdin: PIPE });
      yield* late.communicate(Buffer.alloc(4 << 20));
      expect(late.returncode).toBe(5);
    });
  });

  test("Process.communicate() goes on where reads by hand have left off", async () => {
    await program(function* () {
      const child = yield* sh("echo first; echo second", OUT);
      expect(`${yield* child.stdout?.readline() as Coroutine<Buffer>}`).toBe("first\n");
      expect(`${(yield* child.communicate())[0]}`).toBe("second\n");
    });
  });

  test("Process.communicate(text) is refused: bytes are required", async () => {
    await program(function* () {
      const child = yield* cat();
      const error = yield* errorOf(child.communicate("text" as unknown as Buffer));
      expect(error).toBeInstanceOf(TypeError);
      yield* killed(child);
    });
  });
});

describe("a stdin that breaks", () => {
  test("StreamWriter.drain() of a stdin throws EPIPE when the child ends without having read all", async () => {
    await program(function* () {
      const child = yield* blocked({ stdin: PIPE });
      child.stdin?.write(Buffer.alloc(4 << 20));
      const draining = createTask(child.stdin?.drain() as Coroutine<void>);
      yield* sleep(0.01);
      expect(draining.done()).toBe(false);
      child.kill();
      expect(yield* errorOf(draining)).toMatchObject({ code: "EPIPE" });
      expect(child.stdin?.isClosing()).toBe(true);
      expect(yield* child.wait()).toBe(-9);
    });
  });

  test("StreamWriter.drain() of a stdin throws sooner or later when the child has closed it", async () => {
    await program(function* () {
      const child = yield* sh("exec 0<&-; echo closed; exec sleep 3600", BOTH);
      yield* child.stdout?.readline() as Coroutine<Buffer>;
      const writing = function* () {
        for (;;) {
          child.stdin?.write(Buffer.alloc(1000));
          yield* child.stdin?.drain() as Coroutine<void>;
          yield* sleep(0.001);
        }
      };
      const error = (yield* errorOf(waitFor(writing(), 10))) as NodeJS.ErrnoException;
      expect(["EPIPE", "ECONNRESET"]).toContain(error.code);
      expect(yield* errorOf(child.stdin?.waitClosed() as Coroutine<void>)).toMatchObject({ code: "EPIPE" });
      yield* killed(child);
    });
  });

  test("StreamWriter.waitClosed() of a stdin throws what broke it; nobody has to ask [S275]", async () => {
    await program(function* () {
      const child = yield* sh("exec 0<&-; echo closed; exec sleep 3600", BOTH);
      yield* child.stdout?.readline() as Coroutine<Buffer>;
      child.stdin?.write(Buffer.from("x"));
      expect(yield* errorOf(child.stdin?.waitClosed() as Coroutine<void>)).toMatchObject({ code: "EPIPE" });
      yield* killed(child);
      const unasked = yield* sh("exec 0<&-; echo closed", BOTH);
      yield* unasked.stdout?.readline() as Coroutine<Buffer>;
      unasked.stdin?.write(Buffer.from("x"));
      yield* unasked.wait();
    });
  });

  test("StreamWriter.waitClosed() of a stdin ends with the child, which left nothing unread [S275]", async () => {
    await program(function* () {
      const child = yield* sh("exit 0", { stdin: PIPE });
      yield* child.wait();
      yield* waitFor(child.stdin?.waitClosed() as Coroutine<void>, 10);
      expect(child.stdin?.isClosing()).toBe(true);
    });
  });
});

describe("wait", () => {
  test.each([0, 1, 7, 255])("Process.wait() gives the exit code (%i)", async (code) => {
    await program(function* () {
      const child = yield* sh(`exit ${code}`);
      expect(child.returncode).toBeNull();
      expect(yield* child.wait()).toBe(code);
      expect(child.returncode).toBe(code);
      expect(isAlive(child.pid)).toBe(false);
    });
  });

  test("Process.wait() gives minus the number of the signal that ended the child", async () => {
    await program(function* () {
      for (const name of ["SIGHUP", "SIGUSR1", "SIGABRT"] as const) {
        const child = yield* sh(`ulimit -c 0; kill -${constants.signals[name]} $$`);
        expect(yield* child.wait()).toBe(-constants.signals[name]);
      }
    });
  });

  test("Process.wait() can be awaited by several tasks, and again", async () => {
    await program(function* () {
      const child = yield* cat();
      const waits = gather(Array.from({ length: 5 }, () => child.wait()));
      yield* sleep(0);
      child.stdin?.close();
      expect(yield* waits).toEqual([0, 0, 0, 0, 0]);
      const again = createTask(child.wait());
      yield* sleep(0);
      expect(again.result()).toBe(0);
    });
  });

  test("Process.wait() ends with the child, though another holds its pipes [S271 N12]", async () => {
    await program(function* () {
      const child = yield* sh("sleep 3600 & exit 6", { ...ALL, startNewSession: true });
      expect(yield* waitFor(child.wait(), 20)).toBe(6);
      const reading = createTask(child.communicate());
      yield* sleep(0.02);
      expect(reading.done()).toBe(false);
      child.killGroup();
      expect(yield* reading).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
    });
  });

  test("Process.wait() cancelled lets the child and the other waiters go on", async () => {
    await program(function* () {
      const child = yield* cat();
      const other = createTask(child.wait());
      for (let i = 0; i < 3; i++) {
        const wait = createTask(child.wait());
        yield* sleep(0);
        wait.cancel();
        expect(isCancelled(yield* errorOf(wait))).toBe(true);
      }
      expect(yield* errorOf(waitFor(child.wait(), 0.01))).toBeInstanceOf(TimeoutError);
      expect(isAlive(child.pid)).toBe(true);
      child.stdin?.close();
      expect(yield* other).toBe(0);
      expect(yield* child.wait()).toBe(0);
    });
  });
});

describe("signals to a child", () => {
  test("Process.kill() ends it by SIGKILL", async () => {
    await program(function* () {
      const child = yield* blocked();
      child.kill();
      expect(yield* child.wait()).toBe(-9);
    });
  });

  test("Process.kill() of a shell ends the wait for it, though its command lives on", async () => {
    await program(function* () {
      const child = yield* sh("echo started; sleep 3600; sleep 3600", { ...OUT, startNewSession: true });
      yield* child.stdout?.readline() as Coroutine<Buffer>;
      child.kill();
      expect(yield* waitFor(child.wait(), 20)).toBe(-9);
      child.killGroup();
      yield* child.stdout?.read() as Coroutine<Buffer>;
    });
  });

  test("Process.terminate() ends it by SIGTERM", async () => {
    await program(function* () {
      const child = yield* blocked();
      child.terminate();
      expect(yield* child.wait()).toBe(-15);
    });
  });

  test.each(["SIGHUP", constants.signals.SIGHUP] as const)(
    "Process.sendSignal(%s) ends who does not handle it",
    async (signal) => {
      await program(function* () {
        const child = yield* sh("echo sleeping; exec sleep 3600", OUT);
        expect(`${yield* child.stdout?.readline() as Coroutine<Buffer>}`).toBe("sleeping\n");
        child.sendSignal(signal);
        expect(yield* child.wait()).toBe(-1);
      });
    },
  );

  test("Process.sendSignal() reaches the child's own handler", async () => {
    await program(function* () {
      const child = yield* js(
        'process.on("SIGUSR2", () => { console.log("told"); process.exit(3); }); console.log("ready"); setInterval(() => {}, 1e6);',
      );
      expect(`${yield* child.stdout?.readline() as Coroutine<Buffer>}`).toBe("ready\n");
      child.sendSignal("SIGUSR2");
      expect(`${yield* child.stdout?.readline() as Coroutine<Buffer>}`).toBe("told\n");
      expect(yield* child.wait()).toBe(3);
    });
  });

  test("Process.kill(), terminate() and sendSignal() leave a child alone that has ended [S273]", async () => {
    await program(function* () {
      const child = yield* sh("exit 2");
      yield* child.wait();
      child.kill();
      child.terminate();
      child.sendSignal("SIGUSR1");
      expect(child.returncode).toBe(2);
    });
  });

  test("Process.kill() leaves a child alone that has ended without our knowing yet [S273]", async () => {
    await program(function* () {
      const child = yield* sh("exit 0");
      block(100);
      expect(child.returncode).toBeNull();
      child.kill();
      child.sendSignal("SIGTERM");
      expect(yield* child.wait()).toBe(0);
    });
  });

  test("Process.sendSignal() refuses what is no signal", async () => {
    await program(function* () {
      const child = yield* blocked();
      for (const wrong of ["SIGNONE", "TERM", 1000, -1, 1.5, Number.NaN]) {
        expect(() => child.sendSignal(wrong as number)).toThrow(RangeError);
      }
      for (const wrong of [null, undefined, {}, true]) {
        expect(() => child.sendSignal(wrong as unknown as number)).toThrow(TypeError);
      }
      expect(() => child.sendSignal("SIGNONE" as never)).toThrow(
        'sendSignal(signal): "SIGNONE" is no signal of this system; write "SIGTERM", for example',
      );
      expect(isAlive(child.pid)).toBe(true);
      yield* killed(child);
    });
  });

  test("Process.killGroup() ends the child and those that it started", async () => {
    await program(function* () {
      for (const signal of [undefined, "SIGTERM", 9] as const) {
        const child = yield* sh("sleep 3600 & echo $!; wait", { ...OUT, startNewSession: true });
        const grandchild = Number(yield* child.stdout?.readline() as Coroutine<Buffer>);
        expect(isAlive(grandchild)).toBe(true);
        child.killGroup(signal);
        expect(yield* child.wait()).toBe(signal === "SIGTERM" ? -15 : -9);
        yield* child.stdout?.read() as Coroutine<Buffer>;
        // Its new parent may take its time to reap it: what it held is closed, as the end of stdout shows.
        child.killGroup();
      }
    });
  });

  test("Process.killGroup() refuses where the child shares our group", async () => {
    await program(function* () {
      const child = yield* blocked();
      expect(() => child.killGroup()).toThrow(
        "killGroup(): the child shares this process's group. Start it with { startNewSession: true }",
      );
      expect(() => child.killGroup()).toThrow(RangeError);
      yield* killed(child);
    });
  });

  test("Process.killGroup() refuses what is no signal", async () => {
    await program(function* () {
      const child = yield* blocked({ startNewSession: true });
      expect(() => child.killGroup("SIGNONE" as never)).toThrow(RangeError);
      expect(() => child.killGroup(null as never)).toThrow(TypeError);
      yield* killed(child);
    });
  });

  test("createSubprocessShell({ startNewSession }) makes the child the leader of a group", async () => {
    const command = "kill -0 -$$ 2>&- && echo leader || echo member; exit 8";
    await program(function* () {
      const leader = yield* sh(command, { ...OUT, startNewSession: true });
      expect(`${(yield* leader.communicate())[0]}`).toBe("leader\n");
      expect(leader.returncode).toBe(8);
      expect(yield* outputOf(command)).toBe("member\n");
    });
  });
});

describe("redirections", () => {
  test("stdin: DEVNULL gives the child no bytes", async () => {
    await program(function* () {
      expect((yield* outputOf("wc -c", { stdin: DEVNULL, stdout: PIPE })).trim()).toBe("0");
    });
  });

  test("stdout: DEVNULL and stderr: DEVNULL throw away what is written", async () => {
    await program(function* () {
      const child = yield* sh("echo out; echo err >&2; cat", { ...ALL, stdout: DEVNULL });
      const [stdout, stderr] = yield* child.communicate(Buffer.from("abc"));
      expect([stdout, `${stderr}`, child.returncode]).toEqual([null, "err\n", 0]);
      const other = yield* sh("echo out; echo err >&2", { ...ALL, stderr: DEVNULL });
      const [out, err] = yield* other.communicate();
      expect([`${out}`, err, other.returncode]).toEqual(["out\n", null, 0]);
    });
  });

  test("stdin, stdout and stderr can be file descriptors, which stay open", async () => {
    const place = folder();
    writeFileSync(join(place, "in"), "from a file\n");
    const fds = [
      openSync(join(place, "in"), "r"),
      openSync(join(place, "out"), "w"),
      openSync(join(place, "err"), "w"),
    ] as const;
    onTestFinished(() => fds.forEach(closeSync));
    await program(function* () {
      const [stdin, stdout, stderr] = fds;
      const child = yield* sh("cat; echo err >&2", { stdin, stdout, stderr });
      expect([child.stdin, child.stdout, child.stderr]).toEqual([null, null, null]);
      expect(yield* child.wait()).toBe(0);
      const next = yield* sh("echo more", { stdout });
      yield* next.wait();
    });
    expect(readFileSync(join(place, "out"), "utf8")).toBe("from a file\nmore\n");
    expect(readFileSync(join(place, "err"), "utf8")).toBe("err\n");
  });

  test("stderr: STDOUT joins both in the order of writing, in a shell and without", async () => {
    const command = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
    await program(function* () {
      for (const child of [
        yield* sh(command, { stdout: PIPE, stderr: STDOUT }),
        yield* createSubprocessExec("sh", ["-c", command], { stdout: PIPE, stderr: STDOUT }),
      ]) {
        const [stdout, stderr] = yield* child.communicate();
        expect([`${stdout}`, stderr, child.stderr]).toEqual(["1\n2\n3\n4\n", null, null]);
      }
    });
  });

  test("stderr: STDOUT leaves program, arguments, pid and exit code as they are", async () => {
    const args = ["", "a b", "$HOME", "'", '"', "*", "-n", "\\", "ä\n"];
    await program(function* () {
      const child = yield* js(
        `console.error(JSON.stringify([process.pid, process.argv.slice(1)])); process.exitCode = 9`,
        { stdout: PIPE, stderr: STDOUT },
      );
      expect(JSON.parse(`${(yield* child.communicate())[0]}`)).toEqual([child.pid, []]);
      expect(child.returncode).toBe(9);
      const code = "console.error(JSON.stringify(process.argv.slice(1)))";
      for (const stderr of [STDOUT, PIPE] as const) {
        const echo = yield* createSubprocessExec(process.execPath, ["-e", code, "--", ...args], {
          stdout: PIPE,
          stderr,
        });
        const [stdout, errors] = yield* echo.communicate();
        expect(JSON.parse(`${errors ?? stdout}`)).toEqual(args);
      }
    });
  });

  test("stderr: STDOUT goes where stdout goes: to DEVNULL, to a file", async () => {
    const place = folder();
    const fd = openSync(join(place, "both"), "w");
    onTestFinished(() => closeSync(fd));
    await program(function* () {
      const quiet = yield* sh("echo out; echo err >&2; exit 2", { stdout: DEVNULL, stderr: STDOUT });
      expect(yield* quiet.communicate()).toEqual([null, null]);
      expect(quiet.returncode).toBe(2);
      const child = yield* sh("echo out; echo err >&2", { stdout: fd, stderr: STDOUT });
      yield* child.wait();
    });
    expect(readFileSync(join(place, "both"), "utf8")).toBe("out\nerr\n");
  });

  test("null and nothing are this process's own", async () => {
    const file = new URL("./programs/children.ts", import.meta.url).href;
    const ended = await start(file, ["inherits"], (said, child) => {
      if (said === "ready\n") child.stdin.end("typed\n");
    });
    expect(ended).toEqual({ code: 0, signal: null, stdout: "ready\nout typed\nout\n", stderr: "err\n" });
  });

  test("a child has no pipe of another child: its stdin ends when we close it", async () => {
    await program(function* () {
      const first = yield* cat();
      const second = yield* cat();
      expect(`${(yield* waitFor(first.communicate(Buffer.from("abc")), 10))[0]}`).toBe("abc");
      expect(`${(yield* waitFor(second.communicate(), 10))[0]}`).toBe("");
    });
  });
});

describe("shell, cwd, env", () => {
  test("createSubprocessShell() runs a command line: pipes, variables, its exit code", async () => {
    await program(function* () {
      const child = yield* sh("x=3; seq 1 $x | tr '\\n' ,; exit $x", OUT);
      expect([`${(yield* child.communicate())[0]}`, child.returncode]).toEqual(["1,2,3,", 3]);
    });
  });

  test("createSubprocessShell() of a command that does not exist ends with 127", async () => {
    await program(function* () {
      const child = yield* sh("no-such-command-here", { stderr: PIPE });
      const [, stderr] = yield* child.communicate();
      expect([child.returncode, `${stderr}`.includes("no-such-command-here")]).toEqual([127, true]);
    });
  });

  test("createSubprocessExec() hands arguments over as they are: no shell sees them", async () => {
    await program(function* () {
      const child = yield* createSubprocessExec("printf", ["%s|", "$HOME", "a b", "*", "", "ä"], OUT);
      expect(`${(yield* child.communicate())[0]}`).toBe("$HOME|a b|*||ä|");
    });
  });

  test("createSubprocessExec({ cwd }) starts it in that folder", async () => {
    const place = folder();
    await program(function* () {
      expect(yield* outputOf("pwd -P", { ...OUT, cwd: place })).toBe(`${realpathSync(place)}\n`);
      expect(yield* outputOf("pwd -P")).toBe(`${realpathSync(process.cwd())}\n`);
    });
  });

  test("createSubprocessExec({ env }) is all of its environment; without it is ours", async () => {
    process.env["AIOLOOP_TEST"] = "ours";
    onTestFinished(() => void delete process.env["AIOLOOP_TEST"]);
    const env = { PATH: process.env["PATH"] ?? "", FOO: "bar" };
    await program(function* () {
      const command = 'printf %s "$FOO$AIOLOOP_TEST"';
      expect(yield* outputOf(command, { ...OUT, env })).toBe("bar");
      expect(yield* outputOf(command)).toBe("ours");
      for (const stderr of [null, STDOUT] as const) {
        const child = yield* js("process.stdout.write(String(process.env.FOO) + process.env.AIOLOOP_TEST)", {
          ...OUT,
          stderr,
          env,
        });
        expect(`${(yield* child.communicate())[0]}`).toBe("barundefined");
      }
    });
  });
});

describe("cancellation of communicate", () => {
  test("Process.communicate() cancelled keeps what it has read for the next", async () => {
    await program(function* () {
      const child = yield* sh(
        "trap 'echo two; echo err >&2; exit 0' USR1; echo one; while :; do sleep 0.01; done",
        { stdout: PIPE, stderr: PIPE },
      );
      expect(yield* errorOf(waitFor(child.communicate(), 0.1))).toBeInstanceOf(TimeoutError);
      child.sendSignal("SIGUSR1");
      const [stdout, stderr] = yield* child.communicate();
      expect([`${stdout}`, `${stderr}`, child.returncode]).toEqual(["one\ntwo\n", "err\n", 0]);
    });
  });

  test("Process.communicate() cancelled while it still writes goes on with what was not written", async () => {
    const input = Buffer.alloc(2 << 20, "0123456789\n");
    await program(function* () {
      const child = yield* sh("sleep 0.1; cat", BOTH);
      expect(yield* errorOf(waitFor(child.communicate(input), 0.02))).toBeInstanceOf(TimeoutError);
      const [stdout] = yield* child.communicate();
      expect(stdout?.equals(input)).toBe(true);
    });
  });

  test.each([
    ["while stderr is open", { stdout: PIPE, stderr: PIPE }, "err\n"],
    ["while the child runs", OUT, null],
  ] as const)(
    "Process.communicate() cancelled after stdout has ended keeps it, %s",
    async (_name, options, expected) => {
      await program(function* () {
        const child = yield* sh(
          `echo out; exec 1>&-; ${expected === null ? "" : "echo err >&2;"} exec sleep 3600`,
          options,
        );
        expect(yield* errorOf(waitFor(child.communicate(), 0.15))).toBeInstanceOf(TimeoutError);
        child.kill();
        const [stdout, stderr] = yield* child.communicate();
        expect([`${stdout}`, stderr && `${stderr}`]).toEqual(["out\n", expected]);
      });
    },
  );

  test("Process.communicate() cancelled again and again loses no byte", async () => {
    await program(function* () {
      const child = yield* sh("for i in 1 2 3 4 5; do seq 1 4000; sleep 0.01; done; seq 1 100 >&2", ALL);
      let cancelled = 0;
      for (;;) {
        const reading = createTask(child.communicate());
        const turns = (cancelled * 7) % 11;
        for (let i = 0; i < turns; i++) yield* sleep(0.0005);
        if (cancelled >= 40 || reading.done()) {
          const [stdout, stderr] = yield* reading;
          expect(`${stdout}` === lines(4000).repeat(5)).toBe(true);
          expect(`${stderr}`).toBe(lines(100));
          break;
        }
        reading.cancel();
        yield* errorOf(reading);
        cancelled += 1;
      }
    });
  });

  test("Process.communicate() that is late and whose child is killed gives what came, and leaves no zombie", async () => {
    await program(function* () {
      const child = yield* sh("echo partial; exec sleep 3600", ALL);
      expect(yield* errorOf(waitFor(child.communicate(), 0.1))).toBeInstanceOf(TimeoutError);
      child.kill();
      const [stdout] = yield* child.communicate();
      expect([`${stdout}`, child.returncode, isAlive(child.pid)]).toEqual(["partial\n", -9, false]);
    });
  });
});

describe("cancellation of the start", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    "createSubprocessExec() cancelled after %i turns leaves no child and no pipe [S278]",
    async (turns) => {
      await program(function* () {
        const starting = createTask(blocked(ALL));
        for (let i = 0; i < turns && !starting.done(); i++) yield* sleep(0);
        starting.cancel();
        let child: Process;
        try {
          child = yield* starting;
        } catch (error) {
          expect(isCancelled(error)).toBe(true);
          return;
        }
        yield* killed(child);
      });
    },
  );

  test("createSubprocessShell() cancelled closes its pipes, though another process holds their other ends [S278]", async () => {
    const file = join(folder(), "pid");
    let grandchild = 0;
    await program(function* () {
      const starting = createTask(sh(`sleep 3600 & echo $! > ${file}; wait`, ALL));
      yield* sleep(0);
      for (let i = 0; i < 500 && grandchild === 0; i++) {
        block(10);
        try {
          grandchild = Number(readFileSync(file, "utf8"));
        } catch {
          // the shell has not come so far
        }
      }
      starting.cancel();
      expect(isCancelled(yield* errorOf(starting))).toBe(true);
    }).finally(() => {
      if (grandchild > 0) process.kill(grandchild, "SIGKILL");
    });
    expect(grandchild).toBeGreaterThan(0);
  });

  test("createSubprocessExec() within a run that ends leaves no child and no pipe", async () => {
    await program(function* () {
      createTask(blocked(ALL));
      yield* sleep(0);
    });
  });
});

describe("what cannot be started", () => {
  test.each([
    ["nothing", {}],
    ["pipes", ALL],
    ["stderr: STDOUT", { stdout: PIPE, stderr: STDOUT }],
  ] as [string, ProcessOptions][])(
    "createSubprocessExec() of no program throws ENOENT (with %s)",
    async (_name, options) => {
      await program(function* () {
        for (const name of ["/no/such/program", "no-such-program-here"]) {
          const error = yield* errorOf(createSubprocessExec(name, ["x"], options));
          expect(error).toMatchObject({ code: "ENOENT", path: name });
        }
      });
    },
  );

  test("createSubprocessExec() of what may not be executed throws EACCES", async () => {
    const file = join(folder(), "program");
    writeFileSync(file, "#!/bin/sh\nexit 3\n", { mode: 0o644 });
    await program(function* () {
      expect(yield* errorOf(createSubprocessExec(file, [], ALL))).toMatchObject({ code: "EACCES" });
      chmodSync(file, 0o755);
      expect(yield* (yield* createSubprocessExec(file)).wait()).toBe(3);
    });
  });

  test("createSubprocessExec() of a path is looked for in { cwd }, also with stderr: STDOUT", async () => {
    const place = folder();
    writeFileSync(join(place, "program"), "#!/bin/sh\necho found >&2\n", { mode: 0o755 });
    await program(function* () {
      for (const stderr of [PIPE, STDOUT] as const) {
        const child = yield* createSubprocessExec("./program", [], { stdout: PIPE, stderr, cwd: place });
        const [stdout, errors] = yield* child.communicate();
        expect(`${errors ?? stdout}`).toBe("found\n");
      }
    });
  });

  test("createSubprocessExec({ cwd }) of no folder throws ENOENT", async () => {
    await program(function* () {
      const cwd = join(folder(), "none");
      expect(yield* errorOf(createSubprocessExec("true", [], { ...ALL, cwd }))).toMatchObject({
        code: "ENOENT",
      });
      expect(yield* errorOf(sh("true", { ...ALL, cwd }))).toMatchObject({ code: "ENOENT" });
    });
  });
});

describe("wrong arguments", () => {
  test("createSubprocessExec() wants strings", async () => {
    await program(function* () {
      for (const [name, args] of [
        [7, []],
        [null, []],
        [["ls"], []],
        ["ls", [1]],
        ["ls", ["a", null]],
        ["ls", "-l"],
        ["ls", null],
        ["ls\0", []],
        ["ls", ["\0"]],
        ["", []],
      ]) {
        const error = yield* errorOf(createSubprocessExec(name as never, args as never));
        expect(error).toBeInstanceOf(TypeError);
      }
      expect(textOf(yield* errorOf(createSubprocessExec("ls", "-l" as never)))).toMatch(
        /args must be an array of strings/,
      );
    });
  });

  test("createSubprocessShell() wants a command line", async () => {
    await program(function* () {
      for (const wrong of [7, null, undefined, ["ls", "-l"]]) {
        const error = yield* errorOf(sh(wrong as never));
        expect(textOf(error)).toMatch(
          /^TypeError: subprocessShell\(…, command\): a command line is required, got /,
        );
      }
    });
  });

  test.each([
    [{ stdin: "x" }, 'stdin must be PIPE, DEVNULL, a file descriptor or null, got "x"'],
    [{ stdin: STDOUT }, 'stdin must be PIPE, DEVNULL, a file descriptor or null, got "stdout"'],
    [{ stdout: STDOUT }, 'stdout must be PIPE, DEVNULL, a file descriptor or null, got "stdout"'],
    [{ stdout: -1 }, "stdout must be PIPE, DEVNULL, a file descriptor or null, got -1"],
    [{ stderr: {} }, "stderr must be PIPE, DEVNULL, a file descriptor or null, or STDOUT, got"],
  ] as [object, string][])("createSubprocessExec(…, %o) is refused", async (options, message) => {
    await program(function* () {
      for (const call of [createSubprocessExec("true", [], options), sh("true", options)]) {
        const error = yield* errorOf(call);
        expect(error).toBeInstanceOf(RangeError);
        expect(textOf(error)).toContain(message);
      }
    });
  });

  test.each([
    { text: true },
    { encoding: "utf8" },
    { errors: "strict" },
    { universalNewlines: true },
    { bufsize: 1 },
  ])("createSubprocessExec(…, %o) is refused: streams are bytes [S277]", async (options) => {
    await program(function* () {
      for (const call of [
        createSubprocessExec("true", [], options as object),
        sh("true", options as object),
      ]) {
        let child: Process;
        try {
          child = yield* call;
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          continue;
        }
        yield* child.wait();
        expect.unreachable("it was started");
      }
    });
  });

  test("createSubprocessExec() says which loop it needs", () => {
    function* main() {
      return yield* errorOf(createSubprocessExec("true"));
    }
    const error = run(main(), { loopFactory: () => new VirtualEventLoop() });
    expect(error).toBeInstanceOf(RuntimeError);
    expect(textOf(error)).toContain("createSubprocessExec(): ");
  });
});

describe("what is left", () => {
  test("Process shows its pid, and its returncode once it has one", async () => {
    await program(function* () {
      const child = yield* sh("exit 5");
      expect(`${child}`).toBe(`<Process ${child.pid}>`);
      yield* child.wait();
      expect(`${child}`).toBe(`<Process ${child.pid} returncode=5>`);
    });
  });

  test("createSubprocessExec() starts 100 children at once, each with its own output", async () => {
    const pids: number[] = [];
    await program(function* () {
      const all = yield* waitFor(
        gather(
          Array.from({ length: 100 }, (_, i) =>
            (function* () {
              const child = yield* cat();
              pids.push(child.pid);
              const [stdout] = yield* child.communicate(Buffer.from(`${i}`));
              return `${stdout}`;
            })(),
          ),
        ),
        25,
      );
      expect(all).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    });
    expect(new Set(pids).size).toBe(100);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("100 children whose tasks are cancelled and who are killed leave no zombie and no handle", async () => {
    const pids: number[] = [];
    await program(function* () {
      const tasks = Array.from({ length: 100 }, () =>
        createTask(
          (function* () {
            const child = yield* blocked(ALL);
            pids.push(child.pid);
            try {
              yield* child.communicate();
            } finally {
              child.kill();
              yield* child.wait();
            }
          })(),
        ),
      );
      yield* eventually(() => pids.length > 20);
      for (const task of tasks) task.cancel();
      yield* gather(tasks, { returnExceptions: true });
      expect(tasks.every((task) => task.cancelled())).toBe(true);
    });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("a program that leaves a child running ends, and the child with it [S272]", async () => {
    let pid = 0;
    await program(function* () {
      pid = (yield* cat(ALL)).pid;
    });
    await until(() => !isAlive(pid));
    expect(isAlive(pid)).toBe(false);
  });

  test("EventLoop.close() with a wait() pending ends in silence, whatever the child does after", async () => {
    const before = openHandles();
    const failures: unknown[] = [];
    const note = (error: unknown) => void failures.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", note);
    onTestFinished(() => {
      process.off("uncaughtException", note);
      for (const listener of others) process.on("uncaughtException", listener);
    });
    const loop = new EventLoop();
    loop.setExceptionHandler(() => {});
    const child = await loop.runUntilComplete(
      (function* () {
        const child = yield* sh("exec sleep 0.1", ALL);
        createTask(child.wait());
        yield* sleep(0);
        return child;
      })(),
    );
    loop.close();
    await until(() => child.returncode !== null);
    await nothingLeft(before);
    expect(failures).toEqual([]);
  });
});
