/** What the tests of TLS, datagrams and pipes share: certificates made on the spot, protocols that remember, and a look at what is left open. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coroutine, Future } from "@aioloop/loop";
import { wrapFuture } from "@aioloop/loop";
import type { Address, EventLoop } from "@aioloop/streams";
import { DatagramProtocol } from "@aioloop/streams";
import { afterAll, test } from "vitest";
import type { UdpTransport } from "../src/datagrams.ts";

import { turnOfHost } from "./on-loop.ts";

export { onLoop } from "./on-loop.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A test that needs the program openssl; where that is missing, the report says how to get it. */
export function opensslTest(title: string, body: () => Promise<void>): void {
  if (hasOpenssl) test(title, body);
  else test.skip(`${title} (needs openssl: apt-get install openssl)`, body);
}

/** A certificate and its key, as PEM, and the files in which they are. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

export interface Certificates {
  /** Who signed all but `selfSigned` and `stranger`. */
  readonly ca: string;
  readonly caFile: string;
  /** For localhost and 127.0.0.1. */
  readonly server: Identity;
  /** For elsewhere.test. */
  readonly elsewhere: Identity;
  /** For localhost, until 2020. */
  readonly expired: Identity;
  /** For localhost, signed by nobody else. */
  readonly selfSigned: Identity;
  /** Of a client. */
  readonly client: Identity;
}

let made: Certificates | null = null;
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Made once for each file of tests, and removed after it. */
export function certificates(): Certificates {
  return (made ??= makeCertificates());
}

function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  folders.push(folder);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const read = (file: string) => readFileSync(join(folder, file), "latin1");
  const identity = (name: string): Identity => ({
    key: read(`${name}.key`),
    cert: read(`${name}.pem`),
    keyFile: join(folder, `${name}.key`),
    certFile: join(folder, `${name}.pem`),
  });
  const selfSign = (name: string, subject: string, ...more: string[]) =>
    openssl(
      ...["req", "-x509", ...curve, "-days", "2", "-subj", subject, ...more],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  selfSign("ca", "/CN=Test CA");
  const config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n";
  writeFileSync(
    join(folder, "ca.cnf"),
    `${config}default_md=sha256\nunique_subject=no\npolicy=p\n[p]\ncommonName=supplied\n`,
  );
  writeFileSync(join(folder, "index.txt"), "");
  const sign = (name: string, names: string, from: Date, to: Date): Identity => {
    const date = (time: Date) =>
      `${time.toISOString().replaceAll(/[-:T]/g, "").slice(0, "YYYYMMDDhhmmss".length)}Z`;
    openssl("req", ...curve, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`);
    openssl(
      ...["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"],
      ...["-startdate", date(from), "-enddate", date(to), "-extfile", `${name}.ext`],
      ...["-in", `${name}.csr`, "-out", `${name}.pem`],
    );
    return identity(name);
  };
  const day = 86_400_000;
  const [yesterday, tomorrow] = [new Date(Date.now() - day), new Date(Date.now() + day)];
  selfSign("self", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1");
  return {
    ca: read("ca.pem"),
    caFile: join(folder, "ca.pem"),
    server: sign("server", "DNS:localhost,IP:127.0.0.1", yesterday, tomorrow),
    elsewhere: sign("elsewhere", "DNS:elsewhere.test", yesterday, tomorrow),
    expired: sign("expired", "DNS:localhost,IP:127.0.0.1", new Date("2020-01-01"), new Date("2020-01-02")),
    selfSigned: identity("self"),
    client: sign("client", "DNS:client.test", yesterday, tomorrow),
  };
}

/** Runs `main` in a temporary folder. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "streams-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A datagram protocol that remembers how it was called. */
export class Datagrams extends DatagramProtocol {
  readonly calls: string[] = [];
  readonly received: Buffer[] = [];
  readonly senders: Address[] = [];
  readonly errors: (Error & { code?: string })[] = [];
  transport!: UdpTransport;
  lostWith: unknown;
  readonly #loop: EventLoop;
  readonly #waiters: Set<Future<void>> = new Set();

  constructor(loop: EventLoop) {
    super();
    this.#loop = loop;
  }

  #called(name: string): void {
    this.calls.push(name);
    for (const waiter of this.#waiters) if (!waiter.done()) waiter.setResult();
  }

  get texts(): string[] {
    return this.received.map((data) => data.toString("latin1"));
  }

  override connectionMade(transport: UdpTransport): void {
    this.transport = transport;
    this.#called("connectionMade");
  }

  override datagramReceived(data: Buffer, address: Address): void {
    this.received.push(data);
    this.senders.push(address);
    this.#called("datagramReceived");
  }

  override errorReceived(error: unknown): void {
    this.errors.push(error as Error);
    this.#called("errorReceived");
  }

  override connectionLost(error: unknown): void {
    this.lostWith = error;
    this.#called("connectionLost");
  }

  override pauseWriting(): void {
    this.#called("pauseWriting");
  }

  override resumeWriting(): void {
    this.#called("resumeWriting");
  }

  /** Until a call of this name has come, or so many of them. */
  *called(name: string, count = 1): Coroutine<void> {
    while (this.calls.filter((call) => call === name).length < count) {
      const waiter = this.#loop.createFuture<void>(`${name}()`);
      this.#waiters.add(waiter);
      try {
        yield* waiter;
      } finally {
        this.#waiters.delete(waiter);
      }
    }
  }
}

/** Some turns of the host's loop, in which what is on its way on this machine arrives. */
export function* hostTurns(count: number): Coroutine<void> {
  for (; count > 0; count--) yield* wrapFuture(turnOfHost());
}
