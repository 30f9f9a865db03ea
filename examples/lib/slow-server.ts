// The web site that tour.ts fetches: a server on this machine, slow on purpose, and not reliable.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Page {
  links?: string[];
  /** Seconds until it answers. */
  delay: number;
  /** So many requests get a 503 first. */
  fails?: number;
  /** So many requests get no answer first. */
  hangs?: number;
}

const site: Record<string, Page> = {
  "/": { delay: 0.3, links: ["/news", "/weather", "/map", "/shop"] },
  "/news": { delay: 0.5, links: ["/news/today", "/news/sport", "/news/archive"] },
  "/news/today": { delay: 0.5 },
  "/news/sport": { delay: 0.4, fails: 1 },
  "/news/archive": { delay: 60 },
  "/weather": { delay: 0.7, fails: 1, links: ["/weather/radar", "/news"] },
  "/weather/radar": { delay: 0.3, hangs: 1 },
  "/map": { delay: 0.4, links: ["/map/roads", "/"] },
  "/map/roads": { delay: 0.6 },
  "/shop": { delay: 0.5, fails: 2, links: ["/shop/offers", "/shop/broken"] },
  "/shop/offers": { delay: 0.6 },
  "/shop/broken": { delay: 0, fails: Number.POSITIVE_INFINITY },
  "/slow": { delay: 2, links: ["/slower"] },
  "/slower": { delay: 2.5, links: ["/slow", "/slowest"] },
  "/slowest": { delay: 3, links: ["/", "/slow", "/slower"] },
};

/** Starts it on a free port. `close` ends it with all its connections. */
export async function startSlowServer() {
  const visits = new Map<string, number>();
  const seen = { requests: 0, failures: 0, endedEarly: 0 };

  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const visit = (visits.get(path) ?? 0) + 1;
    visits.set(path, visit);
    seen.requests++;
    const { links = [], delay, fails = 0, hangs = 0 } = site[path] ?? { delay: 0, fails: visit };
    const isFailing = visit <= fails;
    const seconds = isFailing ? 0.1 : visit <= hangs ? 60 : delay;
    const timer = setTimeout(() => {
      if (isFailing) seen.failures++;
      response.statusCode = isFailing ? 503 : 200;
      response.end(links.map((link) => `<a href="${link}">${link}</a>`).join("\n"));
    }, seconds * 1000);
    response.on("close", () => {
      clearTimeout(timer);
      if (!response.writableEnded) seen.endedEarly++;
    });
  });

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Starts it for as long as the process lives, and gives its address: for a process that has nothing else to do. */
export async function serveSlowly() {
  const { url } = await startSlowServer();
  return url;
}
