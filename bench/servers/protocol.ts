/** What the servers of the bench have in common. */

export const END_OF_HEAD: Buffer = Buffer.from("\r\n\r\n");

const BODY = "Hello, world!";

export const ANSWER: Buffer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

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
