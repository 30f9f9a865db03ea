// Fear: a protocol hears of its child in the wrong order, twice, or never. CPython: `test_events.SubprocessTestsMixin`.
import type { ExceptionContext } from "@aioloop/loop";
import { Context, ContextVar, getRunningLoop } from "@aioloop/loop";
import type {
  BaseTransport,
  EventLoop,
  SubprocessOptions,
  SubprocessTransport,
  Transport,
} from "@aioloop/streams";
import { DEVNULL, PIPE, STDOUT, SubprocessProtocol, SubprocessStreamProtocol } from "@aioloop/streams";
import { createTask, Event, sleep } from "@aioloop/tasks";
import { describe, expect, test } from "vitest";
import { errorOf } from "../../tasks/test/helpers.ts";
import { block, eventually, isAlive, lines, program } from "./helpers-i.ts";

const ALL: SubprocessOptions = { stdin: PIPE, stdout: PIPE, stderr: PIPE };
const NONE: SubprocessOptions = { stdin: DEVNULL, stdout: DEVNULL, stderr: DEVNULL };

/** Notes what it is told, chunks of one pipe that follow each other as one. */
class Recorder extends SubprocessProtocol {
  readonly calls: string[] = [];
  readonly data: Record<number, string> = { 1: "", 2: "" };
  readonly errors: unknown[] = [];
  /** Something was told. */
  readonly news: Event = new Event();
  transport: SubprocessTransport | null = null;
  /** False once a call came from outside a turn. */
  isInTurns = true;

  note(call: string): void {
    this.isInTurns &&= getRunningLoop() !== null;
    if (this.calls.at(-1) !== call || !call.startsWith("data")) this.calls.push(call);
    this.news.set();
  }

  override connectionMade(transport: SubprocessTransport): void {
    this.transport = transport;
    this.note("connectionMade");
  }

  override pipeDataReceived(fd: number, data: Buffer): void {
    this.data[fd] += data.toString();
    this.note(`data ${fd}`);
  }

  override pipeConnectionLost(fd: number, error: unknown): void {
    this.errors.push(error);
    this.note(`lost ${fd}`);
  }

  override processExited(): void {
    this.note(`exited ${this.transport?.getReturncode()}`);
  }

  override connectionLost(error: unknown): void {
    this.errors.push(error);
    this.note("connectionLost");
  }

  override pauseWriting(): void {
    this.note("pauseWriting");
  }

  override resumeWriting(): void {
    this.note("resumeWriting");
  }

  *until(isTrue: () => boolean) {
    while (!isTrue()) {
      this.news.clear();
      yield* this.news.wait();
    }
  }

  *told(call: string) {
    yield* this.until(() => this.calls.includes(call));
  }
}

const exec = (loop: EventLoop, name: string, args: string[] = [], options: SubprocessOptions = ALL) =>
  loop.subprocessExec(() => new Recorder(), name, args, options);
const shell = (loop: EventLoop, command: string, options: SubprocessOptions = ALL) =>
  loop.subprocessShell(() => new Recorder(), command, options);
const pipeOf = (transport: SubprocessTransport, fd: number) => transport.getPipeTransport(fd) as Transport;

const ENDS = ["connectionLost", "lost 0", "lost 1", "lost 2"];
const endsOf = ({ calls }: Recorder) => calls.filter((call) => ENDS.includes(call)).sort();

describe("order of calls", () => {
  test("EventLoop.subprocessExec() calls connectionMade() before it returns, with the transport", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* exec(loop, "cat");
      expect(protocol).toBeInstanceOf(Recorder);
      expect(protocol.calls).toEqual(["connectionMade"]);
      expect(protocol.transport).toBe(transport);
      expect(transport.getProtocol()).toBe(protocol);
      transport.close();
      yield* protocol.told("connectionLost");
    });
  });

  test("SubprocessProtocol hears of everything once: made, data, the end of each pipe and of the child, and last connectionLost(null) [S270]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "echo out; echo err >&2; read x; exit 7");
      yield* protocol.until(() => protocol.data[1] !== "" && protocol.data[2] !== "");
      pipeOf(transport, 0).write(Buffer.from("go\n"));
      yield* protocol.told("connectionLost");
      yield* sleep(0.02);
      const { calls } = protocol;
      expect(calls[0]).toBe("connectionMade");
      expect(calls.slice(1, 3).sort()).toEqual(["data 1", "data 2"]);
      expect(calls.slice(3, -1).sort()).toEqual(["exited 7", "lost 0", "lost 1", "lost 2"]);
      expect(calls.at(-1)).toBe("connectionLost");
      expect(protocol.errors).toEqual([null, null, null, null]);
      expect(protocol.isInTurns).toBe(true);
    });
  });

  test("SubprocessProtocol.connectionMade() comes first also where the child has ended and written before [S269]", async () => {
    await program(function* (loop) {
      const busy = createTask(
        (function* () {
          for (;;) {
            block(5);
            yield* sleep(0);
          }
        })(),
      );
      for (let i = 0; i < 10; i++) {
        const [, protocol] = yield* shell(loop, "seq 1 20000; echo err >&2; exit 3");
        yield* protocol.told("connectionLost");
        expect(protocol.calls[0]).toBe("connectionMade");
        expect(protocol.calls.at(-1)).toBe("connectionLost");
        expect(protocol.calls).toContain("exited 3");
        expect(endsOf(protocol)).toEqual(ENDS);
        expect(protocol.data[1] === lines(20000)).toBe(true);
        expect(protocol.data[2]).toBe("err\n");
        for (const fd of [1, 2]) {
          expect(protocol.calls.lastIndexOf(`data ${fd}`)).toBeLessThan(protocol.calls.indexOf(`lost ${fd}`));
        }
      }
      busy.cancel();
    });
  });

  test("SubprocessProtocol.connectionLost() follows processExited() at once where there are no pipes [S270]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "exit 7", NONE);
      expect([0, 1, 2].map((fd) => transport.getPipeTransport(fd))).toEqual([null, null, null]);
      yield* protocol.told("connectionLost");
      expect(protocol.calls).toEqual(["connectionMade", "exited 7", "connectionLost"]);
      expect(transport.getReturncode()).toBe(7);
      expect(transport.close()).toBeUndefined();
    });
  });

  test("SubprocessProtocol.connectionLost() waits for a pipe that another process holds [S270]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "sleep 3600 & exit 2", {
        ...ALL,
        startNewSession: true,
      });
      yield* protocol.told("exited 2");
      yield* sleep(0.05);
      expect(endsOf(protocol)).toEqual(["lost 0"]);
      process.kill(-transport.getPid(), "SIGKILL");
      yield* protocol.told("connectionLost");
      expect(endsOf(protocol)).toEqual(ENDS);
    });
  });

  test("SubprocessProtocol.connectionLost() waits for the child where its pipes have ended [S270]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "exec 1>&- 2>&-; exec sleep 3600");
      yield* protocol.told("lost 1");
      yield* protocol.told("lost 2");
      yield* sleep(0.02);
      expect(protocol.calls).not.toContain("connectionLost");
      transport.terminate();
      yield* protocol.told("connectionLost");
      expect(protocol.calls).toContain("exited -15");
    });
  });

  test("SubprocessProtocol.pipeConnectionLost() tells what broke stdin", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "exec 0<&-; echo closed; exec sleep 3600");
      yield* protocol.told("data 1");
      pipeOf(transport, 0).write(Buffer.from("x"));
      yield* protocol.told("lost 0");
      expect(protocol.errors).toMatchObject([{ code: "EPIPE" }]);
      transport.close();
      yield* protocol.told("connectionLost");
    });
  });
});

describe("conversations", () => {
  test("BaseTransport.write() of the stdin and pipeDataReceived() go there and back", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* exec(loop, "cat");
      pipeOf(transport, 0).write(Buffer.from("one "));
      yield* protocol.until(() => protocol.data[1] === "one ");
      pipeOf(transport, 0).write(Buffer.from("two"));
      yield* protocol.until(() => protocol.data[1] === "one two");
      pipeOf(transport, 0).writeEof();
      yield* protocol.told("connectionLost");
      expect(transport.getReturncode()).toBe(0);
    });
  });

  test("EventLoop.subprocessShell() runs a command line", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "echo loop | tr a-z A-Z; cat");
      pipeOf(transport, 0).close();
      yield* protocol.told("connectionLost");
      expect([protocol.data, transport.getReturncode()]).toEqual([{ 1: "LOOP\n", 2: "" }, 0]);
    });
  });

  const speak = 'read x; printf %s "OUT:$x"; printf %s "ERR:$x" >&2';

  test("SubprocessProtocol.pipeDataReceived() is told 1 for stdout and 2 for stderr", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, speak);
      pipeOf(transport, 0).write(Buffer.from("test\n"));
      yield* protocol.told("connectionLost");
      expect([protocol.data, transport.getReturncode()]).toEqual([{ 1: "OUT:test", 2: "ERR:test" }, 0]);
    });
  });

  test("EventLoop.subprocessExec({ stderr: STDOUT }) has one pipe for both", async () => {
    await program(function* (loop) {
      const options: SubprocessOptions = { ...ALL, stderr: STDOUT };
      const [transport, protocol] = yield* exec(loop, "sh", ["-c", speak], options);
      expect(transport.getPipeTransport(1)).not.toBeNull();
      expect(transport.getPipeTransport(2)).toBeNull();
      pipeOf(transport, 0).write(Buffer.from("test\n"));
      yield* protocol.told("connectionLost");
      expect([protocol.data, transport.getReturncode()]).toEqual([{ 1: "OUT:testERR:test", 2: "" }, 0]);
      expect(endsOf(protocol)).toEqual(["connectionLost", "lost 0", "lost 1"]);
    });
  });

  test("BaseTransport.close() of the stdout is seen by the child that writes to it", async () => {
    const code =
      'process.stdin.on("data", (data) => { try { fs.writeSync(1, "OUT:" + data); } catch (error) { fs.writeSync(2, "ERR:" + error.code); } });';
    await program(function* (loop) {
      const [transport, protocol] = yield* exec(loop, process.execPath, ["-e", code]);
      pipeOf(transport, 0).write(Buffer.from("test"));
      yield* protocol.until(() => protocol.data[1] === "OUT:test");
      pipeOf(transport, 1).close();
      yield* protocol.told("lost 1");
      pipeOf(transport, 0).write(Buffer.from("xxx"));
      yield* protocol.until(() => protocol.data[2] !== "");
      expect(protocol.data).toEqual({ 1: "OUT:test", 2: "ERR:EPIPE" });
      transport.close();
      yield* protocol.told("connectionLost");
      expect(transport.getReturncode()).toBe(-9);
    });
  });

  test("EventLoop.subprocessExec() and subprocessShell() have three pipes unless told otherwise", async () => {
    await program(function* (loop) {
      const make = () => new Recorder();
      const started = [
        yield* loop.subprocessExec(make, "sh", ["-c", speak]),
        yield* loop.subprocessShell(make, speak),
      ];
      for (const [transport, protocol] of started) {
        expect([0, 1, 2].map((fd) => transport.getPipeTransport(fd) !== null)).toEqual([true, true, true]);
        pipeOf(transport, 0).write(Buffer.from("x\n"));
        yield* protocol.told("connectionLost");
        expect(protocol.data).toEqual({ 1: "OUT:x", 2: "ERR:x" });
      }
    });
  });

  test("SubprocessProtocol.pauseWriting() and resumeWriting() tell how full stdin is", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "read x; cat >&-; exit 1", {
        ...ALL,
        stdout: DEVNULL,
      });
      pipeOf(transport, 0).write(Buffer.alloc(2 << 20));
      expect(protocol.calls).toEqual(["connectionMade", "pauseWriting"]);
      transport.close();
      yield* protocol.told("connectionLost");

      const [other, reads] = yield* shell(loop, "exec wc -c");
      pipeOf(other, 0).write(Buffer.alloc(2 << 20));
      expect(reads.calls).toEqual(["connectionMade", "pauseWriting"]);
      yield* reads.told("resumeWriting");
      pipeOf(other, 0).writeEof();
      yield* reads.told("connectionLost");
      expect(Number(reads.data[1])).toBe(2 << 20);
    });
  });

  test("BaseTransport.pauseReading() of the stdout holds back what comes, until resumeReading()", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "read x; seq 1 1000");
      const stdout = pipeOf(transport, 1);
      stdout.pauseReading();
      pipeOf(transport, 0).write(Buffer.from("\n"));
      yield* protocol.told("exited 0");
      yield* sleep(0.05);
      expect(protocol.data[1]).toBe("");
      expect(protocol.calls).not.toContain("lost 1");
      stdout.resumeReading();
      yield* protocol.told("connectionLost");
      expect(protocol.data[1]).toBe(lines(1000));
    });
  });

  test("BaseTransport.setProtocol() gives the child to another protocol", async () => {
    await program(function* (loop) {
      const [transport, first] = yield* exec(loop, "cat");
      const second = new Recorder();
      transport.setProtocol(second);
      expect(transport.getProtocol()).toBe(second);
      pipeOf(transport, 0).write(Buffer.from("x"));
      yield* second.told("data 1");
      transport.close();
      yield* second.told("connectionLost");
      expect(first.calls).toEqual(["connectionMade"]);
    });
  });
});

describe("the transport", () => {
  test("SubprocessTransport.getPid(), getReturncode() and getExtraInfo() say which child it is", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "echo $$; read x; exit 5");
      yield* protocol.told("data 1");
      expect(Number(protocol.data[1])).toBe(transport.getPid());
      expect(transport.getReturncode()).toBeNull();
      const child = transport.getExtraInfo("subprocess") as { pid: number };
      expect(child.pid).toBe(transport.getPid());
      expect(transport.getExtraInfo("nothing")).toBeNull();
      expect(transport.getExtraInfo("nothing", 7)).toBe(7);
      expect(`${transport}`).toBe(`<ChildTransport pid=${transport.getPid()} running>`);
      pipeOf(transport, 0).write(Buffer.from("\n"));
      yield* protocol.told("connectionLost");
      expect(transport.getReturncode()).toBe(5);
      expect(`${transport}`).toBe(`<ChildTransport pid=${transport.getPid()} returncode=5>`);
      expect(isAlive(transport.getPid())).toBe(false);
    });
  });

  test("SubprocessTransport.getPipeTransport() gives what is a PIPE, and null for the others", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* exec(loop, "cat", [], { ...NONE, stdin: PIPE });
      const pipes = [-1, 0, 1, 2, 3].map((fd): BaseTransport | null => transport.getPipeTransport(fd));
      expect(pipes.map((pipe) => pipe !== null)).toEqual([false, true, false, false, false]);
      pipes[1]?.close();
      yield* protocol.told("connectionLost");
      expect(transport.getPipeTransport(0)).toBe(pipes[1]);
    });
  });

  test("SubprocessTransport.kill() ends the child by SIGKILL, terminate() by SIGTERM, sendSignal() by the one it is given", async () => {
    await program(function* (loop) {
      const ways: [(transport: SubprocessTransport) => void, number][] = [
        [(transport) => transport.kill(), -9],
        [(transport) => transport.terminate(), -15],
        [(transport) => transport.sendSignal("SIGHUP"), -1],
        [(transport) => transport.sendSignal(1), -1],
      ];
      for (const [end, returncode] of ways) {
        const [transport, protocol] = yield* exec(loop, "cat");
        end(transport);
        yield* protocol.told("connectionLost");
        expect(transport.getReturncode()).toBe(returncode);
        end(transport);
        transport.close();
      }
    });
  });

  test("SubprocessTransport.close() closes the pipes and kills a child that runs; once is enough [S272]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* exec(loop, "cat");
      expect(transport.isClosing()).toBe(false);
      transport.close();
      transport.close();
      expect(transport.isClosing()).toBe(true);
      expect([0, 1, 2].map((fd) => transport.getPipeTransport(fd)?.isClosing())).toEqual([true, true, true]);
      yield* protocol.told("connectionLost");
      expect(transport.getReturncode()).toBe(-9);
      expect(endsOf(protocol)).toEqual(ENDS);
      expect(isAlive(transport.getPid())).toBe(false);
    });
  });

  test("SubprocessTransport.close() kills no child that has ended, and keeps its returncode [S272]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "exit 7");
      yield* protocol.told("connectionLost");
      transport.close();
      yield* sleep(0.01);
      expect(transport.getReturncode()).toBe(7);
      expect(protocol.calls.filter((call) => call === "connectionLost")).toHaveLength(1);
    });
  });

  test("SubprocessTransport.close() closes pipes that another process holds, when the child has ended [S272]", async () => {
    await program(function* (loop) {
      const [transport, protocol] = yield* shell(loop, "sleep 3600 & exit 0", {
        ...ALL,
        startNewSession: true,
      });
      yield* protocol.told("exited 0");
      transport.close();
      yield* protocol.told("connectionLost");
      process.kill(-transport.getPid(), "SIGKILL");
    });
  });

  test("EventLoop.subprocessShell({ startNewSession }) tells of the child as without", async () => {
    await program(function* (loop) {
      const [, protocol] = yield* shell(loop, "exit 7", { ...NONE, startNewSession: true });
      yield* protocol.told("connectionLost");
      expect(protocol.calls).toEqual(["connectionMade", "exited 7", "connectionLost"]);
    });
  });
});

test("SubprocessStreamProtocol closes its transport when the child has ended and its output has, not before [S276]", async () => {
  await program(function* (loop) {
    const make = () => new SubprocessStreamProtocol(undefined, loop);
    // Another process writes to stdout when the child has ended.
    const command = "(sleep 0.2; echo late) & echo early";
    const [transport, protocol] = yield* loop.subprocessShell(make, command, ALL);
    const { stdout } = protocol;
    expect(`${yield* stdout!.readline()}`).toBe("early\n");
    yield* eventually(() => transport.getReturncode() === 0);
    expect(transport.isClosing()).toBe(false);
    expect(`${yield* stdout!.read()}`).toBe("late\n");
    yield* eventually(() => transport.isClosing());

    const [silent] = yield* loop.subprocessExec(make, "sleep", ["0.1"], NONE);
    expect(silent.isClosing()).toBe(false);
    yield* eventually(() => silent.isClosing());
    expect(silent.getReturncode()).toBe(0);
  });
});

describe("failures", () => {
  test("SubprocessProtocol.pipeDataReceived() that throws is reported, and its pipe closed", async () => {
    const reports: ExceptionContext[] = [];
    await program(function* (loop) {
      class Broken extends Recorder {
        override pipeDataReceived(): void {
          throw new Error("not today");
        }
      }
      const [, protocol] = yield* loop.subprocessShell(() => new Broken(), "echo out; read x", ALL);
      yield* protocol.told("lost 1");
      protocol.transport?.close();
      yield* protocol.told("connectionLost");
    }, reports);
    expect(reports.map(({ exception }) => `${exception}`)).toEqual(["Error: not today"]);
  });

  test("SubprocessProtocol.processExited() that throws is reported, and connectionLost() comes all the same", async () => {
    const reports: ExceptionContext[] = [];
    await program(function* (loop) {
      class Broken extends Recorder {
        override processExited(): void {
          throw new Error("not today");
        }
      }
      const [, protocol] = yield* loop.subprocessShell(() => new Broken(), "exit 0", ALL);
      yield* protocol.told("connectionLost");
    }, reports);
    expect(reports.map(({ exception }) => `${exception}`)).toEqual(["Error: not today"]);
  });

  test("a protocolFactory that throws starts no child", async () => {
    await program(function* (loop) {
      const factory = (): SubprocessProtocol => {
        throw new Error("no protocol");
      };
      expect(`${yield* errorOf(loop.subprocessExec(factory, "cat", [], ALL))}`).toBe("Error: no protocol");
      expect(`${yield* errorOf(loop.subprocessShell(factory, "cat", ALL))}`).toBe("Error: no protocol");
    });
  });

  test("EventLoop.subprocessExec() and subprocessShell() refuse what is no program and no command line", async () => {
    await program(function* (loop) {
      const make = () => new Recorder();
      const wrong = [
        loop.subprocessExec(make, ["ls"] as unknown as string),
        loop.subprocessExec(make, 7 as unknown as string),
        loop.subprocessExec(make, "ls", [7] as unknown as string[]),
        loop.subprocessShell(make, ["ls"] as unknown as string),
        loop.subprocessShell(make, 7 as unknown as string),
      ];
      for (const call of wrong) expect(yield* errorOf(call)).toBeInstanceOf(TypeError);
      const redirected = loop.subprocessExec(make, "ls", [], { stdout: "nowhere" as never });
      expect(yield* errorOf(redirected)).toBeInstanceOf(RangeError);
      expect(yield* errorOf(exec(loop, "/no/such/program"))).toMatchObject({ code: "ENOENT" });
    });
  });

  test("EventLoop.subprocessExec() cancelled tells the protocol nothing, and leaves no child [S278]", async () => {
    await program(function* (loop) {
      const protocol = new Recorder();
      const starting = createTask(loop.subprocessExec(() => protocol, "cat", [], ALL));
      yield* sleep(0);
      starting.cancel();
      yield* errorOf(starting);
      yield* sleep(0.05);
      expect(protocol.calls).toEqual([]);
    });
  });
});

test("SubprocessProtocol is called in the context in which the child was started", async () => {
  const name = new ContextVar<string>("name");
  const seen: string[] = [];
  class Asks extends Recorder {
    override note(call: string): void {
      seen.push(`${call}: ${name.get("none")}`);
      super.note(call);
    }
  }
  await program(function* (loop) {
    const context = new Context();
    context.run(() => name.set("inner"));
    const starting = createTask(
      loop.subprocessShell(() => new Asks(), "echo x", { ...NONE, stdout: PIPE }),
      { context },
    );
    const [, protocol] = yield* starting;
    yield* protocol.told("connectionLost");
    yield* eventually(() => seen.length >= 5);
  });
  expect(seen.filter((line) => line.startsWith("data"))).toEqual(["data 1: inner"]);
  expect(seen[0]).toBe("connectionMade: inner");
});
