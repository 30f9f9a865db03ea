/** All kernels, in the order of the table. */
import { callSoon } from "./call-soon.ts";
import { childCalls } from "./child.ts";
import { depths } from "./depth.ts";
import { future } from "./future.ts";
import type { Kernel } from "./kernel.ts";
import { memory } from "./memory.ts";
import { sleeps } from "./sleeps.ts";
import { spawns } from "./spawn.ts";
import { switches } from "./switch.ts";
import { taskSwitches } from "./tasks.ts";
import { timerCancel } from "./timer-cancel.ts";

export const kernels: readonly Kernel[] = [
  ...switches,
  ...taskSwitches,
  callSoon,
  future,
  ...spawns,
  ...childCalls,
  ...depths,
  sleeps,
  timerCancel,
  memory,
];
