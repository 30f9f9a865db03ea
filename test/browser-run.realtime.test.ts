// Fear: what is said to run in browsers does not. The bundle of loop and tasks runs in a page of headless Chromium: timers,
// giving way to the host by MessageChannel, promises, cancellation.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { expect, test } from "vitest";

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
const missing = chromium === undefined;

/**
 * Ends the browser and its helpers, which outlive it for a moment and write to its folder: all are in one process group,
 * and only when that is empty may the folder go.
 */
async function endGroup(leader: number): Promise<void> {
  try {
    process.kill(-leader, "SIGKILL");
    for (;;) {
      process.kill(-leader, 0);
      await delay(20);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const PROGRAM = `
  import { abortable, CancelledError, createTask, gather, isCancelled, run, sleep, timeout, asyncWith, TimeoutError } from "aioloop";

  const told = [];
  function* circle() { for (;;) yield* sleep(0); }
  function* main() {
    const busy = createTask(circle());
    let ticks = 0;
    const ticking = setInterval(() => { ticks += 1; }, 10);
    told.push((yield* gather([sleep(0.05, "a"), sleep(0.02, "b"), Promise.resolve("c")])).join(""));
    yield* sleep(0.2);
    told.push(ticks >= 5 ? "the page is alive" : "the page starved: " + ticks);
    clearInterval(ticking);
    busy.cancel();
    let aborted = false;
    try {
      yield* asyncWith(timeout(0.02), function* () {
        yield* abortable((signal) => new Promise(() => { signal.onabort = () => { aborted = true; }; }));
      });
    } catch (error) {
      told.push(error instanceof TimeoutError && aborted ? "aborted" : String(error));
    }
    return "done";
  }
  const tell = (text) => fetch("/told", { method: "POST", body: text });
  run(main()).then((end) => tell([...told, end].join("; ")), (error) => tell(String(error)));
`;

test.skipIf(missing)(
  `run() works in a browser${missing ? " (needs Chromium: apt-get install chromium)" : ""}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "aioloop-page-"));
    const { outputFiles } = await build({
      stdin: { contents: PROGRAM, resolveDir: import.meta.dirname, loader: "js" },
      bundle: true,
      write: false,
      format: "iife",
      platform: "browser",
      conditions: ["@aioloop/source", "browser"],
    });
    const server = createServer();
    const told = new Promise<string>((resolve) => {
      server.on("request", async (request, response) => {
        if (request.method === "POST") resolve(await text(request));
        response.setHeader("content-type", "text/html");
        response.end(`<!doctype html><script>${outputFiles[0]?.text}</script>`);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"];
    const quiet = ["--disable-background-networking", "--disable-sync", `--user-data-dir=${folder}`];
    const browser = spawn(chromium as string, [...flags, ...quiet, `http://127.0.0.1:${port}/`], {
      stdio: "ignore",
      detached: true,
    });
    await once(browser, "spawn");
    try {
      expect(await told).toBe("abc; the page is alive; aborted; done");
    } finally {
      await endGroup(browser.pid as number);
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  },
);
