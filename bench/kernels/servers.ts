/**
 * Servers under load: ours on StreamReader and StreamWriter; Node's sockets by hand; node:http; asyncio's streams on both of Python's loops.
 * All are processes, started once, and idle while another one is measured; the client is wrk. Rounds are counted in seconds.
 */
import { setTimeout } from "node:timers/promises";
import { answersFrom } from "./http-load.ts";
import { idleConnections } from "./idle-connections.ts";
import type { Kernel, NodeColumn, Program } from "./kernel.ts";
import type { ServedProgram, Server } from "./serve.ts";
import { absentPythons, residentMemory, serve } from "./serve.ts";

type Column = Extract<NodeColumn, "ours" | "net" | "http" | "cpython" | "uvloop">;

const STREAMS: readonly Column[] = ["ours", "net", "cpython", "uvloop"];

function programs(
  columns: readonly Column[],
  program: ServedProgram,
  round: (server: Server, seconds: number) => Promise<number>,
): Kernel["programs"] {
  const one =
    (column: Column): Program =>
    async (seconds, begin, end) => {
      const server = await serve(column, program);
      begin();
      const count = await round(server, seconds);
      end();
      return count;
    };
  return Object.fromEntries(columns.map((column) => [column, one(column)])) as Kernel["programs"];
}

const GROUP = { group: "streams", absent: absentPythons } as const;

/** Operations are the seconds of a round, and of a round that warms up. */
const UNDER_LOAD = { ...GROUP, shown: "rate", needs: "wrk", operations: 2, warmUp: 3, rounds: 5 } as const;

function http(connections: number): Kernel {
  return {
    name: `http-${connections}`,
    title: `HTTP answers over ${connections} keep-alive connections`,
    ...UNDER_LOAD,
    programs: programs(["ours", "net", "http", "cpython", "uvloop"], "http", ({ port }, seconds) =>
      answersFrom({ port, connections, seconds }),
    ),
  };
}

function echo(name: string, message: number): Kernel {
  return {
    name: `echo-${name}`,
    title: `messages of ${name} that come back, one at a time on each of 16 connections`,
    ...UNDER_LOAD,
    programs: programs(STREAMS, "echo", ({ port }, seconds) =>
      answersFrom({ port, connections: 16, seconds, message }),
    ),
  };
}

const accepts: Kernel = {
  name: "accepts",
  title: "connections that are accepted, answered once and closed, 64 at a time",
  ...UNDER_LOAD,
  programs: programs(STREAMS, "once", ({ port }, seconds) => answersFrom({ port, connections: 64, seconds })),
};

/** Until a server has seen all connections, and has come to rest. Milliseconds. */
const REST = 500;

const memory: Kernel = {
  name: "connection-memory",
  title: "bytes of resident memory for an idle connection, one of 10,000",
  ...GROUP,
  shown: "bytes",
  operations: 10_000,
  rounds: 3,
  fresh: true,
  programs: programs(STREAMS, "echo", async (server, connections) => {
    const before = await residentMemory(server);
    const close = await idleConnections(server.port, connections);
    await setTimeout(REST);
    const after = await residentMemory(server);
    close();
    return (after - before) / connections;
  }),
};

export const servers: readonly Kernel[] = [
  http(64),
  http(1000),
  echo("64B", 64),
  echo("4KiB", 4096),
  echo("64KiB", 65_536),
  accepts,
  memory,
];
