/**
 * Draws the picture of who waits for what (wait-graph.ts), and says it in words. CPython has nothing of the kind for locks and queues.
 *
 * What is waited for is the future's subject (`createFuture(subject)`), or the future itself. Either may say by whom the wait is ended:
 * that is all a primitive has to know of this.
 */
import type { AbstractTask } from "./events.ts";
import { DeadlockError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { describeSubject } from "./futures.ts";
import { sinceOf } from "./since.ts";
import type { WaitEdge, WaitNode } from "./wait-graph.ts";
import { circlesIn, sinceWords, WaitGraph } from "./wait-graph.ts";

/** What is waited for, and knows who ends the wait. */
export interface Waitable {
  /** @internal Null: anybody may end it. */
  _heldBy(): Holding | null;
}

export interface Holding {
  /** "held by": tasks that have to give it back; "needs": futures that have to be done, and those among them that are. */
  readonly kind: "held by" | "needs";
  readonly by: readonly Holder[];
  /** Who ends the wait: all of them together, any one of them, or others as well, as with a Semaphore, which has no owner. */
  readonly endedBy: "all" | "any" | "anybody";
}

export interface Holder {
  readonly future: Future<unknown>;
  /** Since when it holds it, in seconds on the loop's clock; null where that is not known. */
  readonly since: number | null;
}

export function needs(futures: Iterable<Future<unknown>>, endedBy: Holding["endedBy"]): Holding {
  return { kind: "needs", by: Array.from(futures, (future) => ({ future, since: null })), endedBy };
}

/** The subject of a wait for other futures, which has no object of its own. */
export class Needs implements Waitable {
  readonly #text: () => string;
  readonly #futures: Iterable<Future<unknown>>;
  readonly #endedBy: "all" | "any";

  constructor(text: () => string, futures: Iterable<Future<unknown>>, endedBy: "all" | "any") {
    this.#text = text;
    this.#futures = futures;
    this.#endedBy = endedBy;
  }

  _heldBy(): Holding {
    return needs(this.#futures, this.#endedBy);
  }

  toString(): string {
    return this.#text();
  }
}

/** What of a loop is needed. */
export interface Standing {
  /** Unfinished, oldest first. */
  readonly tasks: readonly AbstractTask[];
  readonly current: AbstractTask | null;
  /** The arguments of timers and ready callbacks: futures among them will be done, tasks will be cancelled. */
  readonly touched: ReadonlySet<unknown>;
}

/** `isOver`: nothing will ever happen in this loop, so every circle stays. */
export function waitGraphOf(standing: Standing, isOver: boolean): WaitGraph {
  const drawing = new Drawing(standing);
  const goesOn = isOver ? new Set<WaitNode>() : goingOn(drawing, standing);
  const known = new Map<WaitNode, WaitEdge[]>(); // edges are asked for again and again on the way
  const edgesOf = (node: WaitNode): readonly WaitEdge[] => {
    let edges = known.get(node);
    if (edges === undefined) {
      edges = goesOn.has(node) ? [] : drawing.from(node).filter(({ to }) => !goesOn.has(to));
      known.set(node, edges);
    }
    return edges;
  };
  return new WaitGraph(
    drawing.nodes,
    drawing.nodes.flatMap((node) => drawing.from(node)),
    circlesIn(drawing.nodes, edgesOf),
  );
}

class Drawing {
  readonly nodes: WaitNode[] = [];
  /** Nodes that wait until all they wait for has ended; the others may be woken by any of it. */
  readonly needsAll: Set<WaitNode> = new Set();
  /** Nodes whose waits anybody may end. */
  readonly isOpen: Set<WaitNode> = new Set();
  /** By the node's id. */
  readonly #edges: WaitEdge[][] = [];
  readonly #known: Map<unknown, WaitNode> = new Map();
  /** Waited for, and not looked at yet: gathers of gathers may be deep. */
  readonly #unseen: { readonly node: WaitNode; readonly future: Future<unknown> }[] = [];

  constructor({ tasks, current, touched }: Standing) {
    for (const task of tasks) this.#task(task, stateOf(task, current));
    for (const task of tasks) {
      const waiter = task._waiter ?? null;
      if (waiter === null || waiter.done()) continue;
      this.#edge(this.#known.get(task) as WaitNode, this.#future(waiter), "waits for", sinceOf(task, waiter));
    }
    for (let next = this.#unseen.pop(); next !== undefined; next = this.#unseen.pop()) {
      this.#ask(next.node, next.future, touched);
    }
  }

  from({ id }: WaitNode): readonly WaitEdge[] {
    return this.#edges[id] as WaitEdge[];
  }

  #node(node: Omit<WaitNode, "id">): WaitNode {
    const made = { id: this.nodes.length, ...node };
    this.nodes.push(made);
    this.#edges.push([]);
    this.#known.set(node.object, made);
    return made;
  }

  #edge(from: WaitNode, to: WaitNode, kind: WaitEdge["kind"], since: number | null): void {
    (this.#edges[from.id] as WaitEdge[]).push({ from, to, kind, since });
  }

  #task(task: AbstractTask, state: WaitNode["state"]): WaitNode {
    const frames = task.getStack?.() ?? [];
    return this.#node({ kind: "task", object: task, label: task.getName(), frames, state });
  }

  /** What a wait for this future is a wait for. */
  #future(future: Future<unknown>): WaitNode {
    const object = objectOf(future);
    const known = this.#known.get(object);
    if (known !== undefined) return known;
    if (isTask(future)) return this.#task(future, future.done() ? "done" : "waiting");
    const label = future._subject === undefined ? String(future) : describeSubject(future._subject);
    const kind = object === future ? "future" : "primitive";
    const node = this.#node({ kind, object, label, frames: [], state: "waiting" });
    this.#unseen.push({ node, future });
    return node;
  }

  #ask(node: WaitNode, future: Future<unknown>, touched: ReadonlySet<unknown>): void {
    const holding = holdingOf(future);
    if (holding === null) return;
    if (holding.endedBy === "all") this.needsAll.add(node);
    if (holding.endedBy === "anybody") this.isOpen.add(node);
    for (const { future: one, since } of holding.by) {
      if (holding.kind === "held by" || !one.done()) this.#edge(node, this.#future(one), holding.kind, since);
      else if (touched.has(one)) this.isOpen.add(node); // it will be told
    }
  }
}

function stateOf(task: AbstractTask, current: AbstractTask | null): WaitNode["state"] {
  if (task === current) return "running";
  const waiter = task._waiter;
  if (waiter === undefined) return "waiting"; // of another make, which does not tell
  return waiter === null || waiter.done() ? "ready" : "waiting";
}

function objectOf(future: Future<unknown>): unknown {
  const subject = future._subject;
  return typeof subject === "object" && subject !== null && !(subject instanceof Needs) ? subject : future;
}

function isTask(future: Future<unknown>): future is AbstractTask {
  return typeof (future as Partial<AbstractTask>).getName === "function";
}

function holdingOf(future: Future<unknown>): Holding | null {
  for (const one of [future, future._subject]) {
    const waitable = one as Partial<Waitable> | null | undefined;
    if (typeof waitable?._heldBy === "function") return waitable._heldBy();
  }
  return null;
}

/**
 * What may go on, as far as the loop can know it: what is ready, what anybody may end, what a timer will finish or cancel, and whoever waits
 * for one of these. The others wait for each other alone.
 */
function goingOn(drawing: Drawing, { touched }: Standing): Set<WaitNode> {
  const { nodes } = drawing;
  const waiters: WaitNode[][] = nodes.map(() => []);
  for (const node of nodes)
    for (const { to } of drawing.from(node)) (waiters[to.id] as WaitNode[]).push(node);
  /** For how many more each node waits. */
  const left = nodes.map((node) => drawing.from(node).length);
  const cancelled = cancelledIn(drawing, touched);
  const goesOn = new Set(
    nodes.filter(
      (node) =>
        drawing.from(node).length === 0 ||
        drawing.isOpen.has(node) ||
        cancelled.has(node) ||
        willBeDone(node, touched),
    ),
  );
  for (const node of goesOn) {
    for (const waiter of waiters[node.id] as WaitNode[]) {
      left[waiter.id] = (left[waiter.id] as number) - 1;
      if (!drawing.needsAll.has(waiter) || left[waiter.id] === 0) goesOn.add(waiter); // the loop comes to it
    }
  }
  return goesOn;
}

function willBeDone({ kind, object }: WaitNode, touched: ReadonlySet<unknown>): boolean {
  return touched.has(kind === "task" ? (object as AbstractTask)._waiter : object);
}

/** What is cancelled with the tasks that a timer will cancel: what they wait for, unless it is a primitive; and the children of their groups. */
function cancelledIn(drawing: Drawing, touched: ReadonlySet<unknown>): Set<WaitNode> {
  const children = new Map<unknown, WaitNode[]>();
  const cancelled = new Set<WaitNode>();
  for (const node of drawing.nodes) {
    if (node.kind !== "task") continue;
    if (touched.has(node.object)) cancelled.add(node);
    for (const parent of (node.object as AbstractTask)._awaiters()) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [node]);
      else known.push(node);
    }
  }
  for (const node of cancelled) {
    for (const { to, kind } of drawing.from(node)) {
      if (kind === "needs" || to.kind !== "primitive") cancelled.add(to); // the loop comes to it
    }
    for (const child of children.get(node.object) ?? []) cancelled.add(child);
  }
  return cancelled;
}

// ---- in words

/** Who waits for what, a line for each of the unfinished tasks, then one for each circle. */
export function linesOf(graph: WaitGraph, tasks: readonly AbstractTask[]): string[] {
  const waits = new Map<WaitNode, WaitEdge>();
  const holds = new Map<WaitNode, WaitEdge[]>();
  for (const edge of graph.edges) {
    if (edge.kind === "waits for") waits.set(edge.from, edge);
    if (edge.kind === "held by") holds.set(edge.from, [...(holds.get(edge.from) ?? []), edge]);
  }
  const lines = tasks.map((task, i) => {
    const line = `${task.getName()} waits for ${task._waitsFor()}`;
    const edge = waits.get(graph.nodes[i] as WaitNode);
    if (edge === undefined) return line;
    return line + sinceWords(edge.since) + holderWords(edge.to, holds.get(edge.to) ?? []);
  });
  return [...lines, ...graph.circles.map((circle) => `in a circle: ${circle}`)];
}

/** How many holders are named. */
const MOST_HOLDERS = 5;

/** Most primitives name their holder themselves. */
function holderWords({ label }: WaitNode, holds: readonly WaitEdge[]): string {
  const news = holds.filter(({ to, since }) => since !== null || !label.includes(to.label));
  if (news.length === 0) return "";
  const names = news
    .slice(0, MOST_HOLDERS)
    .map(
      ({ to, since }) => `${to.label}${to.state === "done" ? ", which has ended," : ""}${sinceWords(since)}`,
    );
  if (news.length > MOST_HOLDERS) names.push(`${news.length - MOST_HOLDERS} more`);
  return `, held by ${names.join(", ")}`;
}

/** The error of a loop that nothing can ever wake. */
export function deadlockOf(tasks: readonly AbstractTask[]): DeadlockError {
  const graph = waitGraphOf({ tasks, current: null, touched: new Set() }, true);
  const who = tasks.length === 1 ? "1 task waits" : `${tasks.length} tasks wait`;
  const what =
    tasks.length === 0
      ? "what it runs for will never be done"
      : [`${who} for ever`, ...linesOf(graph, tasks)].join("\n  ");
  return new DeadlockError(
    `nothing is ready, nothing is scheduled and nothing can wake the loop: ${what}`,
    graph,
  );
}
