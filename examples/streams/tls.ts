// TLS: a server that proves who it is, clients that refuse it, clients that prove who they are, and a connection that begins in the
// clear. Look at how little there is to it: `ssl` among the options of `startServer` and `openConnection`, and the reader and the
// writer are what they were. The certificate of a server holds a name, and a client wants two things proved: that somebody it trusts
// (`ca`; by default the authorities that come with Node) vouches for it, and that the name is the one it wanted to talk to. A
// refusal is Node's error with its code. Look also at the client without a certificate: in TLS 1.3 it is through with its handshake
// before the server has looked at it, so that it hears of the refusal when it reads.
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ClientConnected, Coroutine, StreamReader, StreamWriter, TlsOptions } from "aioloop";
import { asyncWith, IncompleteReadError, isConnectionLost, openConnection, run, startServer } from "aioloop";
import type { Authority } from "../lib/certificates.ts";
import { selfSigned, withAuthority } from "../lib/certificates.ts";

const HOST = "127.0.0.1";

/** Serves for a block, which gets the port. */
function* serving<R>(handler: ClientConnected, ssl: TlsOptions | null, body: (port: number) => Coroutine<R>) {
  const server = yield* startServer(handler, HOST, 0, { ssl });
  return yield* asyncWith(server, () => body(server.port));
}

/** A line, and its answer. */
function* ask(reader: StreamReader, writer: StreamWriter, line: string): Coroutine<string> {
  writer.write(Buffer.from(`${line}\n`));
  const answer = yield* reader.readuntil("\n");
  return answer.toString().trimEnd();
}

/** What a greeting comes to: an answer, or the code of an error. */
function* attempt(port: number, ssl: TlsOptions, serverHostname: string): Coroutine<string> {
  try {
    const [reader, writer] = yield* openConnection(HOST, port, { ssl, serverHostname });
    return yield* asyncWith(writer, function* () {
      try {
        return yield* ask(reader, writer, "Hello");
      } catch (error) {
        // How the server's going away looks from here depends on what was on its way just then.
        if (error instanceof IncompleteReadError || isConnectionLost(error)) return "hung up on";
        throw error;
      }
    });
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown) {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return code;
}

/** Answers one line, by the name of the client if it has proved one. */
function* greet(reader: StreamReader, writer: StreamWriter) {
  yield* asyncWith(writer, function* () {
    const line = yield* reader.readline();
    const { subject } = writer.getExtraInfo("peercert") as Partial<DetailedPeerCertificate>;
    writer.write(Buffer.from(`${line.toString().trimEnd()}, ${subject?.CN ?? "whoever you are"}\n`));
  });
}

function* proveName({ cert: ca, sign }: Authority) {
  console.log("- a server that proves its name");
  const identity = yield* sign("shop", "DNS:shop.test", "DNS:localhost");
  yield* serving(greet, identity, function* (port) {
    const [reader, writer] = yield* openConnection(HOST, port, { ssl: { ca }, serverHostname: "shop.test" });
    yield* asyncWith(writer, function* () {
      console.log(yield* ask(reader, writer, "Good morning"));
      const { subjectaltname, issuer } = writer.getExtraInfo("peercert") as DetailedPeerCertificate;
      console.log(`it is ${subjectaltname}, says the ${issuer.CN}`);
      const socket = writer.getExtraInfo("socket") as TLSSocket;
      console.log(`encrypted: ${socket.encrypted}, with ${socket.getProtocol()}`);
    });
  });
}

function* refuseServers({ cert: ca, sign }: Authority) {
  console.log("- servers that are refused");
  const shop = yield* sign("shop", "DNS:shop.test");
  yield* serving(greet, shop, function* (port) {
    console.log("another name:", yield* attempt(port, { ca }, "bank.test"));
    console.log("an authority that nobody told us of:", yield* attempt(port, {}, "shop.test"));
  });
  yield* serving(greet, yield* selfSigned("shop", "DNS:shop.test"), function* (port) {
    console.log("signed by itself:", yield* attempt(port, { ca }, "shop.test"));
    console.log("asked for no proof:", yield* attempt(port, { rejectUnauthorized: false }, "shop.test"));
  });
}

function* proveClients({ cert: ca, sign }: Authority) {
  console.log("- clients that prove who they are");
  const shop = yield* sign("shop", "DNS:shop.test");
  const ann = yield* sign("Ann", "DNS:ann.test");
  const eve = yield* selfSigned("Ann", "DNS:ann.test");
  yield* serving(greet, { ...shop, ca, requestCert: true }, function* (port) {
    console.log("Ann:", yield* attempt(port, { ...ann, ca }, "shop.test"));
    console.log("who says that she is Ann:", yield* attempt(port, { ...eve, ca }, "shop.test"));
    console.log("who says nothing:", yield* attempt(port, { ca }, "shop.test"));
  });
}

/** A mailbox, as mail servers of old speak: in the clear until the client asks for TLS. */
function mailbox(ssl: TlsOptions) {
  return function* (reader: StreamReader, writer: StreamWriter) {
    yield* asyncWith(writer, function* () {
      const answer = (text: string) => writer.write(Buffer.from(`${text}\n`));
      for (;;) {
        const bytes = yield* reader.readline();
        const isSafe = writer.getExtraInfo("sslcontext") !== null;
        const [command, ...words] = bytes.toString().trim().split(" ");
        switch (command) {
          case "":
            return;
          case "STARTTLS":
            answer("220 go ahead");
            yield* writer.startTls(ssl);
            break;
          case "LOGIN":
            answer(isSafe ? `230 welcome, ${words[0]}` : "530 not in the clear: STARTTLS first");
            break;
          default:
            answer("500 what?");
        }
      }
    });
  };
}

function* beginInTheClear({ cert: ca, sign }: Authority) {
  console.log("- STARTTLS");
  yield* serving(mailbox(yield* sign("mail", "DNS:mail.test")), null, function* (port) {
    const [reader, writer] = yield* openConnection(HOST, port);
    yield* asyncWith(writer, function* () {
      function* say(line: string) {
        console.log(`> ${line}\n< ${yield* ask(reader, writer, line)}`);
      }
      yield* say("LOGIN ann secret");
      yield* say("STARTTLS");
      yield* writer.startTls({ ca }, { serverHostname: "mail.test" });
      yield* say("LOGIN ann secret");
    });
  });
}

function* main() {
  try {
    yield* withAuthority("Authority of the Example", function* (authority) {
      for (const part of [proveName, refuseServers, proveClients, beginInTheClear]) yield* part(authority);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log("openssl is not installed: apt-get install openssl");
  }
}

await run(main());
