// What HTTP/1.1 looks like on the wire, for both sides: heads, and bodies with a content-length or in chunks. Nothing here knows of
// connections; a StreamReader is all that is needed.
import type { Coroutine, StreamReader } from "aioloop";
import { asyncFor, IncompleteReadError, LimitOverrunError } from "aioloop";

/** What is wrong with a message, as a status. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Names of headers are in lower case; what was sent several times is joined by commas. */
export type Headers = ReadonlyMap<string, string>;

export interface Head {
  /** "GET / HTTP/1.1", "HTTP/1.1 200 OK" */
  readonly start: string;
  readonly headers: Headers;
}

export const BODY_LIMIT = 1024 * 1024; // bytes

const NOTHING = Buffer.alloc(0);

/** Up to the separator; a message that is longer than the reader's limit is refused with `status`. */
function* readText(reader: StreamReader, separator: string, status: number) {
  try {
    const bytes = yield* reader.readuntil(separator);
    return bytes.toString("latin1", 0, bytes.length - separator.length);
  } catch (error) {
    if (error instanceof LimitOverrunError) throw new HttpError(status, "too long");
    throw error;
  }
}

/** The head of the next message; null if the stream ended before it began. */
export function* readHead(reader: StreamReader): Coroutine<Head | null> {
  let text: string;
  try {
    text = yield* readText(reader, "\r\n\r\n", 431);
  } catch (error) {
    if (error instanceof IncompleteReadError && error.partial.length === 0) return null;
    throw error;
  }
  const [start = "", ...lines] = text.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/.exec(line);
    if (match === null) throw new HttpError(400, `no header: ${JSON.stringify(line)}`);
    const [, name = "", value = ""] = match;
    const before = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), before === undefined ? value.trim() : `${before}, ${value.trim()}`);
  }
  return { start, headers };
}

/** The body that belongs to such headers. `untilEnd`: without a length it ends with the stream, as in answers. */
export function* readBody(
  reader: StreamReader,
  headers: Headers,
  { limit = BODY_LIMIT, untilEnd = false } = {},
): Coroutine<Buffer> {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    // Who takes one for the end of the message and who the other would see different messages.
    if (length !== undefined) throw new HttpError(400, "both a content-length and a transfer-encoding");
    if (coding.toLowerCase() !== "chunked") throw new HttpError(501, `unknown transfer-encoding ${coding}`);
    const chunks: Buffer[] = [];
    for (let left = limit; ; ) {
      const chunk = yield* readChunk(reader, left);
      if (chunk.length === 0) return Buffer.concat(chunks);
      chunks.push(chunk);
      left -= chunk.length;
    }
  }
  if (length !== undefined) {
    if (!/^\d+$/.test(length)) throw new HttpError(400, `no content-length: ${length}`);
    if (Number(length) > limit) throw new HttpError(413, `a body of more than ${limit} bytes`);
    return yield* reader.readexactly(Number(length));
  }
  if (!untilEnd) return NOTHING;
  const parts: Buffer[] = [];
  let left = limit;
  yield* asyncFor(reader.chunks(), function* (part) {
    left -= part.length;
    if (left < 0) throw new HttpError(413, `a body of more than ${limit} bytes`);
    parts.push(part);
  });
  return Buffer.concat(parts);
}

/** The next chunk, of at most `limit` bytes; an empty one is the end of the body. */
export function* readChunk(reader: StreamReader, limit = BODY_LIMIT): Coroutine<Buffer> {
  const line = yield* readText(reader, "\r\n", 400);
  const digits = /^([\da-f]+)[ \t]*(?:;|$)/i.exec(line)?.[1];
  if (digits === undefined) throw new HttpError(400, `no size of a chunk: ${JSON.stringify(line)}`);
  const size = Number.parseInt(digits, 16);
  if (size > limit) throw new HttpError(413, `a chunk of more than ${limit} bytes`);
  if (size === 0) {
    let trailer: string;
    do trailer = yield* readText(reader, "\r\n", 431);
    while (trailer !== "");
    return NOTHING;
  }
  const chunk = yield* reader.readexactly(size);
  const end = yield* reader.readexactly(2);
  if (end.toString("latin1") !== "\r\n") throw new HttpError(400, "a chunk that is longer than its size");
  return chunk;
}

export function headBytes(start: string, headers: Readonly<Record<string, string | number>>) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${start}\r\n${lines.join("")}\r\n`, "latin1");
}

export function chunkBytes(data: Uint8Array) {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
}

export const LAST_CHUNK = Buffer.from("0\r\n\r\n");
