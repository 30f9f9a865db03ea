import type { AddressInfo } from "node:net";
import { createServer, Socket } from "node:net";
import { ANSWER, END_OF_HEAD, tellPort } from "./protocol.ts";
const shared = Buffer.allocUnsafeSlow(65536);
let slab = Buffer.allocUnsafeSlow(65536); let off = 0;
const server = createServer({ pauseOnConnect: true }, (first: any) => {
  const handle = first._handle; first._handle = null;
  const socket: any = new Socket({ handle, allowHalfOpen: true, onread: { buffer: shared, callback(n: number, buf: Uint8Array) {
    if (off + n > 65536) { slab = Buffer.allocUnsafeSlow(65536); off = 0; }
    slab.set(n === 65536 ? buf : buf.subarray(0, n), off);
    const data = slab.subarray(off, off + n); off += n;
    let start = 0;
    for (let end = data.indexOf(END_OF_HEAD); end >= 0; end = data.indexOf(END_OF_HEAD, start)) {
      start = end + END_OF_HEAD.length;
      socket.write(ANSWER);
    }
    return true;
  } } } as any);
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.destroy());
  socket.resume();
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => tellPort((server.address() as AddressInfo).port));
