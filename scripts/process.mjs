// How the scripts start other programs: always node itself with a JavaScript file, never a shell or a `.bin`
// link (those differ between systems), and with signals and exit codes passed through.
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {Record<string, [packageName: string, file: string]>} */
const tools = {
  tsc: ["typescript", "bin/tsc"],
  biome: ["@biomejs/biome", "bin/biome"],
  vitest: ["vitest", "vitest.mjs"],
};

/** The arguments for node that run a development tool. @param {string} name @param {string[]} args */
export function tool(name, ...args) {
  const [packageName, file] = tools[name] ?? [];
  if (packageName === undefined || file === undefined) {
    throw new RangeError(`unknown tool ${name}: write one of ${Object.keys(tools).join(", ")}`);
  }
  const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  return [join(dirname(manifest), file), ...args];
}

/**
 * The arguments for node that run a TypeScript file on sources, never on dist: with tsx, or for what is measured
 * with the plain loader.
 * @param {string[]} args
 * @param {{ measured?: boolean }} [options]
 */
export function onSources(args, { measured = false } = {}) {
  const plainLoader = JSON.stringify(new URL("plain-loader.mjs", import.meta.url));
  const register = `import { register } from "node:module"; register(${plainLoader});`;
  const hook = measured ? `data:text/javascript,${encodeURIComponent(register)}` : import.meta.resolve("tsx");
  return ["--conditions=@aioloop/source", "--import", hook, ...args];
}

/**
 * Runs node and waits for its end.
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
export function node(args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "inherit", ...options });
    // A terminal sends Ctrl-C to the child as well, and npm sends it once more: passed on, it would count as
    // the second Ctrl-C, the one that ends a program at once. Without a terminal nobody else tells the child.
    const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    const onInterrupt = () => void (atTerminal || child.kill("SIGINT"));
    /** @param {NodeJS.Signals} signal */
    const onSignal = (signal) => void child.kill(signal);
    const settle = () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onSignal).off("SIGHUP", onSignal);
    };
    process.on("SIGINT", onInterrupt);
    process.on("SIGTERM", onSignal).on("SIGHUP", onSignal);
    child.on("error", (error) => {
      settle();
      reject(error);
    });
    child.on("exit", (code, signal) => {
      settle();
      resolve({ code, signal });
    });
  });
}

/** Ends this process as the child ended. @param {{ code: number | null, signal: NodeJS.Signals | null }} end */
export function endAs({ code, signal }) {
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code ?? 1;
}

/** Whether a module is the one that was started. @param {string} url */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
