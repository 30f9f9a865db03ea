/** A queue that gives back what it has passed now and then, not at every step. */
export class Backlog<T> {
  #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  get first(): T | undefined {
    return this.#items[this.#first];
  }

  shift(): void {
    this.#first += 1;
    if (this.#first === this.#items.length) this.clear();
    else if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
