/** Many connections that say nothing. */
import type { Socket } from "node:net";
import { connect } from "node:net";

/** So many at a time: more than a server's backlog would be refused. */
const AT_ONCE = 500;

/** Opens them; what it returns closes them. @throws Error if one is refused */
export async function idleConnections(port: number, count: number): Promise<() => void> {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => open(port));
    sockets.push(...(await Promise.all(some)));
  }
  return () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}
