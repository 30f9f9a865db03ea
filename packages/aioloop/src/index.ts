/** aioloop: asyncio for TypeScript. Everything by name, and `concurrent.futures` as `executors`; what the packages are is in the README. */
export * as executors from "@aioloop/executors";
export { runCoroutineThreadsafe } from "@aioloop/executors";
export * from "@aioloop/loop";
export * from "@aioloop/streams";
export * from "@aioloop/tasks";
export { BlockingEventLoop, EventLoop, HostEventLoop, newEventLoop, Runner, run } from "./run.ts";
