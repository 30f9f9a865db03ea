/**
 * The variable of the environment that says which schedule to run: a token. Of a process that explores much, it must reach one exploration
 * only; so the token of an exploration that has a name bears a mark, and is for the explorations of that name:
 *
 *      sim1.e.1.BQEABwI              for those without a name
 *      sim1.e.1.BQEABwI.k3f9         for the one of that name
 */

/** In this variable of the environment `explore` looks for a token: it then runs that schedule alone. */
export const REPLAY_VARIABLE = "AIOLOOP_REPLAY";

/** A token as the exploration of that name gives it; undefined for none. */
export function markedToken(token: string, name: string | undefined): string {
  return name === undefined ? token : `${token}.${markOf(name)}`;
}

/** The token that is to be run by the exploration of that name; null if it is to explore. */
export function tokenToReplay(name: string | undefined): string | null {
  const value = globalThis.process?.env[REPLAY_VARIABLE]?.trim() ?? "";
  if (value === "") return null;
  const mark = value.split(".")[4];
  return mark === (name === undefined ? undefined : markOf(name)) ? value : null;
}

/** 24 bits of a name. */
function markOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (((hash >>> 8) ^ (hash << 16)) & 0xffffff).toString(36);
}
