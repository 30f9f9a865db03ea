/** `aioloop/testing/vitest`. */
export * from "@aioloop/testing/vitest";
