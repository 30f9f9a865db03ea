// Takes what a read gives for a message. Two that were sent in a row come in one piece if the reader is busy meanwhile.
import type { Coroutine, Future } from "@aioloop/loop";
import { gather, sleep } from "@aioloop/tasks";
import type { SimLoop } from "@aioloop/testing";
import type { Animal } from "./animal.ts";
import { check } from "./animal.ts";

class Connection {
  #buffer = "";
  #isAtEnd = false;
  #reader: Future<void> | null = null;
  readonly #sim: SimLoop;

  constructor(sim: SimLoop) {
    this.#sim = sim;
  }

  send(bytes: string): void {
    this.#buffer += bytes;
    this.#wake();
  }

  end(): void {
    this.#isAtEnd = true;
    this.#wake();
  }

  /** What has come; "" at the end. */
  *read(): Coroutine<string> {
    if (this.#buffer === "" && !this.#isAtEnd) {
      this.#reader = this.#sim.createFuture<void>("bytes");
      yield* this.#reader;
    }
    const bytes = this.#buffer;
    this.#buffer = "";
    return bytes;
  }

  #wake(): void {
    this.#reader?.setResult();
    this.#reader = null;
  }
}

function* chat(sim: SimLoop, split: (bytes: string) => string[]): Coroutine<void> {
  const connection = new Connection(sim);
  const messages: string[] = [];
  function* reader(): Coroutine<void> {
    let bytes = yield* connection.read();
    while (bytes !== "") {
      messages.push(...split(bytes));
      yield* sleep(sim.choose([0.1, 2])); // stores them
      bytes = yield* connection.read();
    }
  }
  function* sender(): Coroutine<void> {
    for (const text of ["one\n", "two\n", "three\n"]) {
      connection.send(text);
      yield* sleep(1);
    }
    connection.end();
  }
  yield* gather([reader(), sender()]);
  check(messages.join() === "one,two,three", `not what was sent: ${messages.join()}`);
}

export const framing: Animal = {
  name: "framing across reads",
  fidelity: "env",
  says: /not what was sent/,
  broken: (sim) => chat(sim, (bytes) => [bytes.trimEnd()]),
  fixed: (sim) => chat(sim, (bytes) => bytes.trimEnd().split("\n")),
};
