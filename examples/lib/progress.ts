// A progress bar on stderr, so that what the program prints stays apart: drawn anew on a terminal, every tenth part a
// line of its own everywhere else.
const { stderr } = process;
const WIDTH = 40;

/** To be called after each step. */
export function showBar(done: number, total: number) {
  const filled = Math.floor((done / total) * WIDTH);
  const bar = "█".repeat(filled).padEnd(WIDTH, "░");
  const line = `${bar} ${String(Math.floor((done / total) * 100)).padStart(3)} %`;
  if (stderr.isTTY) stderr.write(`\r${line}${done === total ? "\n" : ""}`);
  else if (Math.floor((done * 10) / total) > Math.floor(((done - 1) * 10) / total)) stderr.write(`${line}\n`);
}
