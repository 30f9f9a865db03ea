/**
 * The end of a connection over TLS, from close() on: the end is a message, which is to be sent, and then the other side's is read. For a
 * socket that is closed with bytes unread, and be it TLS's own, is reset, and what the other side has not read yet is lost.
 * CPython: `sslproto.SSLProtocol._start_shutdown`.
 */
import type { Socket } from "node:net";
import type { BaseEventLoop, TimerHandle } from "@aioloop/loop";
import { TimeoutError } from "@aioloop/loop";

/** Seconds. CPython: `constants.SSL_SHUTDOWN_TIMEOUT`. */
export const SHUTDOWN_TIMEOUT = 30;

export class TlsShutdown {
  readonly #socket: Socket;
  readonly #timer: TimerHandle;

  /** `fail` is called if the other side has not closed after so many seconds. */
  constructor(loop: BaseEventLoop, socket: Socket, seconds: number, fail: (error: TimeoutError) => void) {
    this.#socket = socket;
    this.#timer = loop.callLater(seconds, () =>
      fail(new TimeoutError(`the other side did not close TLS within ${seconds} seconds`)),
    );
    socket.end();
    socket.resume();
  }

  /** The other side has closed as well. */
  finish(): void {
    this.#socket.destroySoon();
  }

  /** The connection is lost. */
  cancel(): void {
    this.#timer.cancel();
  }
}
