// Two projects: tests under virtual time run side by side; those in real time (*.realtime.test.ts) after
// them and one file at a time, since a busy machine would spoil what they measure.
import { defineConfig } from "vitest/config";

const tests = ["packages/*", "conformance", "examples", "bench", "."].map((place) => `${place}/test/**`);
const realtime = tests.map((place) => `${place}/*.realtime.test.ts`);
const soak = process.env.AIOLOOP_SOAK === "1";

// Setting `conditions` replaces the defaults, hence the other two.
const conditions = ["@aioloop/source", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: "forks",
    // Workers of pools inherit the condition, and load sources as the tests do.
    execArgv: ["--expose-gc", "--conditions=@aioloop/source"],
    testTimeout: soak ? 3_600_000 : 30_000,
    hookTimeout: soak ? 3_600_000 : 30_000,
    coverage: { include: ["packages/*/src/**"] },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: tests.map((place) => `${place}/*.test.ts`),
          exclude: ["**/node_modules/**", ...realtime],
        },
      },
      {
        extends: true,
        test: {
          name: "realtime",
          include: realtime,
          sequence: { groupOrder: 1 },
          fileParallelism: false,
        },
      },
    ],
  },
});
