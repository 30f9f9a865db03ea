/** The HTTP server of the bench on Node's own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BODY, tellPort } from "./protocol.ts";

const server = createServer((_request, response) => {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": BODY.length });
  response.end(BODY);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  tellPort((server.address() as AddressInfo).port),
);
