// An HTTP/1.1 client, and two servers that it cannot tell apart: that of http-server.ts, and Node's own. Look at the requests of one
// visit: all go over one connection, which stays open in between. A body in chunks is shown while it comes. What takes too long is
// cancelled where it waits, in the middle of `readuntil`, and the block around the connection closes it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Coroutine, StreamReader, StreamWriter } from "aioloop";
import {
  asyncWith,
  gather,
  IncompleteReadError,
  openConnection,
  run,
  TimeoutError,
  waitFor,
  wrapFuture,
} from "aioloop";
import type { Headers } from "../lib/http.ts";
import { headBytes, readBody, readChunk, readHead } from "../lib/http.ts";
import { startSite } from "./http-server.ts";

interface Answer {
  status: number;
  headers: Headers;
}

/** A connection to a server, for one request after the other. */
class Client {
  readonly #host: string;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;

  constructor(host: string, reader: StreamReader, writer: StreamWriter) {
    this.#host = host;
    this.#reader = reader;
    this.#writer = writer;
  }

  /** Sends a request, and reads the head of its answer; the body is to be read next. */
  *begin(method: string, path: string, body: string | null = null): Coroutine<Answer> {
    const bytes = Buffer.from(body ?? "");
    const length = body === null ? {} : { "Content-Length": bytes.length };
    this.#writer.writelines([
      headBytes(`${method} ${path} HTTP/1.1`, { Host: this.#host, ...length }),
      bytes,
    ]);
    yield* this.#writer.drain();
    for (;;) {
      const head = yield* readHead(this.#reader);
      if (head === null) throw new IncompleteReadError(Buffer.alloc(0), null);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.start)?.[1]);
      if (status >= 200) return { status, headers: head.headers };
    }
  }

  /** A request and its whole answer. */
  *request(method: string, path: string, body: string | null = null): Coroutine<Answer & { body: Buffer }> {
    const answer = yield* this.begin(method, path, body);
    const isBare = method === "HEAD" || answer.status === 204 || answer.status === 304;
    const content = isBare
      ? Buffer.alloc(0)
      : yield* readBody(this.#reader, answer.headers, { untilEnd: true });
    return { ...answer, body: content };
  }

  /** The next part of a body in chunks; an empty one is its end. */
  nextChunk(): Coroutine<Buffer> {
    return readChunk(this.#reader);
  }
}

/** Opens a connection for a block. */
function* connected<R>(host: string, port: number, body: (client: Client) => Coroutine<R>): Coroutine<R> {
  const [reader, writer] = yield* openConnection(host, port);
  return yield* asyncWith(writer, () => body(new Client(`${host}:${port}`, reader, writer)));
}

/** The same for both servers, but for the name. */
function* visit(name: string, port: number) {
  console.log(`${name}:`);
  yield* connected("127.0.0.1", port, function* (client) {
    for (const [method, path, body] of [
      ["GET", "/"],
      ["POST", "/echo", "Grüße\n"],
      ["HEAD", "/"],
      ["GET", "/nowhere"],
    ] as const) {
      const answer = yield* client.request(method, path, body ?? null);
      const text = JSON.stringify(answer.body.toString());
      console.log(
        `  ${method} ${path}: ${answer.status}, length ${answer.headers.get("content-length")}, ${text}`,
      );
    }

    const { status, headers } = yield* client.begin("GET", "/count?to=3");
    console.log(`  GET /count?to=3: ${status}, ${headers.get("transfer-encoding")}`);
    let text = "";
    for (;;) {
      const chunk = yield* client.nextChunk();
      if (chunk.length === 0) break;
      text += chunk;
    }
    console.log(`    all chunks: ${JSON.stringify(text)}`);

    try {
      yield* waitFor(client.request("GET", "/slow"), 0.2);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      console.log("  GET /slow: no answer within 0.2 s");
    }
  });

  const counts = yield* gather(
    [1, 2, 3, 4, 5].map((to) =>
      connected("127.0.0.1", port, (client) => client.request("GET", `/count?to=${to}`)),
    ),
  );
  console.log(`  five connections at once: ${counts.map(({ body }) => body.length / 2).join(", ")} lines`);
}

/** Node's server, with the same pages. */
function* startNodeSite() {
  let connections = 0;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/echo") {
      response.setHeader("Content-Length", request.headers["content-length"] ?? 0);
      request.pipe(response);
    } else if (pathname === "/count") {
      for (let n = 1; n <= Number(searchParams.get("to")); n++) response.write(`${n}\n`);
      response.end();
    } else if (pathname !== "/slow") {
      const body = pathname === "/" ? "Welcome to Node\n" : "There is no such page\n";
      response.writeHead(pathname === "/" ? 200 : 404, { "Content-Length": body.length }).end(body);
    }
  });
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  yield* wrapFuture(once(server, "listening"));
  return {
    port: (server.address() as AddressInfo).port,
    *close() {
      const closed = wrapFuture(once(server, "close"));
      server.close();
      yield* closed;
      return connections;
    },
  };
}

function* main() {
  const site = yield* startSite(0);
  yield* visit("http-server.ts", site.port);
  yield* site.stop(0.5); // it is still busy with /slow

  const nodeSite = yield* startNodeSite();
  yield* visit("Node's own server", nodeSite.port);
  console.log(`  connections that it has seen: ${yield* nodeSite.close()}`);
}

await run(main());
