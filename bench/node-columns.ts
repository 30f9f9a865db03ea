/**
 * Each kernel runs in a process of its own, so that the feedback, the heap and the megamorphism of one do not spoil the
 * next. This file is both sides: imported it starts such a process, started it is one.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isMain } from "../scripts/process.mjs";
import { kernels } from "./kernels/index.ts";
import type { Figures } from "./rounds.ts";
import { measure } from "./rounds.ts";

type Message = "round" | Figures;

const file = fileURLToPath(import.meta.url);

/** The figures of one kernel. @throws Error if its process fails. */
export function measureInNode(
  name: string,
  options: { quick: boolean; onRound: () => void },
): Promise<Figures> {
  const { AIOLOOP_DEBUG: _, ...env } = process.env;
  const child = fork(file, [name, ...(options.quick ? ["--quick"] : [])], { env });
  let figures: Figures | null = null;
  child.on("message", (message: Message) => {
    if (message === "round") options.onRound();
    else figures = message;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (figures !== null) resolve(figures);
      else reject(new Error(`the kernel ${name} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

if (isMain(import.meta.url)) {
  const [name, flag] = process.argv.slice(2);
  const kernel = kernels.find((one) => one.name === name);
  if (kernel === undefined) throw new Error(`no kernel ${name}`);
  const send = (message: Message) => void process.send?.(message);
  send(await measure(kernel, { quick: flag === "--quick", onRound: () => send("round") }));
  process.disconnect();
}
