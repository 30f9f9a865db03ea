// Options of TLS that are Node's: names and their proof, certificates by name, versions, ciphers, sessions, contexts.
import type { TLSSocket } from "node:tls";
import { checkServerIdentity, createSecureContext } from "node:tls";
import type { Coroutine } from "@aioloop/loop";
import type { Server, TlsOptions } from "@aioloop/streams";
import { isConnectionLost, openConnection, startServer } from "@aioloop/streams";
import { waitFor } from "@aioloop/tasks";
import { expect } from "vitest";
import type { Site } from "./helpers-g.ts";
import { errorOf, HOST, onSockets } from "./helpers-g.ts";
import { certificates, opensslTest } from "./helpers-k.ts";

/** A server that says one line to each client. */
function* greeting(site: Site, ssl: TlsOptions): Coroutine<Server> {
  const server = yield* startServer(
    function* (reader, writer) {
      writer.write(Buffer.from("welcome\n"));
      yield* reader.read();
      writer.close();
    },
    HOST,
    0,
    { ssl },
  );
  return site.keep(server);
}

function* visit<T>(
  { port }: Server,
  ssl: TlsOptions,
  look: (socket: TLSSocket) => T,
  options: { serverHostname?: string } = {},
): Coroutine<T> {
  const [reader, writer] = yield* openConnection(HOST, port, { ssl, ...options });
  expect(`${yield* waitFor(reader.readline(), 5)}`).toBe("welcome\n");
  const seen = look(writer.getExtraInfo("ssl_object") as TLSSocket);
  writer.close();
  yield* waitFor(writer.waitClosed(), 5);
  return seen;
}

const commonName = (socket: TLSSocket) => String(socket.getPeerCertificate().subject.CN);

opensslTest("ssl.checkServerIdentity decides in place of Node, and what it returns is thrown", async () => {
  const { ca, server: own, elsewhere } = certificates();
  await onSockets(function* (site) {
    const server = yield* greeting(site, { key: own.key, cert: own.cert });
    const asked: string[] = [];
    const refuse = (host: string) => {
      asked.push(host);
      return Object.assign(new Error("pinned to another key"), { code: "NOT_PINNED" });
    };
    const refused = yield* errorOf(
      openConnection("localhost", server.port, { ssl: { ca, checkServerIdentity: refuse }, family: 4 }),
    );
    expect([refused.code, asked]).toEqual(["NOT_PINNED", ["localhost"]]);
    const strange = yield* greeting(site, { key: elsewhere.key, cert: elsewhere.cert });
    expect((yield* errorOf(openConnection(HOST, strange.port, { ssl: { ca } }))).code).toBe(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
    const lenient: TlsOptions = {
      ca,
      checkServerIdentity: (_host, cert) => checkServerIdentity("elsewhere.test", cert),
    };
    expect(yield* visit(strange, lenient, commonName)).toBe("elsewhere");
  });
});

opensslTest(
  "ssl.SNICallback gives the certificate of the name that is asked for; ssl.servername is that name",
  async () => {
    const { ca, server: own, elsewhere } = certificates();
    await onSockets(function* (site) {
      const asked: string[] = [];
      const server = yield* greeting(site, {
        key: own.key,
        cert: own.cert,
        SNICallback: (name, done) => {
          asked.push(name);
          if (name === "nobody.test") done(new Error("no such name"));
          else if (name === "elsewhere.test") done(null, createSecureContext(elsewhere));
          else done(null); // the server's own
        },
      });
      expect(yield* visit(server, { ca, servername: "elsewhere.test" }, commonName)).toBe("elsewhere");
      expect(yield* visit(server, { ca, servername: "localhost" }, commonName)).toBe("server");
      // serverHostname comes before ssl.servername, and that before the host.
      const both = { serverHostname: "localhost" };
      expect(yield* visit(server, { ca, servername: "elsewhere.test" }, commonName, both)).toBe("server");
      expect(asked).toEqual(["elsewhere.test", "localhost", "localhost"]);
      const error = yield* errorOf(
        openConnection(HOST, server.port, { ssl: { ca, servername: "nobody.test" } }),
      );
      expect(error.code).toBe("ECONNRESET");
      expect(yield* visit(server, { ca, servername: "localhost" }, commonName)).toBe("server");
    });
  },
);

opensslTest("StreamWriter.startTls(ssl) proves ssl.servername where no serverHostname is given", async () => {
  const { ca, server: own } = certificates();
  await onSockets(function* (site) {
    const server = site.keep(
      yield* startServer(
        function* (reader, writer) {
          yield* reader.readline();
          writer.write(Buffer.from("go\n"));
          try {
            yield* writer.startTls({ key: own.key, cert: own.cert });
          } catch (error) {
            if (isConnectionLost(error)) return; // the client does not like the name
            throw error;
          }
          writer.write(Buffer.from("over TLS\n"));
          yield* reader.read();
          writer.close();
        },
        HOST,
        0,
      ),
    );
    for (const servername of ["localhost", "elsewhere.test"]) {
      const [reader, writer] = yield* openConnection(HOST, server.port);
      writer.write(Buffer.from("starttls\n"));
      yield* reader.readline();
      if (servername === "localhost") {
        yield* writer.startTls({ ca, servername });
        expect(`${yield* waitFor(reader.readline(), 5)}`).toBe("over TLS\n");
        writer.close();
        yield* writer.waitClosed();
      } else {
        const error = yield* errorOf(writer.startTls({ ca, servername }));
        expect(error.code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
      }
    }
    yield* server.stop(5);
  });
});

opensslTest("ssl.minVersion, maxVersion and ciphers are kept by both sides", async () => {
  const { ca, server: own } = certificates();
  await onSockets(function* (site) {
    const identity = { key: own.key, cert: own.cert };
    const cipher = "ECDHE-ECDSA-AES256-GCM-SHA384";
    const old = yield* greeting(site, { ...identity, maxVersion: "TLSv1.2", ciphers: cipher });
    const seen = yield* visit(old, { ca }, (socket) => [socket.getProtocol(), socket.getCipher().name]);
    expect(seen).toEqual(["TLSv1.2", cipher]);
    const strict = yield* errorOf(openConnection(HOST, old.port, { ssl: { ca, minVersion: "TLSv1.3" } }));
    expect(strict.code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ALERT/);
    const recent = yield* greeting(site, { ...identity, minVersion: "TLSv1.3" });
    expect(yield* visit(recent, { ca }, (socket) => socket.getProtocol())).toBe("TLSv1.3");
    const late = yield* errorOf(openConnection(HOST, recent.port, { ssl: { ca, maxVersion: "TLSv1.2" } }));
    expect(late.code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ALERT/);
  });
});

opensslTest("ssl.session resumes a session; ssl.secureContext is used as it is, on both sides", async () => {
  const { ca, server: own } = certificates();
  await onSockets(function* (site) {
    const secureContext = createSecureContext({ key: own.key, cert: own.cert, maxVersion: "TLSv1.2" });
    const server = yield* greeting(site, { secureContext });
    const trusting = { secureContext: createSecureContext({ ca }) };
    const look = (socket: TLSSocket) => [socket.isSessionReused(), socket.getSession()] as const;
    const [isFirstReused, session] = yield* visit(server, trusting, look);
    expect(isFirstReused).toBe(false);
    const [isReused] = yield* visit(server, { ...trusting, session: session as Buffer }, look);
    expect(isReused).toBe(true);
  });
});

opensslTest("ssl.ALPNProtocols and ssl.ALPNCallback agree on a protocol", async () => {
  const { ca, server: own } = certificates();
  await onSockets(function* (site) {
    const offered: string[][] = [];
    const server = yield* greeting(site, {
      key: own.key,
      cert: own.cert,
      ALPNCallback: ({ protocols }) => {
        offered.push(protocols);
        return protocols.find((name) => name === "two");
      },
    });
    const agreed = yield* visit(
      server,
      { ca, ALPNProtocols: ["one", "two"] },
      (socket) => socket.alpnProtocol,
    );
    expect(agreed).toBe("two");
    expect(offered).toEqual([["one", "two"]]);
    expect(
      (yield* errorOf(openConnection(HOST, server.port, { ssl: { ca, ALPNProtocols: ["three"] } }))).code,
    ).toMatch(/NO_APPLICATION_PROTOCOL|ALERT/);
  });
});
