// A chat with rooms, and three people who use it. Look at the server: each member has two tasks, one that reads what it says and one
// that posts what it hears, with a queue in between. To broadcast is to put a line into the queues of a room, which never waits: who
// reads too slowly has a full queue, and is dropped; nobody else notices. Look at the people: they know no clock, and speak
// when they have heard what they answer, so that the conversation is the same every time.
import type { Coroutine, StreamReader, StreamWriter } from "aioloop";
import {
  asyncFor,
  asyncWith,
  BREAK,
  gather,
  isConnectionLost,
  openConnection,
  Queue,
  QueueFull,
  run,
  startServer,
  TaskGroup,
} from "aioloop";

// ---- the server

const LINE_LIMIT = 1024; // bytes
const MAIL_LIMIT = 100; // lines that a member may be behind

class Member {
  readonly name: string;
  readonly mail: Queue<string> = new Queue(MAIL_LIMIT);
  room: Room | null = null;
  readonly #writer: StreamWriter;

  constructor(name: string, writer: StreamWriter) {
    this.name = name;
    this.#writer = writer;
  }

  hear(line: string) {
    try {
      this.mail.putNowait(line);
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      this.#writer.transport.abort(); // close() would wait until all was read
    }
  }

  enter(room: Room | null) {
    this.room?.members.delete(this);
    this.room?.tell(`* ${this.name} leaves`);
    this.room = room;
    if (room === null) return;
    const others = [...room.members].map(({ name }) => name).join(" and ");
    room.tell(`* ${this.name} comes in`);
    room.members.add(this);
    this.hear(`* you are in the ${room.name}, with ${others || "nobody"}`);
  }
}

class Room {
  readonly name: string;
  readonly members = new Set<Member>();

  constructor(name: string) {
    this.name = name;
  }

  tell(line: string) {
    for (const member of this.members) member.hear(line);
  }
}

class Chat {
  readonly #rooms = new Map<string, Room>();
  readonly #names = new Set<string>();

  /** The handler of a connection: a name, and then what it says. */
  *welcome(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
    const chat = this;
    yield* asyncWith(writer, function* () {
      const name = yield* readLine(reader);
      if (name === null || name === "" || chat.#names.has(name)) {
        writer.write(Buffer.from("! that name cannot be had\n"));
        return;
      }
      chat.#names.add(name);
      yield* chat.#host(new Member(name, writer), reader, writer);
      chat.#names.delete(name);
    });
  }

  *#host(member: Member, reader: StreamReader, writer: StreamWriter): Coroutine<void> {
    const listening = this.#listen(reader, member);
    yield* asyncWith(new TaskGroup(), function* (group) {
      group.createTask(post(member, writer));
      try {
        yield* listening;
      } finally {
        member.enter(null);
        member.mail.shutdown(); // what is in it is still posted
      }
    });
  }

  *#listen(reader: StreamReader, member: Member): Coroutine<void> {
    for (;;) {
      const text = yield* readLine(reader);
      if (text === null || text === "/quit") return;
      const room = /^\/join (\w+)$/.exec(text)?.[1];
      if (room !== undefined) member.enter(this.#room(room));
      else if (member.room === null || text.startsWith("/"))
        member.hear("! write /join ROOM, /quit, or what you say");
      else if (text !== "") member.room.tell(`${member.name}: ${text}`);
      yield; // many lines that came together are read without waiting, and would fill the queues before anybody posts
    }
  }

  #room(name: string) {
    const room = this.#rooms.get(name) ?? new Room(name);
    this.#rooms.set(name, room);
    return room;
  }
}

/** What somebody says; null if nothing more can be heard of it, or if it is longer than anybody wants to hear. */
function* readLine(reader: StreamReader) {
  try {
    const bytes = yield* reader.readline();
    return bytes.length === 0 ? null : bytes.toString().trim();
  } catch (error) {
    if (error instanceof RangeError || isConnectionLost(error)) return null;
    throw error;
  }
}

function* post(member: Member, writer: StreamWriter) {
  try {
    yield* asyncFor(member.mail, function* (line) {
      if (writer.isClosing()) return BREAK; // dropped
      writer.write(Buffer.from(`${line}\n`));
      yield* writer.drain();
      return;
    });
  } catch (error) {
    if (!isConnectionLost(error)) throw error; // who is gone hears nothing
  }
}

// ---- the people

class Person {
  readonly name: string;
  /** What it said (>) and heard. */
  readonly lines: string[] = [];
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;

  constructor(name: string, reader: StreamReader, writer: StreamWriter) {
    this.name = name;
    this.#reader = reader;
    this.#writer = writer;
  }

  say(text: string) {
    this.lines.push(`> ${text}`);
    this.#writer.write(Buffer.from(`${text}\n`));
  }

  /** Listens until it has heard this line. */
  *hear(wanted: string): Coroutine<void> {
    for (;;) {
      const bytes = yield* this.#reader.readline();
      if (bytes.length === 0) throw new Error(`${this.name} never heard ${JSON.stringify(wanted)}`);
      const line = bytes.toString().trimEnd();
      this.lines.push(`  ${line}`);
      if (line === wanted) return;
    }
  }

  *leave(): Coroutine<void> {
    this.say("/quit");
    const rest = yield* this.#reader.read();
    if (rest.length > 0) throw new Error(`${this.name} did not listen to ${JSON.stringify(rest.toString())}`);
    this.#writer.close();
    yield* this.#writer.waitClosed();
  }
}

function* meet(port: number, name: string, room: string, others: string) {
  const [reader, writer] = yield* openConnection("127.0.0.1", port);
  const person = new Person(name, reader, writer);
  person.say(name);
  person.say(`/join ${room}`);
  yield* person.hear(`* you are in the ${room}, with ${others}`);
  return person;
}

function* playAnn(ann: Person) {
  yield* ann.hear("* Ben comes in");
  ann.say("Is dinner ready?");
  yield* ann.hear("Ben: Almost. Where is Cleo?");
  ann.say("In the garden, I think.");
  yield* ann.hear("* Cleo comes in");
  yield* ann.hear("* Ben comes in");
  ann.say("Now we are all here.");
  yield* ann.hear("* Cleo leaves");
  yield* ann.leave();
}

function* playBen(ben: Person) {
  yield* ben.hear("Ann: Is dinner ready?");
  ben.say("Almost. Where is Cleo?");
  yield* ben.hear("Ann: In the garden, I think.");
  ben.say("/join garden");
  yield* ben.hear("Cleo: Have you seen these tomatoes?");
  ben.say("They are for tomorrow. Dinner!");
  yield* ben.hear("* Cleo leaves");
  ben.say("/join kitchen");
  yield* ben.hear("Ann: Now we are all here.");
  yield* ben.leave();
}

function* playCleo(cleo: Person) {
  yield* cleo.hear("* Ben comes in");
  cleo.say("Have you seen these tomatoes?");
  yield* cleo.hear("Ben: They are for tomorrow. Dinner!");
  cleo.say("/join kitchen");
  yield* cleo.hear("Ann: Now we are all here.");
  yield* cleo.hear("* Ben leaves");
  yield* cleo.leave();
}

function* main() {
  const chat = new Chat();
  const server = yield* startServer((reader, writer) => chat.welcome(reader, writer), "127.0.0.1", 0, {
    limit: LINE_LIMIT,
  });
  const people = yield* asyncWith(server, function* () {
    const ann = yield* meet(server.port, "Ann", "kitchen", "nobody");
    const ben = yield* meet(server.port, "Ben", "kitchen", "Ann");
    const cleo = yield* meet(server.port, "Cleo", "garden", "nobody");
    cleo.say("It is quiet here.");
    yield* cleo.hear("Cleo: It is quiet here.");
    yield* gather([playAnn(ann), playBen(ben), playCleo(cleo)]);
    return [ann, ben, cleo];
  });
  for (const { name, lines } of people) console.log(`- ${name}\n${lines.join("\n")}`);
}

await run(main());
