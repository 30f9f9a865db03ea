// Certificates for an afternoon, made by the program openssl: an authority, and whom it vouches for. Real ones come from an authority
// that others trust as well; what is done with them is the same.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Coroutine } from "aioloop";
import { createSubprocessExec, DEVNULL, PIPE, STDOUT, wrapFuture } from "aioloop";

/** A certificate and its key, as PEM: what the side that proves itself gives to `ssl`. */
export interface Identity {
  cert: string;
  key: string;
}

export interface Authority {
  /** Its own certificate: what the side that asks for a proof gives to `ssl` as `ca`. */
  readonly cert: string;
  /** Vouches for somebody, by names: "DNS:localhost", "IP:127.0.0.1". */
  sign(name: string, ...names: string[]): Coroutine<Identity>;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Opens an authority for a block. @throws Node's error, code ENOENT, where openssl is not installed. */
export function* withAuthority<R>(name: string, body: (authority: Authority) => Coroutine<R>): Coroutine<R> {
  const folder = yield* wrapFuture(mkdtemp(join(tmpdir(), "authority-")));
  try {
    yield* selfSign(folder, "ca", name);
    const { cert } = yield* identityIn(folder, "ca");
    return yield* body({ cert, sign: (name, ...names) => sign(folder, name, names) });
  } finally {
    yield* wrapFuture(rm(folder, { recursive: true }));
  }
}

/** Somebody for whom nobody else vouches. */
export function* selfSigned(name: string, ...names: string[]): Coroutine<Identity> {
  const folder = yield* wrapFuture(mkdtemp(join(tmpdir(), "self-signed-")));
  try {
    yield* selfSign(folder, "self", name, "-addext", `subjectAltName=${names.join()}`);
    return yield* identityIn(folder, "self");
  } finally {
    yield* wrapFuture(rm(folder, { recursive: true }));
  }
}

function* sign(folder: string, name: string, names: readonly string[]): Coroutine<Identity> {
  const request = ["req", ...NEW_KEY, "-subj", `/CN=${name}`];
  yield* openssl(folder, [...request, "-keyout", `${name}.key`, "-out", `${name}.csr`]);
  yield* wrapFuture(writeFile(join(folder, `${name}.ext`), `subjectAltName=${names.join()}\n`));
  const issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  const answer = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.pem`];
  yield* openssl(folder, ["x509", "-req", ...issuer, ...answer]);
  return yield* identityIn(folder, name);
}

function* selfSign(folder: string, file: string, name: string, ...more: string[]) {
  const subject = ["-subj", `/CN=${name}`, "-days", "2", ...more];
  yield* openssl(folder, [
    "req",
    "-x509",
    ...NEW_KEY,
    ...subject,
    "-keyout",
    `${file}.key`,
    "-out",
    `${file}.pem`,
  ]);
}

function* identityIn(folder: string, file: string): Coroutine<Identity> {
  const cert = yield* wrapFuture(readFile(join(folder, `${file}.pem`), "latin1"));
  const key = yield* wrapFuture(readFile(join(folder, `${file}.key`), "latin1"));
  return { cert, key };
}

function* openssl(cwd: string, args: string[]) {
  const options = { cwd, stdin: DEVNULL, stdout: PIPE, stderr: STDOUT } as const;
  const child = yield* createSubprocessExec("openssl", args, options);
  const [output] = yield* child.communicate();
  if (child.returncode !== 0) throw new Error(`openssl ${args[0]} failed: ${output}`);
}
