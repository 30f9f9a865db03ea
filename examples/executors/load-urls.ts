// Pages of a slow server, loaded by a program that waits for nothing: no `await`, no loop. Look at the time: all are loaded at
// once, each by a thread of the pool, so that together they take as long as the slowest. `asCompleted` gives them as they
// come; a page that cannot be loaded throws where its result is asked for. The server lives in a child process, by way of a pool of
// one: the main thread is blocked until a page is there, and could not answer its own requests.
import { executors } from "aioloop";

const { asCompleted, ProcessPoolExecutor, ThreadPoolExecutor, workerFunction } = executors;

const serveSlowly = workerFunction<typeof import("../lib/slow-server.ts").serveSlowly>(
  new URL("../lib/slow-server.ts", import.meta.url),
  "serveSlowly",
);

/** Goes to the threads by its source. */
async function load(url: string) {
  const response = await fetch(url);
  return (await response.text()).split("\n").length;
}

using home = new ProcessPoolExecutor(1);
const site = home.submit(serveSlowly).result();
const urls = [`${site}/slowest`, `${site}/slower`, `${site}/slow`, "http://nobody.invalid/"];

using pool = new ThreadPoolExecutor(5);
const started = performance.now();
const pages = new Map(urls.map((url) => [pool.submit(load, url), url.replace(site, "")]));
for (const page of asCompleted(pages.keys())) {
  try {
    console.log(`${pages.get(page)}: links: ${page.result()}`);
  } catch (error) {
    console.log(`${pages.get(page)}: ${error}`);
  }
}
console.log(`all of them in about ${Math.round((performance.now() - started) / 1000)} s, and not in 7.5 s`);
