/** Starts the servers of the bench, each in a process of its own, which ends with this one. */
import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onSources } from "../../scripts/process.mjs";

const run = promisify(execFile);

/** What a server does with a connection: answers requests, sends back what comes, or answers one request and closes. */
export type ServedProgram = "http" | "echo" | "once";

export interface Server {
  readonly port: number;
  readonly pid: number;
}

const files = {
  ours: "ours.ts",
  net: "net.ts",
  http: "node-http.ts",
  cpython: "servers.py",
  uvloop: "servers.py",
};

const pythons = { cpython: process.env["BENCH_CPYTHON"], uvloop: process.env["BENCH_UVLOOP"] };

export const absentPythons: readonly (keyof typeof pythons)[] = (["cpython", "uvloop"] as const).filter(
  (column) => pythons[column] === undefined,
);

const started = new Map<string, Promise<Server>>();

/** The server of a column; the same one as long as this process lives. @throws Error if it does not start */
export function serve(column: keyof typeof files, program: ServedProgram): Promise<Server> {
  const key = `${column} ${program}`;
  const known = started.get(key);
  if (known !== undefined) return known;
  const server = start(column, program);
  started.set(key, server);
  return server;
}

async function start(column: keyof typeof files, program: ServedProgram): Promise<Server> {
  const file = fileURLToPath(new URL(`../servers/${files[column]}`, import.meta.url));
  const python = column === "cpython" || column === "uvloop" ? pythons[column] : undefined;
  const [command, args] =
    python === undefined
      ? [process.execPath, onSources(["--expose-gc", file, program], { measured: true })]
      : [python, [file, program, ...(column === "uvloop" ? ["--uvloop"] : [])]];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill("SIGKILL"));
  const port = await portOf(child, `${column} ${program}`);
  child.unref();
  (child.stdout as unknown as { unref(): void }).unref();
  return { port, pid: child.pid as number };
}

function portOf(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const port = /port (\d+)\n/.exec(said)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ${name} ended with exit code ${code}`)));
  });
}

/** Until garbage has been collected. Milliseconds. */
const COLLECTION = 300;

/** Bytes, after a collection of garbage where there is one. */
export async function residentMemory({ pid }: Server): Promise<number> {
  process.kill(pid, "SIGUSR2");
  await setTimeout(COLLECTION);
  const { stdout } = await run("/bin/ps", ["-o", "rss=", "-p", `${pid}`]);
  return Number(stdout) * 1024;
}
