// An Event used as a bell: set, and cleared at once. Whoever waits is woken; whoever is busy just then hears nothing, and looks for news
// only when the bell rings again. Look at what `explore` finds: no failed check, but a deadlock. Nothing is left to run, so whoever still waits
// waits for ever, and the error says who, where and for what. Mended, the question is not whether a bell rings but whether there is
// news: a Condition, and a predicate that is asked before each wait.
import type { Coroutine } from "aioloop";
import { asyncWith, Condition, coroutine, Event, gather, sleep } from "aioloop";
import type { SimLoop } from "aioloop/testing";
import { explore, replay } from "aioloop/testing";
import { tell, thrownBy } from "../lib/exploration.ts";

const VERSIONS = 3;

/** What is to be shown, and who is told when it changes. */
interface News {
  version: number;
  change(): Coroutine<void>;
  /** Returns when there is another version than the one that was seen. */
  changed(seen: number): Coroutine<unknown>;
}

class Bell implements News {
  version = 0;
  readonly #bell = new Event();

  *change() {
    this.version += 1;
    this.#bell.set();
    this.#bell.clear();
  }

  *changed() {
    yield* this.#bell.wait();
  }
}

class Board implements News {
  version = 0;
  readonly #condition = new Condition();

  *change() {
    const condition = this.#condition;
    const up = () => {
      this.version += 1;
      condition.notifyAll();
    };
    yield* asyncWith(condition, function* () {
      up();
    });
  }

  *changed(seen: number) {
    const condition = this.#condition;
    const isNew = () => this.version > seen;
    yield* asyncWith(condition, () => condition.waitFor(isNew));
  }
}

function* station(sim: SimLoop, news: News) {
  function* editor() {
    for (let i = 0; i < VERSIONS; i++) {
      yield* sleep(10);
      yield* news.change();
    }
  }

  const screen = coroutine(function* screen() {
    let shown = 0;
    while (shown < VERSIONS) {
      yield* news.changed(shown);
      shown = news.version;
      yield* sleep(sim.choose([1, 15])); // draws it
    }
  });
  yield* gather([editor(), screen()]);
}

const broken = (sim: SimLoop) => station(sim, new Bell());
const mended = (sim: SimLoop) => station(sim, new Board());

const exploration = explore(broken);
tell("a bell", exploration);
console.log(`the same token again: ${thrownBy(() => replay(broken, exploration.failure?.token ?? ""))}`);
tell("a board", explore(mended));
