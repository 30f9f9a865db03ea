// What looks otherwise on a terminal than in a file.
import { styleText } from "node:util";

const { stdout, env } = process;
const isColoured = stdout.isTTY && !env["NO_COLOR"];

/** Columns to draw in, at most 100. */
export const width = Math.min(100, stdout.columns ?? 100);

/** One line that is written anew on a terminal, a line each time everywhere else. */
export function showProgress(text: string) {
  if (stdout.isTTY) stdout.write(`\r\x1b[K${text.slice(0, stdout.columns - 1)}`);
  else console.log(text);
}

/** Whatever is printed next begins on a line of its own. */
export function endProgress() {
  if (stdout.isTTY) stdout.write("\n");
}

/** Colours what the patterns find. */
export function coloured(text: string, patterns: Record<"cyan" | "yellow" | "red", RegExp>) {
  if (!isColoured) return text;
  return text
    .replace(patterns.cyan, (part) => styleText("cyan", part))
    .replace(patterns.yellow, (part) => styleText("yellow", part))
    .replace(patterns.red, (part) => styleText("red", part));
}
