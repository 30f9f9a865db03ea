/** Makes plain objects tell when they are read and changed, as the library's own primitives do. */
import { _getRunningLoop } from "@aioloop/loop";

/**
 * The same object, seen through a Proxy: what is read and written through it is told to strategies that ask for accesses, and named in
 * reports. Only its own properties count, not those of objects in it. CPython has none.
 */
export function shared<T extends object>(object: T, name = "a shared object"): T {
  const told = { toString: () => name };
  const tell = (kind: "read" | "write") => _getRunningLoop()?._instrument?.access(told, kind);
  return new Proxy(object, {
    get(target, key) {
      tell("read");
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set(target, key, value) {
      tell("write");
      return Reflect.set(target, key, value, target);
    },
    deleteProperty(target, key) {
      tell("write");
      return Reflect.deleteProperty(target, key);
    },
    has(target, key) {
      tell("read");
      return Reflect.has(target, key);
    },
  });
}
