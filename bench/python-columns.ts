/** CPython and uvloop: finding a Python that runs, and running kernels.py in it. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Kernel, PythonTwin } from "./kernels/kernel.ts";
import type { Figure } from "./rounds.ts";
import { figure, scaled } from "./rounds.ts";

const run = promisify(execFile);

export interface Python {
  readonly executable: string;
  readonly version: string;
  readonly uvloop: string | null;
  /** Whether it says of itself that it was built with profile-guided optimisation: others are slower by a tenth to a third. */
  readonly optimised: boolean;
}

export interface Pythons {
  readonly cpython: Python | null;
  /** Has uvloop; may be another one. */
  readonly uvloop: Python | null;
}

const PROBE = `
import json, platform, sys, sysconfig
try:
    import uvloop
    uvloop = uvloop.__version__
except ImportError:
    uvloop = None
assert platform.python_implementation() == "CPython" and sys.version_info >= (3, 8)
flags = sysconfig.get_config_var("CONFIG_ARGS")
print(json.dumps({
    "executable": sys.executable, "version": platform.python_version(), "uvloop": uvloop,
    "optimised": flags is None or "--enable-optimizations" in flags,
}))`;

/** The newest Python on the PATH, and the newest that has uvloop. `chosen` goes before both. */
export async function findPythons(chosen: string | undefined): Promise<Pythons> {
  const found = (await Promise.all(candidates().map(probe))).filter((python) => python !== null);
  found.sort((a, b) => compareVersions(b.version, a.version));
  if (chosen) {
    const python = await probe(chosen);
    if (python === null) throw new Error(`PYTHON: ${chosen} does not run, or is no CPython of 3.8 or newer`);
    found.unshift(python);
  }
  return { cpython: found[0] ?? null, uvloop: found.find((python) => python.uvloop !== null) ?? null };
}

/** Everything on the PATH that is called python3 or python3.X. Some are shims with nothing behind them. */
function candidates(): string[] {
  const folders = new Set((process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""));
  return [...folders].flatMap((folder) => {
    try {
      const names = readdirSync(folder).filter((name) => /^python(3(\.\d+)?)?(\.exe)?$/.test(name));
      return names.map((name) => join(folder, name));
    } catch {
      return []; // a folder that is not there
    }
  });
}

/** What an executable says of itself, or null if it does not run. */
async function probe(executable: string): Promise<Python | null> {
  try {
    const { stdout } = await run(executable, ["-c", PROBE], { timeout: 10_000, env: environment() });
    return JSON.parse(stdout) as Python;
  } catch {
    return null;
  }
}

/** Numbers compared as numbers: 3.9 is older than 3.10. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => version.split(/\D+/).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Nothing that slows asyncio down by being set. */
function environment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of ["PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC"]) delete env[name];
  return env;
}

const DEFAULT_ROUNDS = 5;
const LONGEST_RUN = 180_000;
const measured = new Map<string, Figure>();

/** The figure of one twin. Kernels that share a twin share its figure. @throws Error if it fails. */
export async function measureInPython(
  python: Python,
  kernel: Pick<Kernel, "shown">,
  twin: PythonTwin,
  { column, quick }: { column: "cpython" | "uvloop"; quick: boolean },
): Promise<Figure> {
  const operations = scaled(kernel, twin.operations, quick);
  const rounds = quick ? 1 : (twin.rounds ?? DEFAULT_ROUNDS);
  const numbers = [operations, rounds, twin.size ?? 0].map(String);
  const args = [twin.program, ...numbers, ...(column === "uvloop" ? ["--uvloop"] : [])];
  const key = args.join(" ");
  const known = measured.get(key);
  if (known !== undefined) return known;
  const file = fileURLToPath(new URL("kernels.py", import.meta.url));
  const { stdout } = await run(python.executable, [file, ...args], {
    timeout: LONGEST_RUN,
    env: environment(),
  });
  const result = figure(JSON.parse(stdout) as number[]);
  measured.set(key, result);
  return result;
}
