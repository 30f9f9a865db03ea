/** Bytes in and out, on Node: transports and protocols, connections, servers, streams. */
export type { Address, AddressRecord, Family } from "./addresses.ts";
export { DEVNULL, PIPE, type Redirection, STDOUT, type SubprocessOptions } from "./children.ts";
export type {
  AcceptedSocketOptions,
  ConnectionOptions,
  ServerOptions,
  StartTlsOptions,
  UnixConnectionOptions,
} from "./connections.ts";
export type { DatagramOptions } from "./datagrams.ts";
export {
  IncompleteReadError,
  isConnectionLost,
  LimitOverrunError,
  SendfileNotAvailableError,
} from "./exceptions.ts";
export { EventLoop } from "./node-events.ts";
export { writerTo } from "./node-streams.ts";
export {
  type LimitOption,
  openConnection,
  openUnixConnection,
  startServer,
  startUnixServer,
} from "./open-streams.ts";
export {
  BaseProtocol,
  BufferedProtocol,
  DatagramProtocol,
  Protocol,
  type StreamProtocol,
  SubprocessProtocol,
} from "./protocols.ts";
export type { SendfileOptions } from "./sendfile.ts";
export { Server } from "./server.ts";
export type { Signal } from "./signals.ts";
export { StreamReader, type StreamReaderOptions } from "./stream-reader.ts";
export { StreamWriter } from "./stream-writer.ts";
export { type ClientConnected, FlowControlMixin, StreamReaderProtocol } from "./streams.ts";
export {
  createSubprocessExec,
  createSubprocessShell,
  Process,
  type ProcessOptions,
  SubprocessStreamProtocol,
} from "./subprocess.ts";
export type { HandshakeOptions, TlsOptions } from "./tls.ts";
export {
  BaseTransport,
  type DatagramTransport,
  type ExtraInfo,
  type ReadTransport,
  type SubprocessTransport,
  type Transport,
  type WriteBufferLimits,
  type WriteTransport,
} from "./transports.ts";
