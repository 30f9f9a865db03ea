/** aioloop in a browser: loop and tasks. What needs Node (threads, sockets, processes) is left out. */
export * from "@aioloop/loop";
export * from "@aioloop/tasks";
