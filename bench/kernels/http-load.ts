/** wrk, a client that none of the columns is written in: how much load it puts on a server, and what it says of the answers. */
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const script = fileURLToPath(new URL("../servers/echo.lua", import.meta.url));

/** Whether it can be started. */
export function hasWrk(): boolean {
  try {
    execFileSync("wrk", ["--version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT"; // it says its version with exit code 1
  }
}

export interface Load {
  readonly port: number;
  readonly connections: number;
  /** Whole ones: wrk knows no others. */
  readonly seconds: number;
  /** Sends messages of so many bytes and expects them back, instead of requests. */
  readonly message?: number;
}

/** How many answers came. @throws Error if some were wrong, or none came */
export async function answersFrom({ port, connections, seconds, message }: Load): Promise<number> {
  const args = ["--threads", "1", "--connections", `${connections}`, "--duration", `${seconds}s`];
  const { stdout } = await run("wrk", [
    ...args,
    ...(message === undefined ? [] : ["--script", script]),
    `http://127.0.0.1:${port}/`,
    ...(message === undefined ? [] : ["--", `${message}`]),
  ]);
  const answers = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  if (answers === 0 || /Non-2xx|Socket errors: connect [1-9]/.test(stdout)) {
    throw new Error(`wrk was not served:\n${stdout}`);
  }
  return answers;
}
