/** aioloop: asyncio for TypeScript. Everything by name; what the packages are is in the README. */
export * from "@aioloop/loop";
export * from "@aioloop/tasks";
