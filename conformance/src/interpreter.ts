/**
 * Carries out a program and writes its trace down. It stands on the public API alone, as a user's program does.
 *
 * An Interpreter is one run of one program. A Scope is where a statement stands: in which coroutine, in which group. The
 * statements come from outside, as a table from name to generator function (run.ts puts it together).
 */
import type {
  BaseEventLoop,
  Coroutine,
  ExceptionContext,
  Future,
  Runner,
  Task,
  TaskOptions,
  VirtualEventLoop,
  Yieldable,
} from "aioloop";
import { ContextVar, coroutine } from "aioloop";
import { kindOf, ProgramFault, Returned } from "./exceptions.ts";
import type { AwaitableSpec, Block, Entry, Program, Resources, Statement } from "./program.ts";

/** Arguments are typed where they are used; nobody checks that a program gives those. */
export type StatementFunction = (at: Scope, ...args: never[]) => Coroutine<void>;

export type StatementTable = Readonly<Record<string, StatementFunction>>;

/** What makes the tasks of a block. */
export interface TaskMaker {
  createTask<T>(coro: Yieldable<T>, options?: TaskOptions): Task<T>;
}

export interface InterpreterOptions {
  readonly program: Program;
  readonly statements: StatementTable;
  /** Leave the program's coroutines plain generators, which tasks resume in another way than those of `coroutine()`. */
  readonly plain?: boolean;
}

export class Interpreter {
  readonly program: Program;
  readonly trace: Entry[] = [];
  /** Tasks by the variable they were spawned as; one scope for the whole program. */
  readonly variables = new Map<string, Future<unknown>>();
  /** The Runner whose turn it is, and its loop. */
  runner!: Runner<VirtualEventLoop>;
  loop!: VirtualEventLoop;
  /** Why the program could not be carried out; what is traced after that is worth nothing. */
  fault: ProgramFault | null = null;
  readonly #statements: StatementTable;
  readonly #instances = new Map<string, number>();
  readonly #start: (name: string, body: Block) => Coroutine<unknown>;
  /** Nothing is written any more: the program can never go on. */
  isOver = false;

  constructor({ program, statements, plain = false }: InterpreterOptions) {
    this.program = program;
    this.#statements = statements;
    const body = (name: string, block: Block) => this.#body(name, block);
    this.#start = plain
      ? body
      : coroutine(function* programCoroutine(name: string, block: Block) {
          return yield* body(name, block);
        });
  }

  // ---- the trace

  log(who: string, what: string, ...details: readonly unknown[]): void {
    if (!this.isOver) this.trace.push([this.loop.time(), who, what, ...details.map(orNull)]);
  }

  /** Writes the last entry of a program that can never go on. */
  deadlock(): void {
    this.log("run", "deadlock");
    this.isOver = true;
  }

  /** From here on this Runner runs the program's coroutines. */
  begin(runner: Runner<VirtualEventLoop>): void {
    this.runner = runner;
    this.loop = runner.getLoop();
    this.loop.setExceptionHandler(this.#onLoopException);
  }

  /** An exception in a callback comes at a certain time, what a collection brings does not. */
  readonly #onLoopException = (_loop: BaseEventLoop, context: ExceptionContext): void => {
    if (!context.message.startsWith("Exception in callback")) return;
    const at = new Scope(this, "loop", null);
    const values = counted(this.program.resources?.contextvars).map((_, i) => contextVarOf(at, i).get(null));
    at.log("unhandled", kindOf(context.exception), ...values);
  };

  // ---- coroutines and statements

  /** A fresh coroutine object of the program. */
  coroutine(name: string): Coroutine<unknown> {
    const body = Object.hasOwn(this.program.coroutines, name) ? this.program.coroutines[name] : undefined;
    return this.#start(name, body ?? this.refuse(`no coroutine ${JSON.stringify(name)}`));
  }

  *#body(name: string, block: Block): Coroutine<unknown> {
    const instance = (this.#instances.get(name) ?? 0) + 1;
    this.#instances.set(name, instance);
    const at = new Scope(this, `${name}#${instance}`, null);
    at.log("start");
    let value: unknown = null;
    try {
      yield* at.block(block);
    } catch (error) {
      if (!(error instanceof Returned)) {
        at.log("raise", kindOf(error));
        throw error;
      }
      value = error.value;
    }
    at.log("return", value);
    return value;
  }

  /** Carries out one statement. */
  statement(at: Scope, [name, ...args]: Statement): Coroutine<void> {
    const statement = Object.hasOwn(this.#statements, name) ? this.#statements[name] : undefined;
    if (statement === undefined) return this.refuse(`unknown statement ${JSON.stringify(name)}`);
    return (statement as (at: Scope, ...args: readonly unknown[]) => Coroutine<void>)(at, ...args);
  }

  /**
   * Gives the program up. What is thrown here may be caught by the program or end in a task, so it is kept as well: who
   * runs the program looks at `fault`.
   */
  refuse(why: string): never {
    const fault = new ProgramFault(`program ${this.program.name}: ${why}`);
    this.fault ??= fault;
    throw fault;
  }
}

/** Where a statement stands. */
export class Scope {
  readonly interpreter: Interpreter;
  /** The coroutine instance. */
  readonly who: string;
  /** The innermost group around the statement. */
  readonly group: TaskMaker | null;

  constructor(interpreter: Interpreter, who: string, group: TaskMaker | null) {
    this.interpreter = interpreter;
    this.who = who;
    this.group = group;
  }

  get loop(): VirtualEventLoop {
    return this.interpreter.loop;
  }

  /** The same coroutine inside a group. */
  inside(group: TaskMaker): Scope {
    return new Scope(this.interpreter, this.who, group);
  }

  log(what: string, ...details: readonly unknown[]): void {
    this.interpreter.log(this.who, what, ...details);
  }

  *block(statements: Block): Coroutine<void> {
    for (const statement of statements) yield* this.interpreter.statement(this, statement);
  }

  /** Carries out a block that does not wait, as a callback does. */
  call(statements: Block): void {
    if (this.block(statements).next().done !== true) this.interpreter.refuse("a callback waits");
  }

  /** What a callback does: writes this down. */
  readonly logFromCallback = (text: string): void => this.interpreter.log("callback", text);

  /** Awaits, and writes down how it ended. */
  *observe(what: string, awaitable: Yieldable<unknown>): Coroutine<void> {
    let value: unknown;
    try {
      value = yield* awaitable;
    } catch (error) {
      this.log(what, "raised", kindOf(error));
      throw error;
    }
    this.log(what, "ok", value);
  }

  // ---- what statements name

  /** What is to be awaited. */
  item(spec: AwaitableSpec): Yieldable<unknown> {
    return spec[0] === "coro" ? this.interpreter.coroutine(spec[1]) : this.future(spec);
  }

  /** The same where a coroutine would not do. */
  future(spec: AwaitableSpec): Future<unknown> {
    switch (spec[0]) {
      case "var":
        return this.variable(spec[1]);
      case "future":
        return futureOf(this, spec[1]);
      default:
        return this.interpreter.refuse(`a task or future was expected, got ${JSON.stringify(spec)}`);
    }
  }

  /** The task spawned as this variable. Where the spawn was never reached a future of its own stands for it. */
  variable(name: string): Future<unknown> {
    const { variables } = this.interpreter;
    let task = variables.get(name);
    if (task === undefined) {
      task = this.loop.createFuture<unknown>();
      task.setResult("unbound");
      variables.set(name, task);
    }
    return task;
  }
}

/**
 * A kind of resource: `specs` says what a program declares, `make` makes one when it is first named. The result finds
 * the program's resource of an index.
 */
export function resource<S, T>(
  kind: string,
  specs: (resources: Resources) => readonly S[],
  make: (spec: S, at: Scope) => T,
): (at: Scope, index: number) => T {
  const made = new WeakMap<Interpreter, Map<number, T>>();
  return (at, index) => {
    const { interpreter } = at;
    const ofProgram = made.get(interpreter) ?? new Map<number, T>();
    made.set(interpreter, ofProgram);
    if (!ofProgram.has(index)) {
      const declared = specs(interpreter.program.resources ?? {});
      if (!(index in declared)) interpreter.refuse(`no ${kind} ${index}, it declares ${declared.length}`);
      ofProgram.set(index, make(declared[index] as S, at));
    }
    return ofProgram.get(index) as T;
  };
}

/** What a program names as it goes, by that name: one scope for the whole program. */
export function named<T>(): (at: Scope) => Map<string, T> {
  const made = new WeakMap<Interpreter, Map<string, T>>();
  return ({ interpreter }) => {
    const ofProgram = made.get(interpreter) ?? new Map<string, T>();
    made.set(interpreter, ofProgram);
    return ofProgram;
  };
}

/** The specs of resources that are declared by their number alone. */
export function counted(count = 0): readonly null[] {
  return Array<null>(count).fill(null);
}

/** The futures that a program declares. */
export const futureOf: (at: Scope, index: number) => Future<unknown> = resource(
  "future",
  ({ futures }) => counted(futures),
  (_, at) => at.loop.createFuture<unknown>(),
);

/** The context variables that a program declares. */
export const contextVarOf: (at: Scope, index: number) => ContextVar<unknown> = resource(
  "context variable",
  ({ contextvars }) => counted(contextvars),
  () => new ContextVar<unknown>("of a program"),
);

/** Python's None is null in a trace; here what returns nothing returns undefined. */
function orNull(value: unknown): unknown {
  return value === undefined ? null : value;
}
