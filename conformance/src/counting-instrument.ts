/** An instrument with every hook: a loop that is watched must turn as one that is not. */
import type { Instrument } from "aioloop";

export class CountingInstrument implements Required<Instrument> {
  /** How often each hook was called. */
  readonly calls: Record<keyof Instrument, number> = {
    taskCreated: 0,
    taskStep: 0,
    taskWait: 0,
    taskDone: 0,
    handleBefore: 0,
    handleAfter: 0,
    access: 0,
  };

  taskCreated(): void {
    this.calls.taskCreated += 1;
  }
  taskStep(): void {
    this.calls.taskStep += 1;
  }
  taskWait(): void {
    this.calls.taskWait += 1;
  }
  taskDone(): void {
    this.calls.taskDone += 1;
  }
  handleBefore(): void {
    this.calls.handleBefore += 1;
  }
  handleAfter(): void {
    this.calls.handleAfter += 1;
  }
  access(): void {
    this.calls.access += 1;
  }
}
