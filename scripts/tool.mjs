// Runs a development tool of the workspace, with set-up done before.
//   node scripts/tool.mjs tsc|biome|vitest [arguments]
import { endAs, node, root, tool } from "./process.mjs";
import { setup } from "./setup.mjs";

setup();
const [name = "", ...args] = process.argv.slice(2);
endAs(await node(tool(name, ...args), { cwd: root }));
