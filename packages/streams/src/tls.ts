/** TLS over a socket that is connected. CPython: `sslproto`, `start_tls` of `base_events.BaseEventLoop`. The protocol itself is Node's. */
import type { Socket } from "node:net";
import { isIP } from "node:net";
import type {
  ConnectionOptions,
  TlsOptions as NodeTlsOptions,
  SecureContext,
  SecureContextOptions,
  TLSSocket,
} from "node:tls";
import { connect, createSecureContext, TLSSocket as ServerSocket } from "node:tls";
import type { BaseEventLoop, Coroutine } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";
import { describe } from "@aioloop/loop/kernel";
import { handleClosed, handleOpened } from "./open-handles.ts";

/** Seconds. CPython: `constants.SSL_HANDSHAKE_TIMEOUT`. */
const HANDSHAKE_TIMEOUT = 60;

/** Client: how the server's name is proved, the name it is asked for, a session to resume. */
type ClientOptions = Pick<
  ConnectionOptions,
  "checkServerIdentity" | "servername" | "session" | "minDHSize" | "pskCallback"
>;

/** Server: the context for the name that the client asks for. */
type ServerOptions = Pick<NodeTlsOptions, "SNICallback">;

/** Node's options of a secure context and of a connection; see `tls.connect` and `tls.createServer`. */
export interface TlsOptions extends SecureContextOptions, ClientOptions, ServerOptions {
  /** Client: refuse a server that cannot prove who it is. Server, with requestCert: refuse such a client. Default: true. */
  rejectUnauthorized?: boolean | undefined;
  /** Server: ask for the client's certificate. */
  requestCert?: boolean | undefined;
  /** Protocols to agree on, by name. */
  ALPNProtocols?: string[] | undefined;
  /** A context made before, in place of the options of one. */
  secureContext?: SecureContext | undefined;
}

export interface TlsTimeouts {
  /** Seconds for the TLS handshake. Default: 60. */
  sslHandshakeTimeout?: number | undefined;
  /** Seconds that close() waits for the other side to close TLS as well, before it ends the connection with a TimeoutError. Default: 30. */
  sslShutdownTimeout?: number | undefined;
}

export interface HandshakeOptions extends TlsTimeouts {
  /** The name that the server must prove, and is asked for. Default: `ssl.servername`. */
  serverHostname?: string | undefined;
}

/** What is for TLS alone would be ignored without it, and who says it believes to speak TLS. @throws RangeError */
export function checkTls(call: string, options: HandshakeOptions & { ssl?: unknown }): void {
  for (const name of ["serverHostname", "sslHandshakeTimeout", "sslShutdownTimeout"] as const) {
    const value = options[name];
    if (value === undefined) continue;
    if (!options.ssl) throw new RangeError(`${call}: ${name} is for TLS only; give { ssl } as well`);
    if (name !== "serverHostname" && !(Number.isFinite(value) && (value as number) > 0)) {
      throw new RangeError(
        `${call}: ${name} must be a number of seconds greater than 0, got ${describe(value)}`,
      );
    }
  }
}

/** As client. @throws Node's error with its code: CERT_HAS_EXPIRED, DEPTH_ZERO_SELF_SIGNED_CERT, ERR_TLS_CERT_ALTNAME_INVALID, … */
export function* secureClient(
  loop: BaseEventLoop,
  socket: Socket,
  ssl: TlsOptions,
  { serverHostname, sslHandshakeTimeout = HANDSHAKE_TIMEOUT }: HandshakeOptions,
): Coroutine<TLSSocket> {
  const secure = connect({
    ...ssl,
    socket,
    allowHalfOpen: true,
    ...(serverHostname !== undefined && { host: serverHostname }),
    // RFC 6066 allows names only; without one Node proves the address.
    ...(serverHostname !== undefined && isIP(serverHostname) === 0 && { servername: serverHostname }),
  } as ConnectionOptions);
  return yield* handshake(loop, secure, "secureConnect", sslHandshakeTimeout);
}

/** As server. */
export function* secureServer(
  loop: BaseEventLoop,
  socket: Socket,
  ssl: TlsOptions,
  { sslHandshakeTimeout = HANDSHAKE_TIMEOUT }: HandshakeOptions,
): Coroutine<TLSSocket> {
  const secure = new ServerSocket(socket, {
    ...ssl,
    isServer: true,
    secureContext: contextOf(ssl),
  });
  const mustProve = ssl.requestCert === true && ssl.rejectUnauthorized !== false;
  return yield* handshake(loop, secure, "secure", sslHandshakeTimeout, mustProve);
}

/** A context is dear: made once for the same options. */
const contexts: WeakMap<TlsOptions, SecureContext> = new WeakMap();

export function contextOf(ssl: TlsOptions): SecureContext {
  if (ssl.secureContext !== undefined) return ssl.secureContext;
  let context = contexts.get(ssl);
  if (context === undefined) contexts.set(ssl, (context = createSecureContext(ssl)));
  return context;
}

function* handshake(
  loop: BaseEventLoop,
  secure: TLSSocket,
  event: "secureConnect" | "secure",
  timeout: number,
  mustProve = false,
): Coroutine<TLSSocket> {
  const done = loop.createFuture<void>("a TLS handshake");
  const fail = (error: unknown) => {
    if (!done.done()) done.setException(error);
  };
  const onError = (error: Error) => fail(error);
  const onClose = () =>
    fail(
      Object.assign(new Error("the connection was closed in the middle of the TLS handshake"), {
        code: "ECONNRESET",
      }),
    );
  secure.on("error", onError);
  secure.on("close", onClose);
  secure.on("end", onClose); // half-closed: a handshake cannot go on
  secure.once(event, () => {
    // Node's tls.Server asks this itself; a TLSSocket lets every certificate in.
    const error = mustProve ? verifyErrorOf(secure) : null;
    if (error !== null) fail(error);
    else if (!done.done()) done.setResult();
  });
  const handle = { _loopClosed: () => void secure.destroy() };
  handleOpened(loop, handle);
  const timer = loop.callLater(timeout, () =>
    fail(new TimeoutError(`the TLS handshake took longer than ${timeout} seconds`)),
  );
  try {
    yield* done;
  } catch (error) {
    secure.on("error", () => {}); // of a socket that is gone
    secure.destroy();
    throw error;
  } finally {
    timer.cancel();
    handleClosed(loop, handle);
    secure.off("close", onClose);
    secure.off("end", onClose);
  }
  secure.off("error", onError);
  return secure;
}

/** What is wrong with the certificate of the other side. */
function verifyErrorOf(secure: TLSSocket): Error | null {
  const { _handle: handle } = secure as unknown as { _handle: { verifyError(): Error | null } | null };
  return handle === null ? null : (handle.verifyError() ?? null);
}

/** What `getExtraInfo` knows of a connection over TLS. */
export function tlsInfo(secure: TLSSocket, ssl: TlsOptions): Record<string, unknown> {
  return {
    sslcontext: ssl,
    ssl_object: secure,
    peercert: secure.getPeerCertificate(),
    cipher: secure.getCipher(),
  };
}
