/**
 * Each kernel runs in a process of its own, so that the feedback, the heap and the megamorphism of one do not spoil the
 * next. This file is both sides: imported it starts such a process, started it is one.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isMain } from "../scripts/process.mjs";
import { kernels } from "./kernels/index.ts";
import type { Kernel, NodeColumn } from "./kernels/kernel.ts";
import type { Pythons } from "./python-columns.ts";
import type { Figures } from "./rounds.ts";
import { measure, roundHere } from "./rounds.ts";

/** What such a process tells: that a round is over; in the end its figures, or the figure of its only round. */
type Message = "round" | { readonly told: Figures | number };

const file = fileURLToPath(import.meta.url);

/** The figures of one kernel. @throws Error if its process fails. */
export async function measureInNode(
  name: string,
  { quick, pythons, onRound }: { quick: boolean; pythons: Pythons; onRound: () => void },
): Promise<Figures> {
  const env = {
    ...(pythons.cpython !== null && { BENCH_CPYTHON: pythons.cpython.executable }),
    ...(pythons.uvloop !== null && { BENCH_UVLOOP: pythons.uvloop.executable }),
  };
  return (await startProcess(quick ? [name, "--quick"] : [name], { env, onRound })) as Figures;
}

/** A round in a process of its own. */
async function roundElsewhere(kernel: Kernel, column: NodeColumn, operations: number): Promise<number> {
  return (await startProcess([kernel.name, "--round", column, String(operations)])) as number;
}

function startProcess(
  args: readonly string[],
  { env = {}, onRound = () => {} }: { env?: NodeJS.ProcessEnv; onRound?: () => void } = {},
): Promise<Figures | number> {
  const { AIOLOOP_DEBUG: _, ...inherited } = process.env;
  const child = fork(file, args, { env: { ...inherited, ...env } });
  let told: Figures | number | null = null;
  child.on("message", (message: Message) => {
    if (message === "round") onRound();
    else told = message.told;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (told !== null) resolve(told);
      else reject(new Error(`the kernel ${args[0]} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

if (isMain(import.meta.url)) {
  const [name, flag, column, operations] = process.argv.slice(2);
  const kernel = kernels.find((one) => one.name === name);
  if (kernel === undefined) throw new Error(`no kernel ${name}`);
  const send = (message: Message) => void process.send?.(message);
  if (flag === "--round") {
    send({ told: await roundHere(kernel, column as NodeColumn, Number(operations)) });
  } else {
    const round = kernel.fresh === true ? roundElsewhere : roundHere;
    const told = await measure(kernel, (...args) => round(kernel, ...args), {
      quick: flag === "--quick",
      onRound: () => send("round"),
    });
    send({ told });
  }
  process.disconnect();
}
