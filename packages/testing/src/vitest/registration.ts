/** vitest's `test` with bodies of ours: its modifiers come along. */
import type { TestContext, TestOptions } from "vitest";
import { test } from "vitest";
import type { Body } from "../body-run.ts";
import type { SimLoop } from "../sim-loop.ts";
import { presented } from "./message.ts";

/** A body that is also given a case, of `each`. */
export type CaseBody<A extends readonly unknown[]> = (
  sim: SimLoop,
  ...args: { -readonly [K in keyof A]: A[K] }
) => ReturnType<Body>;

/** Makes a test of each case. */
export interface CasesOf<A extends readonly unknown[], O> {
  (name: string, body: CaseBody<A>): void;
  (name: string, options: O, body: CaseBody<A>): void;
}

/** As vitest's `test`, but for the body: a coroutine function, or a plain function that drives the loop itself. */
export interface SimTest<O> {
  (name: string, body: Body): void;
  (name: string, options: O, body: Body): void;
  readonly only: SimTest<O>;
  readonly skip: SimTest<O>;
  /** Passes if the body fails. */
  readonly fails: SimTest<O>;
  todo(name: string): void;
  skipIf(condition: unknown): SimTest<O>;
  runIf(condition: unknown): SimTest<O>;
  /** The body is given the loop and the case; where all cases are arrays, their items. */
  each<A extends readonly unknown[] | readonly [unknown]>(cases: readonly A[]): CasesOf<A, O>;
  each<T>(cases: readonly T[]): CasesOf<readonly [T], O>;
  each(
    heading: TemplateStringsArray,
    ...values: readonly unknown[]
  ): CasesOf<readonly [Record<string, unknown>], O>;
}

/** Runs a test's body. What it throws is the test's failure as well. */
export type Run<O> = (body: Body, options: O, context: TestContext) => Failed | null;

export interface Failed {
  readonly error: unknown;
  /** For below its text. */
  readonly note: string;
}

/** What is used of vitest's `test`, and of what its modifiers give: its own type is made for bodies of its own. */
interface Registrar {
  (name: string, options: TestOptions, fn: (context: TestContext) => void): void;
  readonly only: Registrar;
  readonly skip: Registrar;
  readonly fails: Registrar;
  readonly todo: (name: string) => void;
  skipIf(condition: unknown): Registrar;
  runIf(condition: unknown): Registrar;
  for(cases: Cases, ...values: readonly unknown[]): CasesRegistrar;
}

type Cases = readonly unknown[] | TemplateStringsArray;
type CasesRegistrar = (
  name: string,
  options: TestOptions,
  fn: (item: unknown, context: TestContext) => void,
) => void;
type AnyCase = CaseBody<readonly unknown[]>;

/** `name` is for errors. */
export function testsBy<O extends TestOptions>(name: string, run: Run<O>): SimTest<O> {
  return wrapped(name, test as unknown as Registrar, run);
}

function wrapped<O extends TestOptions>(by: string, registrar: Registrar, run: Run<O>): SimTest<O> {
  const register = (name: string, ...rest: [Body] | [O, Body]): void => {
    const { options, body, place } = registered<O, Body>(by, name, rest);
    registrar(name, options, (context) => pass(place, () => run(body, options, context)));
  };
  const each = (cases: Cases, ...values: readonly unknown[]): CasesOf<readonly unknown[], O> => {
    const registrarOfCases = registrar.for(cases, ...values);
    const areSpread = values.length === 0 && cases.every(Array.isArray);
    return (name: string, ...rest: [AnyCase] | [O, AnyCase]) => {
      const { options, body, place } = registered<O, AnyCase>(by, name, rest);
      registrarOfCases(name, options, (item, context) => {
        const items = areSpread ? (item as readonly unknown[]) : [item];
        pass(place, () => run((sim) => body(sim, ...items), options, context));
      });
    };
  };
  const modified = (of: () => Registrar) => ({ get: () => wrapped(by, of(), run) });
  return Object.defineProperties(register, {
    only: modified(() => registrar.only),
    skip: modified(() => registrar.skip),
    fails: modified(() => registrar.fails),
    todo: { value: (name: string) => registrar.todo(name) },
    skipIf: { value: (condition: unknown) => wrapped(by, registrar.skipIf(condition), run) },
    runIf: { value: (condition: unknown) => wrapped(by, registrar.runIf(condition), run) },
    each: { value: each },
  }) as SimTest<O>;
}

/** `place` is where the test stands. */
function pass(place: Error, run: () => Failed | null): void {
  let failed: Failed | null;
  try {
    failed = run();
  } catch (error) {
    failed = { error, note: "" };
  }
  if (failed !== null) throw presented(failed.error, failed.note, place);
}

function registered<O, B>(
  by: string,
  name: string,
  rest: [B] | [O, B],
): { readonly options: O; readonly body: B; readonly place: Error } {
  const [options, body] = rest.length === 1 ? [{} as O, rest[0]] : rest;
  if (typeof body !== "function") {
    throw new TypeError(`${by}(${JSON.stringify(name)}, …): the body comes last: function* (sim) {…}`);
  }
  return { options, body, place: new Error(name) };
}
