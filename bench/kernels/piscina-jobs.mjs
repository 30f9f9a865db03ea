// Piscina's way of moving a result back. A file of its own: no other worker is to load piscina.
import { move } from "piscina";
import { count } from "./executor-jobs.mjs";

/** @param {Float64Array<ArrayBuffer>} data */
export function countAndMove(data) {
  return move(count(data));
}
