/** Makes `console.log(object)` show what `String(object)` says: CPython's `__repr__`. Node's hook is a registered symbol, so no import is needed. */

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

export function inspectable(...classes: { prototype: object }[]): void {
  for (const { prototype } of classes) {
    Object.defineProperty(prototype, INSPECT, {
      value: function (this: object): string {
        return this.toString();
      },
    });
  }
}
