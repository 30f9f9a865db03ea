/**
 * Who waits for what, and who holds it: a picture of a loop's unfinished tasks at one moment. CPython: `graph.capture_call_graph`,
 * which knows tasks and futures only.
 *
 *      task ──waits for──► lock ──held by──► task ──waits for──► gather ──needs──► task
 *
 * It is a value: labels are texts and edges are copied, so what the program does afterwards does not change it.
 */

export interface WaitNode {
  /** Its place among the nodes. */
  readonly id: number;
  readonly kind: "task" | "future" | "primitive";
  /** The Task, the Lock, the Queue, … */
  readonly object: unknown;
  readonly label: string;
  /** Of a task: the names of the coroutines it is in, outermost first. */
  readonly frames: readonly string[];
  /** Of a task: it is in its step, in the ready queue, waits, or has ended. Of anything else: who waits for it waits. */
  readonly state: "running" | "ready" | "waiting" | "done";
}

export interface WaitEdge {
  readonly from: WaitNode;
  readonly to: WaitNode;
  /** "needs": it ends with the other one, as a gather with its children. */
  readonly kind: "waits for" | "held by" | "needs";
  /** On the loop's clock, in seconds; null where that is not kept (outside debug mode, where no instrument is set). */
  readonly since: number | null;
}

/** Tasks that wait for each other, each edge's end the next one's beginning. It begins with the oldest task. */
export class WaitCircle {
  readonly edges: readonly WaitEdge[];

  constructor(edges: readonly WaitEdge[]) {
    this.edges = edges;
  }

  /** In the order of the circle. */
  get tasks(): readonly WaitNode[] {
    return this.edges.map(({ from }) => from).filter(({ kind }) => kind === "task");
  }

  /** `A waits for <Lock …>, held by B, which waits for <Lock …>, held by A`. */
  toString(): string {
    const parts = this.edges.map(({ from, to, kind, since }, i) => {
      if (kind === "waits for") return `${i === 0 ? from.label : "which"} waits for ${wordsFor(to)}`;
      return kind === "needs" ? `which needs ${wordsFor(to)}` : `held by ${to.label}${sinceWords(since)}`;
    });
    if (parts.length > LONGEST) {
      parts.splice(LONGEST / 2, parts.length - LONGEST, `<${parts.length - LONGEST} more>`);
    }
    return parts.join(", ");
  }
}

/** A circle of more edges is shown without its middle. */
const LONGEST = 20;

export class WaitGraph {
  /** Unfinished tasks first, oldest first. */
  readonly nodes: readonly WaitNode[];
  readonly edges: readonly WaitEdge[];
  /**
   * Those that only somebody outside can break, who cancels one of the tasks or releases what he does not hold: no timer that the loop
   * knows will. Of several circles of the same tasks there is one.
   */
  readonly circles: readonly WaitCircle[];

  constructor(nodes: readonly WaitNode[], edges: readonly WaitEdge[], circles: readonly WaitCircle[]) {
    this.nodes = nodes;
    this.edges = edges;
    this.circles = circles;
  }

  /** The node of a task, a lock, a queue, …; null if it is in none of the waits. */
  node(object: unknown): WaitNode | null {
    return this.nodes.find((node) => node.object === object) ?? null;
  }
}

function wordsFor({ kind, label }: WaitNode): string {
  return kind === "task" ? `task ${label}` : label;
}

/** ` since time 1.5`, or nothing where it is not known. */
export function sinceWords(since: number | null): string {
  return since === null ? "" : ` since time ${Math.round(since * 1e6) / 1e6}`;
}

/**
 * One circle at least of each set of nodes that reach each other, found by going along the edges in depth: an edge back to where one has
 * come from closes a circle. Each has a task that none before it has.
 */
export function circlesIn(
  nodes: readonly WaitNode[],
  edgesOf: (node: WaitNode) => readonly WaitEdge[],
): WaitCircle[] {
  const circles: WaitCircle[] = [];
  const shown = new Set<WaitNode>();
  /** Whether it is on the path. */
  const seen = new Map<WaitNode, boolean>();
  for (const start of nodes) {
    if (seen.has(start)) continue;
    const path: { readonly node: WaitNode; next: number }[] = [{ node: start, next: 0 }];
    seen.set(start, true);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge: WaitEdge | undefined = edgesOf(top.node)[top.next];
      if (edge === undefined) {
        seen.set(top.node, false);
        path.pop();
        continue;
      }
      top.next += 1;
      const known = seen.get(edge.to);
      if (known === undefined) {
        seen.set(edge.to, true);
        path.push({ node: edge.to, next: 0 });
      } else if (known) {
        const members = path.slice(path.findIndex(({ node }) => node === edge.to));
        const circle = circleOf(members.map(({ node, next }) => edgesOf(node)[next - 1] as WaitEdge));
        if (circle.tasks.every((task) => shown.has(task))) continue;
        for (const task of circle.tasks) shown.add(task);
        circles.push(circle);
      }
    }
  }
  return circles;
}

function circleOf(edges: readonly WaitEdge[]): WaitCircle {
  let first = 0;
  edges.forEach(({ from }, i) => {
    if (from.id < (edges[first] as WaitEdge).from.id) first = i;
  });
  return new WaitCircle([...edges.slice(first), ...edges.slice(0, first)]);
}
