/**
 * Synchronization between tasks of one loop. CPython: `locks`.
 *
 * They differ from threads' locks in when things change: only at a `yield*`, so a test and what follows it need no lock unless
 * a `yield*` stands between. None of them is for threads, and none belongs to two loops.
 *
 * In each of them a cancelled waiter may have been woken in the same turn. It then has taken what it will not use, and
 * has to hand it on, or the others sleep for ever: that is what the `finally` blocks are for.
 */
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { CancelledError, RuntimeError } from "@aioloop/loop";
import type { Holder, Holding, Waitable } from "@aioloop/loop/kernel";
import { describe, inspectable, noteSince, sinceOf, slots } from "@aioloop/loop/kernel";
import { coroutine } from "./coroutines.ts";
import { LoopBound } from "./loop-bound.ts";
import type { Manager } from "./managers.ts";
import type { Task } from "./tasks.ts";
import { Waiters } from "./waiters.ts";

/**
 * One holder at a time: `yield* asyncWith(lock, function* () { … })`. First come, first served. Not re-entrant: who holds it
 * and acquires it again waits for itself.
 *
 *   free, nobody waits ──acquire──► locked ──release──► free, the oldest woken ──(it runs)──► locked
 *
 * The one woken takes the lock when it runs. Until then `locked()` is false, but nobody can overtake it: newcomers queue up
 * behind whoever waits. CPython: `locks.Lock`.
 */
export class Lock extends LoopBound implements Manager<void>, Waitable {
  readonly #waiters: Waiters = new Waiters();
  #isLocked = false;
  /** For reports: a deadlock is easier to understand with it. Null where no task was current. */
  #owner: Task<unknown> | null = null;

  /** CPython: `Lock.locked`. */
  locked(): boolean {
    this._accessed("read");
    return this.#isLocked;
  }

  /** @internal the same for reports, which are no access */
  get _isLocked(): boolean {
    return this.#isLocked;
  }

  /** Waits until the lock is free and takes it; returns true. CPython: `Lock.acquire`. */
  acquire(): Coroutine<true> {
    return Lock.#acquire(this);
  }

  static readonly #acquire: (lock: Lock) => Coroutine<true> = coroutine(function* acquire(lock: Lock) {
    lock._accessed("write");
    if (lock.#isLocked || lock.#waiters.hasLive()) yield* lock.#turn();
    lock.#isLocked = true;
    const loop = slots.running;
    if (loop !== null) {
      const owner = loop._currentTask as Task<unknown> | null;
      lock.#owner = owner;
      if (loop._remembers && owner !== null) noteSince(lock, owner, loop._now);
    }
    return true as const;
  });

  *#turn(): Coroutine<void> {
    const waiter = this.#waiters.add(this._getLoop().createFuture(this));
    let isWoken = false;
    try {
      yield* waiter.future;
      isWoken = true;
    } finally {
      this.#waiters.remove(waiter);
      if (!isWoken && !this.#isLocked) this.#wakeFirst();
    }
  }

  /**
   * Frees the lock and wakes the oldest waiter. Anybody may call it, not only who acquired it.
   * @throws RuntimeError if it is not locked. CPython: `Lock.release`.
   */
  release(): void {
    this._accessed("write");
    if (!this.#isLocked)
      throw new RuntimeError(`release() of ${this}: it is not locked. Call it once for each acquire()`);
    this.#isLocked = false;
    this.#owner = null;
    this.#wakeFirst();
  }

  /** @internal */
  _heldBy(): Holding | null {
    const owner = this.#owner;
    if (owner === null) return null;
    return { kind: "held by", by: [{ future: owner, since: sinceOf(this, owner) }], endedBy: "any" };
  }

  /** If the first is done already it was woken before, or is about to leave, and sees to the next. */
  #wakeFirst(): void {
    const first = this.#waiters.first();
    if (first !== null && !first.done()) first.setResult();
  }

  *aenter(): Coroutine<void> {
    yield* this.acquire();
  }

  *aexit(): Coroutine<void> {
    this.release();
  }

  override toString(): string {
    const by = this.#owner === null ? "" : ` by ${this.#owner.getName()}`;
    return `<${this.constructor.name} [${this.#isLocked ? "locked" : "unlocked"}${by}${this.#waiters}]>`;
  }
}

/** A flag that tasks wait for. CPython: `locks.Event`. */
export class Event extends LoopBound {
  readonly #waiters: Waiters = new Waiters();
  #value = false;

  /** CPython: `Event.is_set`. */
  isSet(): boolean {
    this._accessed("read");
    return this.#value;
  }

  /** Wakes all that wait; they go on even if the flag is cleared before they run. CPython: `Event.set`. */
  set(): void {
    this._accessed("write");
    if (this.#value) return;
    this.#value = true;
    this.#waiters.wake(Number.POSITIVE_INFINITY);
  }

  /** From now on `wait()` waits again. CPython: `Event.clear`. */
  clear(): void {
    this._accessed("write");
    this.#value = false;
  }

  /** Waits until the flag is set; returns true, at once if it is. CPython: `Event.wait`. */
  wait(): Coroutine<true> {
    return Event.#wait(this, this);
  }

  /** @internal The same where it is part of something else, which is what reports name. */
  _waitAs(subject: object): Coroutine<true> {
    return Event.#wait(this, subject);
  }

  static readonly #wait: (event: Event, subject: object) => Coroutine<true> = coroutine(function* wait(
    event: Event,
    subject: object,
  ) {
    event._accessed("read");
    if (event.#value) return true as const;
    const waiter = event.#waiters.add(event._getLoop().createFuture(subject));
    try {
      yield* waiter.future;
      return true as const;
    } finally {
      event.#waiters.remove(waiter);
    }
  });

  override toString(): string {
    return `<${this.constructor.name} [${this.#value ? "set" : "unset"}${this.#waiters}]>`;
  }
}

/** What a Condition needs of its lock. */
interface Lockable {
  acquire(): Coroutine<true>;
  release(): void;
  locked(): boolean;
}

function isLockable(given: Partial<Lockable>): boolean {
  return [given.acquire, given.release, given.locked].every((method) => typeof method === "function");
}

/**
 * Tasks wait until something they share has changed, and look at it with the lock held:
 *
 *   holds the lock ──wait──► sleeps, the lock is free ──notify──► queues up for the lock ──► holds the lock
 *
 * `wait` never ends without the lock, cancelled or not. A wake-up says that somebody notified, not that the state is as it
 * should be, and may come without reason: `waitFor(predicate)`, or a loop. CPython: `locks.Condition`.
 */
export class Condition extends LoopBound implements Manager<void> {
  readonly #lock: Lockable;
  readonly #waiters: Waiters = new Waiters();
  /** The lock's own. CPython: instance attributes as well. */
  readonly acquire: () => Coroutine<true>;
  readonly release: () => void;
  readonly locked: () => boolean;

  /** `lock`: one that other conditions may use as well; by default one of its own. @throws TypeError unless it is a lock. */
  constructor(lock: Lockable | null = null) {
    super();
    if (lock !== null && !isLockable(lock))
      throw new TypeError(`new Condition(lock): lock must be a Lock or null, got ${describe(lock)}`);
    const own = lock ?? new Lock();
    this.#lock = own;
    this.acquire = () => own.acquire();
    this.release = () => own.release();
    this.locked = () => own.locked();
  }

  /**
   * Frees the lock, waits to be notified, and takes the lock again; returns true.
   * @throws RuntimeError if the lock is not held. CPython: `Condition.wait`.
   */
  wait(): Coroutine<true> {
    return Condition.#wait(this);
  }

  static readonly #wait: (condition: Condition) => Coroutine<true> = coroutine(function* wait(
    condition: Condition,
  ) {
    condition.#checkHeld("wait");
    condition._accessed("write");
    const waiters = condition.#waiters;
    const future = condition._getLoop().createFuture(condition._subject());
    condition.#lock.release();
    const waiter = waiters.add(future);
    try {
      try {
        yield* future;
      } finally {
        waiters.remove(waiter);
        yield* takeBack(condition.#lock);
      }
      return true as const;
    } catch (error) {
      // Maybe it was notified before this reached it: somebody else is to have that.
      waiters.wake(1);
      throw error;
    }
  });

  /**
   * Waits until `predicate()` gives something true, and returns that. It is called with the lock held: first at once, then after each
   * wake-up. @throws RuntimeError if it would have to wait and the lock is not held. CPython: `Condition.wait_for`.
   */
  waitFor<T>(predicate: () => T): Coroutine<T> {
    if (typeof predicate !== "function")
      throw new TypeError(`waitFor(predicate): predicate must be a function, got ${describe(predicate)}`);
    return Condition.#waitFor(this, predicate) as Coroutine<T>;
  }

  static readonly #waitFor: <T>(condition: Condition, predicate: () => T) => Coroutine<T> = coroutine(
    function* waitFor<T>(condition: Condition, predicate: () => T) {
      let result = predicate();
      while (!result) {
        yield* condition.wait();
        result = predicate();
      }
      return result;
    },
  );

  /**
   * Wakes up to `n` of those that wait, oldest first. They run once the lock is free.
   * @throws RuntimeError if the lock is not held. CPython: `Condition.notify`.
   */
  notify(n = 1): void {
    this.#checkHeld("notify");
    this._accessed("write");
    this.#waiters.wake(n);
  }

  /** Wakes all that wait. @throws RuntimeError if the lock is not held. CPython: `Condition.notify_all`. */
  notifyAll(): void {
    this.#checkHeld("notifyAll");
    this._accessed("write");
    this.#waiters.wake(Number.POSITIVE_INFINITY);
  }

  /** @internal What reports say is waited for. */
  _subject(): object {
    return this;
  }

  #checkHeld(operation: string): void {
    if (this.#lock.locked()) return;
    throw new RuntimeError(
      `${operation}() of ${this}: its lock is not held. Write yield* asyncWith(condition, function* () { … ${operation}() … })`,
    );
  }

  *aenter(): Coroutine<void> {
    yield* this.acquire();
  }

  *aexit(): Coroutine<void> {
    this.release();
  }

  override toString(): string {
    const isLocked = this.#lock instanceof Lock ? this.#lock._isLocked : this.#lock.locked();
    return `<${this.constructor.name} [${isLocked ? "locked" : "unlocked"}${this.#waiters}]>`;
  }
}

/** Takes a lock however often the wait for it is cancelled; throws the last of these cancellations then. */
function* takeBack(lock: Lockable): Coroutine<void> {
  let cancellation: CancelledError | null = null;
  for (;;) {
    try {
      yield* lock.acquire();
      break;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      cancellation = error;
    }
  }
  if (cancellation !== null) throw cancellation;
}

/**
 * At most `value` holders at a time: `yield* asyncWith(semaphore, function* () { … })`. First come, first served: what is
 * released is handed to the oldest waiter at once, before it runs. CPython: `locks.Semaphore`.
 */
export class Semaphore extends LoopBound implements Manager<void>, Waitable {
  /** How many more can have it. */
  #value: number;
  /** Those that sleep. Who is woken leaves at once, and is counted: until it has run nobody may overtake it. */
  readonly #waiters: Waiters = new Waiters();
  #woken = 0;
  /** Who took one, oldest first, where the loop remembers. */
  #holders: Holder[] = [];

  /** @throws TypeError unless `value` is a number, RangeError unless it is 0 or more and whole, or Infinity. */
  constructor(value = 1) {
    super();
    if (typeof value !== "number")
      throw new TypeError(`new ${new.target.name}(value): value must be a number, got ${describe(value)}`);
    if (!(value >= 0))
      throw new RangeError(`new ${new.target.name}(value): value must be 0 or more, got ${value}`);
    // CPython takes 1.5, counts it down past 0 and never locks.
    if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY)
      throw new RangeError(`new ${new.target.name}(value): value must be a whole number, got ${value}`);
    this.#value = value;
  }

  /** Whether `acquire()` would wait: nothing is left, or others are before. CPython: `Semaphore.locked`. */
  locked(): boolean {
    this._accessed("read");
    return this.#mustWait();
  }

  #mustWait(): boolean {
    return this.#value === 0 || this.#woken > 0; // nobody sleeps while some are left
  }

  /** Waits until one is left and takes it; returns true. CPython: `Semaphore.acquire`. */
  acquire(): Coroutine<true> {
    return Semaphore.#acquire(this);
  }

  static readonly #acquire: (semaphore: Semaphore) => Coroutine<true> = coroutine(function* acquire(
    semaphore: Semaphore,
  ) {
    semaphore._accessed("write");
    if (semaphore.#mustWait()) yield* semaphore.#turn();
    else semaphore.#value -= 1;
    if (slots.running?._remembers) semaphore.#taken(slots.running);
    return true as const;
  });

  *#turn(): Coroutine<void> {
    const waiter = this.#waiters.add(this._getLoop().createFuture(this));
    let isUsed = false;
    try {
      yield* waiter.future;
      isUsed = true;
    } finally {
      this.#waiters.remove(waiter);
      if (waiter.future.done() && !waiter.future.cancelled()) {
        this.#woken -= 1;
        if (!isUsed) this.#value += 1; // it was handed over in vain
      }
      // Some may have queued up only because this one was before them.
      while (this.#value > 0 && this.#wakeNext());
    }
  }

  /** Gives one back and wakes the oldest waiter. Anybody may call it. CPython: `Semaphore.release`. */
  release(): void {
    this._accessed("write");
    if (this.#holders.length > 0) this.#givenBack();
    this.#value += 1;
    this.#wakeNext();
  }

  #taken(loop: BaseEventLoop): void {
    const task = loop._currentTask;
    if (task !== null) this.#holders.push({ future: task, since: loop._now });
  }

  /** Somebody else than who took it may give it back: then it is the oldest that has one less. */
  #givenBack(): void {
    const task = slots.running?._currentTask;
    const place = this.#holders.findIndex(({ future }) => future === task);
    this.#holders.splice(Math.max(place, 0), 1);
  }

  /** @internal Those that are known. */
  _heldBy(): Holding {
    return { kind: "held by", by: this.#holders, endedBy: "anybody" };
  }

  #wakeNext(): boolean {
    if (!this.#waiters.wakeNext()) return false;
    this.#value -= 1;
    this.#woken += 1;
    return true;
  }

  /** @internal */
  get _value(): number {
    return this.#value;
  }

  *aenter(): Coroutine<void> {
    yield* this.acquire();
  }

  *aexit(): Coroutine<void> {
    this.release();
  }

  override toString(): string {
    const state = this.#mustWait() ? "locked" : `unlocked, value:${this.#value}`;
    return `<${this.constructor.name} [${state}${this.#waiters}]>`;
  }
}

/** A Semaphore that never has more than it began with: one release too many is an error. CPython: `locks.BoundedSemaphore`. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  constructor(value = 1) {
    super(value);
    this.#bound = value;
  }

  /** @throws RangeError if it was released more often than acquired. CPython: `BoundedSemaphore.release`. */
  override release(): void {
    if (this._value >= this.#bound && this.#bound !== Number.POSITIVE_INFINITY) {
      throw new RangeError(
        `release() of ${this}: it was released more often than acquired, and never has more than ${this.#bound}`,
      );
    }
    super.release();
  }
}

inspectable(Lock, Event, Condition, Semaphore);
