// What is held: each name of asyncio's, each behaviour and each test of CPython's that concerns us, and what there is for
// it here. Prints covered, waived, open and later, then what is open by name, and fails if anything is. The data is in
// held/; whether a test passed is read from the report of the last `npm test`.
//   node scripts/held.mjs [--list] [--write]     --list: everything, with what holds it; --write: docs/coming-from-asyncio.md
import { join } from "node:path";
import { endAs, node, onSources, root } from "./process.mjs";
import { setup } from "./setup.mjs";

setup();
endAs(await node(onSources([join(root, "scripts/held/main.mjs"), ...process.argv.slice(2)])));
