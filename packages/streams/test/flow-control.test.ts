// FlowControl, over a transport made by hand: what a protocol throws when it is told to pause and to resume.
import type { ExceptionContext } from "@aioloop/loop";
import { getRunningLoop, KeyboardInterrupt, SystemExit } from "@aioloop/loop";
import { BaseProtocol } from "@aioloop/streams";
import { expect, test } from "vitest";
import { program, thrownBy } from "../../tasks/test/helpers.ts";
import { HandTransport } from "./helpers-f.ts";

/** Throws the same each time it is told something. */
class Throwing extends BaseProtocol {
  readonly #thrown: unknown;

  constructor(thrown: unknown) {
    super();
    this.#thrown = thrown;
  }

  override pauseWriting(): void {
    throw this.#thrown;
  }

  override resumeWriting(): void {
    throw this.#thrown;
  }
}

test.each([new KeyboardInterrupt(), new SystemExit(3)])(
  "FlowControl: %s out of pauseWriting() and resumeWriting() leaves the loop, and is not reported [S241]",
  (thrown) => {
    program(function* () {
      const transport = new HandTransport(getRunningLoop(), new Throwing(thrown));
      expect(thrownBy(() => transport.write(Buffer.alloc(100_000)))).toBe(thrown);
      expect(thrownBy(() => transport.send())).toBe(thrown);
    });
  },
);

test("FlowControl: what else pauseWriting() and resumeWriting() throw is reported, be it no error [S241]", () => {
  const reports: ExceptionContext[] = [];
  program(
    function* () {
      const protocol = new Throwing(null);
      const transport = new HandTransport(getRunningLoop(), protocol);
      transport.write(Buffer.alloc(100_000));
      transport.send();
      const told = { exception: null, transport, protocol };
      expect(reports).toEqual([
        { ...told, message: "protocol.pauseWriting() failed" },
        { ...told, message: "protocol.resumeWriting() failed" },
      ]);
    },
    { reports },
  );
});
