// The examples of streams/, started as a user starts them: sockets know no virtual time. After a change that is meant, write what the
// example prints to recorded/streams/. Clients that nobody here wrote talk to the HTTP server; of what the supervisor starts nobody may
// be left.
import type { ChildProcess } from "node:child_process";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const startOf = (name: string) => ["scripts/run.mjs", `examples/streams/${name}.ts`];
const recorded = (name: string) =>
  readFileSync(new URL(`../recorded/streams/${name}.txt`, import.meta.url), "utf8");
const namesIn = (place: string, ending: string) =>
  readdirSync(new URL(place, import.meta.url))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();

/** What it writes; fails unless it ends with exit code 0. */
function start(name: string, env: NodeJS.ProcessEnv = process.env) {
  return promisify(execFile)(process.execPath, startOf(name), { cwd: root, env, timeout: 20_000 });
}

const isInstalled = (program: string) => spawnSync(program, ["--version"]).error === undefined;
/** An environment in which no program is found. */
const nowhere = { ...process.env, PATH: "", Path: "" };

test.each(["echo", "chat", "http-server", "http-client"])("%s prints its recorded output", async (name) => {
  expect(await start(name)).toEqual({ stdout: recorded(name), stderr: "" });
});

test("redis talks to a real Redis server, and prints its recorded output", async (context) => {
  if (!isInstalled("redis-server"))
    context.skip("redis-server is not installed: apt-get install redis-server");
  expect(await start("redis")).toEqual({ stdout: recorded("redis"), stderr: "" });
});

test("redis says how to install the server where there is none, and ends with exit code 0", async () => {
  const stdout = "redis-server is not installed: apt-get install redis-server\n";
  expect(await start("redis", nowhere)).toEqual({ stdout, stderr: "" });
});

test("tls proves names, refuses who cannot, begins in the clear, and prints its recorded output", async (context) => {
  if (!isInstalled("openssl")) context.skip("openssl is not installed: apt-get install openssl");
  expect(await start("tls")).toEqual({ stdout: recorded("tls"), stderr: "" });
});

test("tls says how to install openssl where there is none, and ends with exit code 0", async () => {
  const stdout = "openssl is not installed: apt-get install openssl\n";
  expect(await start("tls", nowhere)).toEqual({ stdout, stderr: "" });
});

/** Starts http-server on a free port. */
async function serving() {
  const server = spawn(process.execPath, [...startOf("http-server"), "0"], { cwd: root });
  const errors = text(server.stderr!);
  const [line] = await once(server.stdout!, "data");
  return { server, errors, url: String(line).trim() };
}

describe("http-server, with a port", () => {
  let server: ChildProcess;
  let url: string;
  let port: number;
  let errors: Promise<string>;

  beforeAll(async () => {
    ({ server, errors, url } = await serving());
    port = Number(new URL(url).port);
  });
  afterAll(() => {
    if (server.exitCode === null) server.kill("SIGKILL");
  });

  /** What curl writes. */
  async function curl(context: { skip(note: string): void }, args: string[], input = "") {
    if (!isInstalled("curl")) context.skip("curl is not installed: apt-get install curl");
    const running = promisify(execFile)("curl", ["--silent", "--show-error", "--max-time", "10", ...args]);
    running.child.stdin!.end(input);
    return (await running).stdout;
  }
  /** Status, connections made and bytes uploaded, after the body. */
  const figures = ["--write-out", "%{http_code} %{num_connects} %{size_upload}\n"];

  test("curl gets two pages over one connection", async (context) => {
    expect(await curl(context, [...figures, url, `${url}count?to=2`])).toBe(
      "Paths: /, /count?to=3, /slow, and /echo for POST\n200 1 0\n1\n2\n200 0 0\n",
    );
  });

  test("curl sends a body that it asks about first, and one in chunks", async (context) => {
    const body = "0123456789".repeat(20_000);
    const upload = [...figures, "--data-binary", "@-", `${url}echo`];
    expect(await curl(context, ["-H", "Expect: 100-continue", ...upload], body)).toBe(
      `${body}200 1 200000\n`,
    );
    const chunked = await curl(context, ["-H", "Transfer-Encoding: chunked", ...upload], body);
    expect(chunked.startsWith(`${body}200 1 `)).toBe(true);
  });

  test("curl gets only the head by HEAD, and no chunks by HTTP/1.0", async (context) => {
    const head = await curl(context, ["--head", url]);
    expect(head).toBe("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 49\r\n\r\n");
    const old = await curl(context, ["--http1.0", "--include", `${url}count?to=2`]);
    expect(old).toBe("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n1\n2\n");
  });

  test("curl is told 413 for a body over the limit, and 404 where there is no page", async (context) => {
    const body = "0".repeat(2_000_000);
    const refused = await curl(
      context,
      ["--write-out", "%{http_code}\n", "--data-binary", "@-", `${url}echo`],
      body,
    );
    expect(refused).toBe("a body of more than 1048576 bytes\n413\n");
    expect(await curl(context, [...figures, `${url}nowhere`])).toBe("There is no such page\n404 1 0\n");
  });

  test("wrk is served over many connections at once", async (context) => {
    if (!isInstalled("wrk")) context.skip("wrk is not installed: apt-get install wrk");
    const { stdout } = await promisify(execFile)("wrk", ["-t1", "-c32", "-d1s", url]);
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(32);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
  });

  test("Node's own client sends request after request over one connection", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const isReused: boolean[] = [];
    const ask = async (method: string, path: string, body = "") => {
      const asked = request(new URL(path, url), { method, agent }).end(body);
      const [response] = await once(asked, "response");
      isReused.push(asked.reusedSocket);
      return `${response.statusCode} ${await text(response)}`;
    };
    expect(await ask("GET", "/count?to=3")).toBe("200 1\n2\n3\n");
    expect(await ask("POST", "/echo", "Grüße")).toBe("200 Grüße");
    expect(await ask("DELETE", "/")).toBe("405 GET is all there is here\n");
    expect(isReused).toEqual([false, true, true]);
    agent.destroy();
  });

  test.each([
    ["400 Bad Request", "no request of HTTP/1.x", "Hello\r\n\r\n"],
    ["400 Bad Request", "no host", "GET / HTTP/1.1\r\n\r\n"],
    ["400 Bad Request", 'no header: "Host"', "GET / HTTP/1.1\r\nHost\r\n\r\n"],
    [
      "400 Bad Request",
      "both a content-length and a transfer-encoding",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "400 Bad Request",
      "no content-length: 3, 4",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ],
    [
      "400 Bad Request",
      'no size of a chunk: "-1"',
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    ],
    [
      "431 Request Header Fields Too Large",
      "too long",
      `GET / HTTP/1.1\r\nHost: ${"a".repeat(40_000)}\r\n\r\n`,
    ],
  ])("it answers %s (%s) and closes the connection", async (status, reason, bytes) => {
    const socket = connect(port, "127.0.0.1");
    socket.end(bytes);
    const answer = await text(socket);
    expect(answer.startsWith(`HTTP/1.1 ${status}\r\n`)).toBe(true);
    expect(answer).toContain("Connection: close\r\n");
    expect(answer.endsWith(`\r\n\r\n${reason}\n`)).toBe(true);
  });

  test("a request that is cut at each byte, and pipelined, is understood all the same", async () => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const answered = text(socket);
    const requests =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" +
      "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (const byte of requests) {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    const answers = await answered;
    expect(answers).toContain("\r\n\r\nabcdeHTTP/1.1 404 Not Found\r\n");
    expect(answers.endsWith("\r\n\r\nThere is no such page\n")).toBe(true);
  });

  test("Ctrl-C closes the server and an idle connection, and nothing was reported", async () => {
    const idle = connect(port, "127.0.0.1");
    idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(idle, "data");
    const ended = Promise.all([once(idle, "end"), once(server, "exit"), text(server.stdout!)]);
    server.kill("SIGINT");
    const [, exit, output] = await ended;
    idle.destroy();
    expect({ exit, output, errors: await errors }).toEqual({
      exit: [0, null],
      output: "closing\nclosed\n",
      errors: "",
    });
  });
});

test("http-server, told to end by SIGTERM, takes no more connections, but a request that has begun gets its answer", async () => {
  const { server, errors, url } = await serving();
  const port = Number(new URL(url).port);
  const [idle, busy] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  const ended = once(idle.resume(), "end");
  busy.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n");
  const [told] = await once(busy, "data");
  expect(String(told)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  const [exited, output, answered] = [once(server, "exit"), text(server.stdout!), text(busy)];
  server.kill("SIGTERM");
  await ended;
  idle.destroy();
  const [refused] = await once(connect(port, "127.0.0.1"), "error");
  expect(refused.code).toBe("ECONNREFUSED");
  busy.end("Hello\n");
  const answer = await answered;
  expect(answer).toContain("HTTP/1.1 200 OK\r\n");
  expect(answer).toContain("\r\nConnection: close\r\n");
  expect(answer.endsWith("\r\n\r\nHello\n")).toBe(true);
  expect({ exit: await exited, output: await output, errors: await errors }).toEqual({
    exit: [0, null],
    output: "closing\nclosed\n",
    errors: "",
  });
});

describe("supervisor", () => {
  /** The lines of each program, one program after the other: which of two speaks first is chance. */
  const byProgram = (output: string) =>
    output
      .trimEnd()
      .split("\n")
      .map((line, at) => ({ line, at, name: line.split(" ")[0]! }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.at - b.at))
      .map(({ line }) => line);

  /** Whether a process runs; one that has ended, and was not waited for by whoever is to, does not. */
  function isRunning(pid: number) {
    try {
      process.kill(pid, 0);
    } catch {
      return false;
    }
    const status = spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" });
    return status.stdout.trim() !== "" && !status.stdout.startsWith("Z");
  }

  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) if (child.exitCode === null) child.kill("SIGTERM");
  });

  /** Starts it with command lines; `wanted` is in its output when this returns. */
  async function supervising(lines: readonly string[], wanted: RegExp) {
    const child = spawn(process.execPath, [...startOf("supervisor"), ...lines], { cwd: root });
    started.push(child);
    const ended = Promise.all([once(child, "exit"), text(child.stderr)]);
    let output = "";
    child.stdout.setEncoding("utf8");
    const seen = new Promise<void>((resolve) => {
      child.stdout.on("data", (data: string) => {
        output += data;
        if (wanted.test(output)) resolve();
      });
    });
    await Promise.race([seen, ended]);
    expect(output).toMatch(wanted);
    const pids = [...output.matchAll(/ pid (\d+)/g)].map((match) => Number(match[1]));
    return {
      pids,
      /** Its end, of itself or by a signal. */
      async end(signal: NodeJS.Signals | null) {
        if (signal !== null) child.kill(signal);
        const [exit, errors] = await ended;
        return { exit, errors, output };
      },
    };
  }

  // Each of them says who it is, and whom it has started.
  const HARMLESS = "sleep 1000 & echo ok pid $$; echo ok pid $!; wait";
  const STUBBORN = "trap '' TERM INT; sleep 1001 & echo ok pid $$; echo ok pid $!; while :; do sleep 1; done";
  const NEGLIGENT = "echo ok pid $$; trap 'exit 0' TERM; sleep 1002 & echo ok pid $!; wait";
  const THREE = [HARMLESS, STUBBORN, NEGLIGENT];

  test("it starts again what dies, stops who does not want to end, and prints its recorded output", async () => {
    const { stdout, stderr } = await start("supervisor");
    expect(byProgram(stdout)).toEqual(byProgram(recorded("supervisor")));
    expect(stderr).toBe("");
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "after %s no child is left, nor a child of a child, even of those that ignore SIGTERM",
    async (signal) => {
      const { pids, end } = await supervising(THREE, /(?:ok pid \d+\n[\s\S]*){6}/);
      expect(pids).toHaveLength(6);
      expect(pids.map(isRunning)).toEqual(pids.map(() => true));
      const { exit, errors, output } = await end(signal);
      await expect.poll(() => pids.filter(isRunning)).toEqual([]);
      expect({ exit, errors }).toEqual({ exit: [0, null], errors: "" });
      expect(byProgram(output.replace(/.* pid .*\n/g, ""))).toEqual([
        `${signal}: all are stopped`,
        "echo  ! ended with exit code 0",
        "sleep ! ended with SIGTERM",
        "trap  ! does not end: SIGKILL",
        "trap  ! ended with SIGKILL",
      ]);
    },
  );

  test("what a child that died has left behind is gone before it starts again", async () => {
    const line = "sleep 1003 & echo ok pid $!; [ $LIFE = 2 ] || exit 7; wait";
    const { pids, end } = await supervising([line], /(?:ok pid \d+\n[\s\S]*){2}/);
    await expect.poll(() => pids.map(isRunning)).toEqual([false, true]);
    const { output } = await end("SIGTERM");
    expect(output).toContain("sleep ! ended with exit code 7\nsleep ! starts again in 0.1 s\n");
    await expect.poll(() => pids.map(isRunning)).toEqual([false, false]);
  });

  test("a program that dies too often is given up, the others are stopped, and the exit code is 1", async () => {
    const { end } = await supervising(["exit 3", STUBBORN], /given up/);
    const { exit, errors, output } = await end(null);
    expect({ exit, errors }).toEqual({ exit: [1, null], errors: "" });
    expect(output.match(/ended with exit code 3/g)).toHaveLength(5);
    expect(output.match(/starts again in .*/g)).toEqual(
      [0.1, 0.2, 0.4, 0.8].map((delay) => `starts again in ${delay} s`),
    );
    expect(output).toContain("exit ! given up: died 5 times within 10 s\n");
    expect(output).toContain("trap ! ended with SIGKILL\n");
  });

  test("it ends when all programs have, and of a line that is too long nothing is lost", async () => {
    const long = "head -c 200000 /dev/zero | tr '\\0' a; echo; echo -n after it";
    const { end } = await supervising(["echo one; echo two >&2", long], /head ! ended/);
    const { exit, errors, output } = await end(null);
    expect({ exit, errors }).toEqual({ exit: [0, null], errors: "" });
    const said = byProgram(output);
    expect(said.slice(0, 3)).toEqual(["echo | one", "echo | two", "echo ! ended with exit code 0"]);
    expect(said.slice(-2)).toEqual(["head | after it", "head ! ended with exit code 0"]);
    const pieces = said.slice(3, -2).map((line) => /^head \| (a*)$/.exec(line)?.[1]);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join("")).toBe("a".repeat(200_000));
  });
});

test("recorded/streams/ holds one output for each example, and README.md its command", () => {
  const names = namesIn("../streams/", ".ts");
  expect(namesIn("../recorded/streams/", ".txt")).toEqual(names);
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const commands = readme.matchAll(/node scripts\/run\.mjs examples\/streams\/(\S+)\.ts/g);
  expect([...commands].map((match) => match[1]).sort()).toEqual(names);
});
