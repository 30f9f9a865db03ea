// RESP, the protocol of Redis: a command is an array of strings with their lengths, and an answer begins with a sign that says what it is.
import type { Coroutine, StreamReader } from "aioloop";

/** The server refused a command. */
export class ReplyError extends Error {
  static {
    this.prototype.name = "ReplyError";
  }
}

/** Strings with a length are bytes: anything may be in them. */
export type Reply = string | number | Buffer | null | ReplyError | Reply[];

export type Command = readonly (string | number | Uint8Array)[];

export function commandBytes(command: Command) {
  const parts: Uint8Array[] = [Buffer.from(`*${command.length}\r\n`)];
  for (const part of command) {
    const bytes = part instanceof Uint8Array ? part : Buffer.from(String(part));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** The next answer. @throws IncompleteReadError where the stream ends. */
export function* readReply(reader: StreamReader): Coroutine<Reply> {
  const bytes = yield* reader.readuntil("\r\n");
  const line = bytes.toString("utf8", 1, bytes.length - 2);
  switch (String.fromCharCode(bytes[0] ?? 0)) {
    case "+":
      return line;
    case "-":
      return new ReplyError(line);
    case ":":
      return Number(line);
    case "$": {
      const length = Number(line);
      if (length < 0) return null;
      const data = yield* reader.readexactly(length + 2);
      return data.subarray(0, length);
    }
    case "*": {
      const length = Number(line);
      if (length < 0) return null;
      const replies: Reply[] = [];
      while (replies.length < length) replies.push(yield* readReply(reader));
      return replies;
    }
    default:
      throw new Error(`no answer of Redis: ${JSON.stringify(bytes.toString())}`);
  }
}
