// What is published works as published: each dist names its sibling packages and contains none of them (a
// second copy of loop would have a running loop of its own), and Node imports it without our condition.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packages, publish } from "./published.ts";

const place = mkdtempSync(join(tmpdir(), "aioloop-build-"));
const modules = join(place, "node_modules");

beforeAll(() => publish(modules));

afterAll(() => {
  rmSync(place, { recursive: true });
});

describe.each(packages.map(({ name, folder }) => ({ name, folder })))("$name, built", ({ name, folder }) => {
  test("contains no code but its own", () => {
    const dist = join(modules, name, "dist");
    for (const file of readdirSync(dist).filter((file) => file.endsWith(".js.map"))) {
      // The source map names the file of each piece of code.
      for (const source of JSON.parse(readFileSync(join(dist, file), "utf8")).sources) {
        expect(realpathSync(join(dist, source))).toContain(join(folder, "src"));
      }
    }
  });

  test("imports by name only what its package.json names", () => {
    const { dependencies = {}, peerDependencies = {} } = packages.find((other) => other.name === name) ?? {};
    const dist = join(modules, name, "dist");
    const texts = readdirSync(dist)
      .filter((file) => file.endsWith(".js"))
      .map((file) => readFileSync(join(dist, file), "utf8"));
    for (const [, specifier = ""] of texts.join("\n").matchAll(/^(?:import|export)\b[^;]*?"([^"]+)";/gm)) {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      const dependency = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      expect(Object.keys({ ...dependencies, ...peerDependencies })).toContain(dependency);
    }
  });

  test("calls its classes by their names", () => {
    const program = `import(${JSON.stringify(name)}).then((all) => {
      const functions = Object.values(all).filter((one) => typeof one === "function");
      console.log(functions.map((one) => one.name).filter((called) => /^_[A-Z]/.test(called)).join());
    })`;
    const env = { ...process.env, NODE_OPTIONS: "" };
    expect(execFileSync(process.execPath, ["-e", program], { cwd: place, env, encoding: "utf8" })).toBe("\n");
  });

  test("is imported by Node", () => {
    const program = `import(${JSON.stringify(name)}).then((all) => console.log(typeof all))`;
    const env = { ...process.env, NODE_OPTIONS: "" };
    expect(execFileSync(process.execPath, ["-e", program], { cwd: place, env, encoding: "utf8" })).toBe(
      "object\n",
    );
  });
});
