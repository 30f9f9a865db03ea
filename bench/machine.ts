/** What the figures were measured on. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import type { Pythons } from "./python-columns.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Versions, with what has to be known about them. */
  readonly cpython: string | null;
  readonly uvloop: string | null;
  readonly date: string;
  /** Processes that wanted to run in the minute before, ours not among them; 0 where the system does not say. */
  readonly load: number;
}

export function machine({ cpython, uvloop }: Pythons): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    cpython:
      cpython && `${cpython.version}${cpython.optimised ? "" : " (built without --enable-optimizations)"}`,
    uvloop: uvloop && `${uvloop.uvloop} on Python ${uvloop.version}`,
    date: new Date().toISOString().slice(0, 10),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function machineNote(found: Machine): string {
  const { cpu, cores, memory, system, node, v8, cpython, uvloop, date, load } = found;
  return [
    `${cpu}, ${cores} cores, ${memory}, ${system}; load ${load} before`,
    `Node ${node}, V8 ${v8}`,
    cpython !== null
      ? `CPython ${cpython}`
      : "CPython: none found. Put a python3 of 3.8 or newer on the PATH, or name it: PYTHON=python3.14 npm run bench",
    uvloop !== null
      ? `uvloop ${uvloop}`
      : "uvloop: no Python found can import it. Install it for one of them: python3 -m pip install uvloop",
    date,
  ].join("\n");
}
