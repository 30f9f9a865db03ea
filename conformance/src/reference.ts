/**
 * The reference interpreter (reference/*.py) on CPython, which the npm package pyodide brings along as WebAssembly. Works
 * offline. Starting it takes seconds, a program about a millisecond; programs and traces cross as text, many at a time.
 */
import { readdirSync, readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";
import type { Line, Program, Trace } from "./program.ts";

const SOURCES = new URL("../reference/", import.meta.url);

/** What reference/session.py offers. */
interface Session {
  readonly VERSION: string;
  readonly KINDS: string;
  readonly STATEMENTS: string;
  drawn(kind: string, seed: number, count: number): string;
  traces(programs: string): string;
}

export class Reference {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async start(): Promise<Reference> {
    const python = await loadPyodide();
    python.FS.mkdir("/reference");
    for (const name of readdirSync(SOURCES).filter((one) => one.endsWith(".py"))) {
      python.FS.writeFile(`/reference/${name}`, readFileSync(new URL(name, SOURCES), "utf8"));
    }
    python.runPython("import sys; sys.path.insert(0, '/reference')");
    return new Reference(python.pyimport("session") as Session);
  }

  /** CPython's version. */
  get version(): string {
    return this.#session.VERSION;
  }

  /** What can be drawn. */
  get kinds(): string[] {
    return this.#session.KINDS.split(" ");
  }

  /** The names of all statements. */
  get statements(): string[] {
    return this.#session.STATEMENTS.split(" ");
  }

  /** Programs with their traces, for the seeds from `seed` on, as the text of a corpus. */
  drawnText(kind: string, seed: number, count: number): string {
    return this.#session.drawn(kind, seed, count);
  }

  /** The same, read. */
  drawn(kind: string, seed: number, count: number): Line[] {
    return this.drawnText(kind, seed, count)
      .split("\n")
      .map((text) => JSON.parse(text) as Line);
  }

  /** The trace of a program; null if it cannot be carried out, or grows too long. */
  trace(program: Program): Trace | null {
    const [trace = null] = JSON.parse(this.#session.traces(JSON.stringify([program]))) as (Trace | null)[];
    return trace;
  }
}
