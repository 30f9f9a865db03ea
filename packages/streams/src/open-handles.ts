/**
 * What a loop has open of the host's: connections, pipes, datagram sockets, children. Once the loop is closed nobody can hear of them,
 * or close them, and the host would keep the process for their sake: they are closed with the loop. CPython's close when they are
 * collected, `_SelectorTransport.__del__` and its like.
 */
import type { BaseEventLoop } from "@aioloop/loop";

export interface OpenHandle {
  /** @internal Closes it for good. Its protocol is told nothing: there are no turns any more. */
  _loopClosed(): void;
}

const handlesOf: WeakMap<BaseEventLoop, Set<OpenHandle>> = new WeakMap();

export function handleOpened(loop: BaseEventLoop, handle: OpenHandle): void {
  const handles = handlesOf.get(loop);
  if (handles === undefined) handlesOf.set(loop, new Set([handle]));
  else handles.add(handle);
}

export function handleClosed(loop: BaseEventLoop, handle: OpenHandle): void {
  handlesOf.get(loop)?.delete(handle);
}

/** What a loop that is closed does. */
export function closeHandles(loop: BaseEventLoop): void {
  const handles = handlesOf.get(loop) ?? [];
  handlesOf.delete(loop);
  for (const handle of handles) handle._loopClosed();
}
