/** What the servers of the bench have in common. */
import { collectGarbage } from "../collect-garbage.ts";

export const END_OF_HEAD: Buffer = Buffer.from("\r\n\r\n");

export const BODY = "Hello, world!";

export const ANSWER: Buffer = answer("");
export const LAST_ANSWER: Buffer = answer("Connection: close\r\n");

function answer(header: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${header}Content-Length: ${BODY.length}`;
  return Buffer.from(`${head}\r\n\r\n${BODY}`);
}

/** Before memory is looked at. */
export function collectOnSignal(): void {
  process.on("SIGUSR2", collectGarbage);
}

/** The program that the command line names. */
export function programOf<T>(programs: Readonly<Record<string, T>>): T {
  const program = programs[process.argv[2] ?? ""];
  if (program === undefined) throw new RangeError(`no server ${process.argv[2]}`);
  return program;
}

/** The bench waits for this line. */
export function tellPort(port: number): void {
  console.log(`port ${port}`);
}
