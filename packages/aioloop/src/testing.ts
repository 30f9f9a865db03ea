/** `aioloop/testing`. */
export * from "@aioloop/testing";
