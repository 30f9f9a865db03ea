// The one place where a TypeScript file is run: on the sources of all packages (condition `@aioloop/source`),
// with set-up done before. `--measured`, if it comes first, compiles so that nothing slows down (plain-loader.mjs).
//   node scripts/run.mjs [--measured] [node's flags] FILE.ts [arguments]
import { endAs, node, onSources } from "./process.mjs";
import { setup } from "./setup.mjs";

setup();
const args = process.argv.slice(2);
const measured = args[0] === "--measured";
endAs(await node(onSources(measured ? args.slice(1) : args, { measured })));
