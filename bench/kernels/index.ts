/** All kernels, in the order of the table. */
import { callSoon } from "./call-soon.ts";
import { childCalls } from "./child.ts";
import { depths } from "./depth.ts";
import { executorCosts } from "./executor-costs.ts";
import { executorCalls } from "./executors.ts";
import { future } from "./future.ts";
import type { Kernel } from "./kernel.ts";
import { locks } from "./locks.ts";
import { memory } from "./memory.ts";
import { queue } from "./queue.ts";
import { servers } from "./servers.ts";
import { sleeps } from "./sleeps.ts";
import { spawns } from "./spawn.ts";
import { switches } from "./switch.ts";
import { taskgroup } from "./taskgroup.ts";
import { taskSwitches } from "./tasks.ts";
import { testing } from "./testing.ts";
import { timerCancel } from "./timer-cancel.ts";

export const kernels: readonly Kernel[] = [
  ...switches,
  ...taskSwitches,
  callSoon,
  future,
  ...spawns,
  taskgroup,
  ...childCalls,
  ...depths,
  sleeps,
  timerCancel,
  queue,
  ...locks,
  memory,
  ...executorCalls,
  ...executorCosts,
  ...servers,
  ...testing,
];
