/** All of them. */
import type { Animal } from "./animal.ts";
import { brokenBarrier } from "./broken-barrier.ts";
import { cacheStampede } from "./cache-stampede.ts";
import { checkThenAct } from "./check-then-act.ts";
import { doubleResolve } from "./double-resolve.ts";
import { doubleUse } from "./double-use.ts";
import { executorDeadlock } from "./executor-deadlock.ts";
import { framing } from "./framing.ts";
import { hastyHandshake } from "./hasty-handshake.ts";
import { leakedPermit } from "./leaked-permit.ts";
import { livelock } from "./livelock.ts";
import { lockBarging } from "./lock-barging.ts";
import { lostTaskDone } from "./lost-task-done.ts";
import { lostUpdate } from "./lost-update.ts";
import { missedNotify } from "./missed-notify.ts";
import { philosophers } from "./philosophers.ts";
import { reentrantCallback } from "./reentrant-callback.ts";
import { shutdownRace } from "./shutdown-race.ts";
import { staleRead } from "./stale-read.ts";
import { starvation } from "./starvation.ts";
import { swallowedCancellation } from "./swallowed-cancellation.ts";
import { timerTie } from "./timer-tie.ts";

export const zoo: readonly Animal[] = [
  lostUpdate,
  checkThenAct,
  lockBarging,
  swallowedCancellation,
  missedNotify,
  lostTaskDone,
  doubleResolve,
  framing,
  timerTie,
  starvation,
  philosophers,
  executorDeadlock,
  leakedPermit,
  shutdownRace,
  staleRead,
  reentrantCallback,
  doubleUse,
  brokenBarrier,
  livelock,
  cacheStampede,
  hastyHandshake,
];
