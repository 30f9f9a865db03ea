// A picture made of real work, on all cores. Look at how little there is to it: `map` hands the rows out, a thread takes the next one
// when it is done with the last, and the results come in the order of the rows, however long each took. The loop over them
// blocks until the next is there and draws the progress bar (on stderr).
//   node scripts/run.mjs examples/executors/mandelbrot.ts [FILE.png]
import { writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { executors } from "aioloop";
import { png } from "../lib/png.ts";
import { showBar } from "../lib/progress.ts";

const WIDTH = 960;
const HEIGHT = 640;

/** One row of the picture, each point the mean of four. Goes to the threads by its source: all that it needs stands inside. */
function row(y: number, width: number, height: number) {
  const [left, top, size, limit] = [-0.7475, 0.1075, 0.0125, 1000];
  const quarter = 255 / 4;
  const pixels = new Uint8Array(width * 3);

  function addPoint(sum: [red: number, green: number, blue: number], x: number, y: number) {
    const cr = left + (x / width - 0.5) * size;
    const ci = top - ((y - height / 2) / width) * size;
    let [zr, zi, steps] = [0, 0, 0];
    while (zr * zr + zi * zi <= 4 && steps < limit) {
      [zr, zi] = [zr * zr - zi * zi + cr, 2 * zr * zi + ci];
      steps += 1;
    }
    const t = Math.sqrt(steps / limit);
    const u = 1 - t;
    sum[0] += 9 * u * t * t * t * quarter;
    sum[1] += 15 * u * u * t * t * quarter;
    sum[2] += 8.5 * u * u * u * t * quarter;
  }

  for (let x = 0; x < width; x++) {
    const sum: [number, number, number] = [0, 0, 0];
    for (const dx of [0.25, 0.75]) for (const dy of [0.25, 0.75]) addPoint(sum, x + dx, y + dy);
    pixels.set(sum, x * 3);
  }
  return pixels;
}

/** `map` takes an item from each of its iterables for a call, until the shortest has ended. */
function* repeat<T>(item: T) {
  for (;;) yield item;
}

const file = process.argv[2] ?? join(tmpdir(), "mandelbrot.png");
const pixels = new Uint8Array(WIDTH * HEIGHT * 3);
const rows = Array(HEIGHT).keys();

using pool = new executors.ThreadPoolExecutor(availableParallelism());
let done = 0;
for (const line of pool.map(row, rows, repeat(WIDTH), repeat(HEIGHT))) {
  pixels.set(line, done * WIDTH * 3);
  done += 1;
  showBar(done, HEIGHT);
}
writeFileSync(file, png(WIDTH, HEIGHT, pixels));
console.error(`written to ${file}`);
console.log(`${WIDTH} × ${HEIGHT} pixels, checksum ${crc32(pixels).toString(16).padStart(8, "0")}`);
