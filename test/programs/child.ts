// Runs a program of this folder as a user would, in a process of its own.
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Starts `name`; `told` is called with all it has written so far, each time it writes. */
export function start(
  name: string,
  args: string[] = [],
  told: (stdout: string, child: ChildProcessWithoutNullStreams) => void = () => {},
  env: Record<string, string> = {},
): Promise<Ended> {
  const flags = ["--conditions=@aioloop/source", "--import", "tsx"];
  const child = spawn(process.execPath, [...flags, path(name), ...args], { env: { ...process.env, ...env } });
  const ended: Ended = { code: null, signal: null, stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => {
    ended.stdout += data.toString();
    told(ended.stdout, child);
  });
  child.stderr.on("data", (data: Buffer) => {
    ended.stderr += data.toString();
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve({ ...ended, code, signal }));
  });
}
