/** The servers of the bench as handlers of Node's sockets, by hand: what all the others are measured by. */
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { ANSWER, collectOnSignal, END_OF_HEAD, LAST_ANSWER, programOf, tellPort } from "./protocol.ts";

/** Requests may come in pieces, or several at once. */
function http(socket: Socket): void {
  let rest: Buffer | null = null;
  socket.on("data", (data: Buffer) => {
    const bytes = rest === null ? data : Buffer.concat([rest, data]);
    let start = 0;
    for (let end = bytes.indexOf(END_OF_HEAD); end >= 0; end = bytes.indexOf(END_OF_HEAD, start)) {
      start = end + END_OF_HEAD.length;
      socket.write(ANSWER);
    }
    rest = start === bytes.length ? null : bytes.subarray(start);
  });
  socket.on("error", () => socket.destroy());
}

function once(socket: Socket): void {
  let head: Buffer | null = null;
  socket.on("data", (data: Buffer) => {
    head = head === null ? data : Buffer.concat([head, data]);
    if (head.includes(END_OF_HEAD)) socket.end(LAST_ANSWER);
  });
  socket.on("error", () => socket.destroy());
}

function echo(socket: Socket): void {
  socket.pipe(socket);
  socket.on("error", () => socket.destroy());
}

collectOnSignal();
const server = createServer(programOf({ http, echo, once }));
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  tellPort((server.address() as AddressInfo).port),
);
