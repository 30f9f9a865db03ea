// A small HTTP/1.1 server: keep-alive, pipelining, bodies in chunks, limits, and a graceful end. Look at `serveConnection`, which
// reads like a description of the protocol: one coroutine per connection, no state but its variables. Without a port it shows what
// goes over the wire: it sends itself three requests in one write, and prints every line that comes back.
//   node scripts/run.mjs examples/streams/http-server.ts [PORT]        (0: any free one; Ctrl-C or SIGTERM ends it)
import { STATUS_CODES } from "node:http";
import type { Coroutine, EventLoop, StreamReader, StreamWriter } from "aioloop";
import {
  asyncWith,
  Event,
  getRunningLoop,
  IncompleteReadError,
  isCancelled,
  isConnectionLost,
  moveOnAfter,
  openConnection,
  run,
  sleep,
  startServer,
  TimeoutError,
  waitFor,
} from "aioloop";
import { isMain } from "../../scripts/process.mjs";
import type { Head } from "../lib/http.ts";
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

/** What comes after a head, and the request that both are. */
function* readRequest(head: Head, reader: StreamReader, writer: StreamWriter): Coroutine<Request> {
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

/** What the connections share. */
interface Site {
  /** On which no request is under way. */
  readonly idle: Set<StreamWriter>;
  /** No more requests are read. */
  isStopping: boolean;
}

/** Requests and their answers, one after the other, until either side wants to end. */
function* talk(site: Site, reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  while (!site.isStopping) {
    site.idle.add(writer);
    const head = yield* waitFor(readHead(reader), PATIENCE);
    site.idle.delete(writer);
    if (head === null) return;
    const request = yield* waitFor(readRequest(head, reader, writer), PATIENCE);
    const answer = yield* answerOrExcuse(request);
    const isLast = request.isLast || site.isStopping;
    yield* sendAnswer(writer, { ...request, isLast }, answer);
    if (isLast) return;
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

function* serveConnection(site: Site, reader: StreamReader, writer: StreamWriter) {
  yield* asyncWith(writer, function* () {
    try {
      try {
        yield* talk(site, reader, writer);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        yield* refuse(reader, writer, error);
      }
    } catch (error) {
      if (!isEndOfClient(error)) throw error; // startServer reports it
    } finally {
      site.idle.delete(writer);
    }
  });
}

/** It left in the middle of a request, it is gone, or it has nothing to say. */
function isEndOfClient(error: unknown) {
  return error instanceof IncompleteReadError || error instanceof TimeoutError || isConnectionLost(error);
}

export function* startSite(wanted: number) {
  const site: Site = { idle: new Set(), isStopping: false };
  const serve = (reader: StreamReader, writer: StreamWriter) => serveConnection(site, reader, writer);
  const server = yield* startServer(serve, "127.0.0.1", wanted, { limit: HEAD_LIMIT });
  return {
    port: server.port,
    /** Answers to what was asked for get so many seconds; nobody else is waited for. */
    *stop(seconds: number): Coroutine<void> {
      site.isStopping = true;
      server.close(); // first: who is sent away may come again at once
      for (const writer of site.idle) writer.close();
      yield* server.stop(seconds);
    },
  };
}

function* serve(wanted: number) {
  const site = yield* startSite(wanted);
  const loop = getRunningLoop<EventLoop>();
  const told = new Event();
  for (const signal of ["SIGINT", "SIGTERM"] as const) loop.addSignalHandler(signal, () => told.set());
  console.log(`http://127.0.0.1:${site.port}/`);
  yield* told.wait();
  console.log("closing");
  yield* site.stop(PATIENCE);
  console.log("closed");
}

const REQUESTS = [
  headBytes("GET / HTTP/1.1", { Host: "localhost" }),
  headBytes("POST /echo HTTP/1.1", { Host: "localhost", "Content-Length": 6 }),
  Buffer.from("Hello\n"),
  headBytes("GET /count?to=2 HTTP/1.1", { Host: "localhost", Connection: "close" }),
];

function* show() {
  const site = yield* startSite(0);
  const [reader, writer] = yield* openConnection("127.0.0.1", site.port);
  yield* asyncWith(writer, function* () {
    writer.writelines(REQUESTS);
    const answers = yield* reader.read();
    print(">", Buffer.concat(REQUESTS));
    print("<", answers);
  });
  yield* site.stop(PATIENCE);
  console.log("the server is closed, and nobody is connected");
}

function print(sign: string, bytes: Buffer) {
  for (const line of bytes.toString().trimEnd().split(/\r?\n/)) console.log(`${sign} ${line}`.trimEnd());
  console.log();
}

if (isMain(import.meta.url)) {
  const port = process.argv[2];
  await run(port === undefined ? show() : serve(Number(port)));
}
