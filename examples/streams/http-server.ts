// A small HTTP/1.1 server: keep-alive, pipelining, bodies in chunks, limits, and a graceful end. Look at `serveConnection`, which
// reads like a description of the protocol: one coroutine per connection, no state but its variables. Without a port it shows what
// goes over the wire: it sends itself three requests in one write, and prints every line that comes back.
//   node scripts/run.mjs examples/streams/http-server.ts [PORT]        (0: any free one; Ctrl-C ends it)
import { STATUS_CODES } from "node:http";
import type { Coroutine, StreamReader, StreamWriter } from "aioloop";
import {
  asyncWith,
  getRunningLoop,
  IncompleteReadError,
  isCancelled,
  KeyboardInterrupt,
  moveOnAfter,
  openConnection,
  run,
  sleep,
  startServer,
  TimeoutError,
  waitFor,
} from "aioloop";
import { isMain } from "../../scripts/process.mjs";
import { chunkBytes, HttpError, headBytes, LAST_CHUNK, readBody, readHead } from "../lib/http.ts";

const PATIENCE = 10; // seconds for a request to come, and for what is under way at the end
const HEAD_LIMIT = 16 * 1024; // bytes

interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Buffer;
  /** HTTP/1.0: no chunks, and a connection for each request. */
  isOld: boolean;
  isLast: boolean;
}

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** A function makes it while it is sent, in chunks. */
  body: Uint8Array | string | ((send: (text: string) => Coroutine<void>) => Coroutine<void>);
}

/** What the site has to say. */
function* answerTo({ method, path, query, body }: Request): Coroutine<Answer> {
  if (path === "/echo") {
    if (method === "POST") return { body };
    return { status: 405, headers: { Allow: "POST" }, body: "POST something\n" };
  }
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, headers: { Allow: "GET, HEAD" }, body: "GET is all there is here\n" };
  }
  switch (path) {
    case "/":
      return { body: "Paths: /, /count?to=3, /slow, and /echo for POST\n" };
    case "/count": {
      const last = Math.min(Number(query.get("to") ?? 3), 1000);
      return {
        *body(send) {
          for (let n = 1; n <= last; n++) yield* send(`${n}\n`);
        },
      };
    }
    case "/slow":
      yield* sleep(60);
      return { body: "Good morning\n" };
    default:
      return { status: 404, body: "There is no such page\n" };
  }
}

/** A page that fails is our fault, and no reason to end the connection. */
function* answerOrExcuse(request: Request): Coroutine<Answer> {
  try {
    return yield* answerTo(request);
  } catch (error) {
    if (isCancelled(error)) throw error;
    getRunningLoop().callExceptionHandler({ message: `${request.path} failed`, exception: error });
    return { status: 500, body: "An error of the server\n" };
  }
}

/** The next request; null if there is none. */
function* readRequest(reader: StreamReader, writer: StreamWriter): Coroutine<Request | null> {
  const head = yield* readHead(reader);
  if (head === null) return null;
  const [, method, path, query = "", minor] =
    /^([A-Z]+) (\/[^\s?]*)(?:\?(\S*))? HTTP\/1\.([01])$/.exec(head.start) ?? [];
  if (method === undefined || path === undefined) throw new HttpError(400, "no request of HTTP/1.x");
  const isOld = minor === "0";
  if (!isOld && !head.headers.has("host")) throw new HttpError(400, "no host");
  // A client that asks first sends its body when it is told to.
  if (head.headers.get("expect")?.toLowerCase() === "100-continue")
    writer.write(headBytes("HTTP/1.1 100 Continue", {}));
  const body = yield* readBody(reader, head.headers);
  const isLast = isOld || /\bclose\b/i.test(head.headers.get("connection") ?? "");
  return { method, path, query: new URLSearchParams(query), body, isOld, isLast };
}

function* sendAnswer(
  writer: StreamWriter,
  { method, isOld, isLast }: Pick<Request, "method" | "isOld" | "isLast">,
  { status = 200, headers = {}, body }: Answer,
) {
  const start = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`;
  const all = {
    "Content-Type": "text/plain",
    ...headers,
    ...(isLast && { Connection: "close" }),
  };
  if (typeof body !== "function") {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const head = headBytes(start, { ...all, "Content-Length": bytes.length });
    writer.writelines(method === "HEAD" ? [head] : [head, bytes]);
  } else {
    writer.write(headBytes(start, isOld ? all : { ...all, "Transfer-Encoding": "chunked" }));
    if (method !== "HEAD") {
      yield* body(function* (text) {
        const bytes = Buffer.from(text);
        writer.write(isOld ? bytes : chunkBytes(bytes));
        yield* writer.drain(); // waits if the client does not read as fast
      });
      if (!isOld) writer.write(LAST_CHUNK);
    }
  }
  yield* writer.drain();
}

/** Requests and their answers, one after the other, until either side wants to end. */
function* talk(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (;;) {
    const request = yield* waitFor(readRequest(reader, writer), PATIENCE);
    if (request === null) return;
    yield* sendAnswer(writer, request, yield* answerOrExcuse(request));
    if (request.isLast) return;
  }
}

/** Answers a request that cannot be understood. Where the next one would begin, nobody knows. */
function* refuse(
  reader: StreamReader,
  writer: StreamWriter,
  { status, message }: HttpError,
): Coroutine<void> {
  yield* sendAnswer(writer, { method: "", isOld: true, isLast: true }, { status, body: `${message}\n` });
  // What is still coming is thrown away for a while: closed with bytes unread, the connection would be reset, and the client might
  // never see the answer.
  writer.writeEof();
  yield* asyncWith(moveOnAfter(1), function* () {
    while ((yield* reader.read(65536)).length > 0);
  });
}

function* serveConnection(reader: StreamReader, writer: StreamWriter) {
  yield* asyncWith(writer, function* () {
    try {
      try {
        yield* talk(reader, writer);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        yield* refuse(reader, writer, error);
      }
    } catch (error) {
      if (!isEndOfClient(error)) throw error; // startServer reports it
    }
  });
}

/** It left in the middle of a request, it is gone, or it has nothing to say. */
function isEndOfClient(error: unknown) {
  if (error instanceof IncompleteReadError || error instanceof TimeoutError) return true;
  return ["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException | null)?.code ?? "");
}

/** Listens on this machine. */
export function* startSite(port: number) {
  const server = yield* startServer(serveConnection, "127.0.0.1", port, { limit: HEAD_LIMIT });
  const address = server.sockets[0] as { host: string; port: number };
  return { server, port: address.port };
}

function* serve(wanted: number) {
  const { server, port } = yield* startSite(wanted);
  console.log(`http://127.0.0.1:${port}/`);
  yield* server.serveForever();
}

const REQUESTS = [
  headBytes("GET / HTTP/1.1", { Host: "localhost" }),
  headBytes("POST /echo HTTP/1.1", { Host: "localhost", "Content-Length": 6 }),
  Buffer.from("Hello\n"),
  headBytes("GET /count?to=2 HTTP/1.1", { Host: "localhost", Connection: "close" }),
];

function* show() {
  const { server, port } = yield* startSite(0);
  const [reader, writer] = yield* openConnection("127.0.0.1", port);
  yield* asyncWith(writer, function* () {
    writer.writelines(REQUESTS);
    const answers = yield* reader.read();
    print(">", Buffer.concat(REQUESTS));
    print("<", answers);
  });
  yield* server.stop(PATIENCE);
  console.log("the server is closed, and nobody is connected");
}

function print(sign: string, bytes: Buffer) {
  for (const line of bytes.toString().trimEnd().split(/\r?\n/)) console.log(`${sign} ${line}`.trimEnd());
  console.log();
}

if (isMain(import.meta.url)) {
  const port = process.argv[2];
  try {
    await run(port === undefined ? show() : serve(Number(port)));
  } catch (error) {
    if (!(error instanceof KeyboardInterrupt)) throw error;
    console.log("closed");
  }
}
