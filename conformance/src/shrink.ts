/** Looks for the smallest program that still does what a large one does: takes statements away as long as it does. */
import type { Block, Program, Statement } from "./program.ts";

/** `isWanted` says whether a candidate still does it. Tries some hundred candidates for a program of usual size. */
export function shrink(program: Program, isWanted: (candidate: Program) => boolean): Program {
  let smallest = program;
  for (let smaller: Program | undefined = program; smaller !== undefined; ) {
    smallest = smaller;
    smaller = undefined;
    for (const candidate of candidates(smallest)) {
      if (!isWanted(candidate)) continue;
      smaller = candidate;
      break;
    }
  }
  return smallest;
}

/** Each a little smaller than the program; the boldest first. */
function* candidates(program: Program): Generator<Program> {
  const { eager, runs } = program;
  if (eager === true) yield { ...program, eager: false };
  for (const [i, mains] of runs?.entries() ?? []) {
    for (const j of mains.keys()) {
      const fewer = runs!.with(i, mains.toSpliced(j, 1)).filter((some) => some.length > 0);
      if (fewer.length > 0) yield { ...program, runs: fewer };
    }
  }
  for (const name of Object.keys(program.coroutines)) {
    const { [name]: _, ...others } = program.coroutines;
    if (name !== "main") yield { ...program, coroutines: others };
  }
  for (const [name, block] of Object.entries(program.coroutines)) {
    for (const smaller of smallerBlocks(block)) {
      yield { ...program, coroutines: { ...program.coroutines, [name]: smaller } };
    }
  }
}

function* smallerBlocks(block: Block): Generator<Block> {
  for (const i of block.keys()) yield block.toSpliced(i, 1);
  for (const [i, statement] of block.entries()) {
    for (const inner of statement.flatMap(blocksIn)) yield block.toSpliced(i, 1, ...inner);
    for (const smaller of smallerStatements(statement)) yield block.with(i, smaller);
  }
}

function* smallerStatements(statement: Statement): Generator<Statement> {
  for (const [i, argument] of statement.entries()) {
    if (isBlock(argument)) {
      for (const smaller of smallerBlocks(argument)) yield statement.with(i, smaller) as unknown as Statement;
    } else if (isHandlers(argument)) {
      for (const [name, block] of Object.entries(argument)) {
        const { [name]: _, ...others } = argument;
        yield statement.with(i, others) as unknown as Statement;
        for (const smaller of smallerBlocks(block)) {
          yield statement.with(i, { ...argument, [name]: smaller }) as unknown as Statement;
        }
      }
    } else if (isTargets(argument)) {
      for (const j of argument.keys())
        yield statement.with(i, argument.toSpliced(j, 1)) as unknown as Statement;
    }
  }
}

const AWAITABLES: readonly unknown[] = ["coro", "var", "future"];

function isLists(value: unknown): value is readonly (readonly unknown[])[] {
  return Array.isArray(value) && value.every((item) => Array.isArray(item) && typeof item[0] === "string");
}

function isBlock(value: unknown): value is Block {
  return isLists(value) && value.every(([name]) => !AWAITABLES.includes(name));
}

/** The awaitables of gather and its kin; one is left, since some refuse an empty list. */
function isTargets(value: unknown): value is readonly unknown[] {
  return isLists(value) && value.length > 1;
}

function blocksIn(argument: unknown): Block[] {
  if (isBlock(argument)) return [argument];
  return isHandlers(argument) ? Object.values(argument) : [];
}

/** Of a `try`. */
function isHandlers(value: unknown): value is Readonly<Record<string, Block>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isBlock)
  );
}
