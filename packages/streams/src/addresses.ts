/** Names to addresses and back. CPython: `getaddrinfo` and `getnameinfo` of `base_events.BaseEventLoop`. */
import type { LookupAddress } from "node:dns";
import { lookup, lookupService } from "node:dns/promises";

/** Where a socket is, or a datagram comes from or goes to; a path for a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | string;

/** 4, 6, or 0 for either. */
export type Family = 0 | 4 | 6;

export interface AddressRecord {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
}

/** All addresses of a host, in the system's order. @throws Node's error, code ENOTFOUND, where there is none */
export async function resolve(host: string, port: number, family: Family): Promise<AddressRecord[]> {
  const found: LookupAddress[] = await lookup(host, { all: true, family, verbatim: true });
  // An address that is none of this family comes back all the same.
  const fitting = found.filter((one) => family === 0 || one.family === family);
  if (fitting.length === 0) {
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}: no IPv${family} address`), {
      code: "ENOTFOUND",
      hostname: host,
    });
  }
  return fitting.map(({ address, family }) => ({ family: family as 4 | 6, host: address, port }));
}

/** The names of a host and of a service. */
export async function nameOf(host: string, port: number): Promise<{ hostname: string; service: string }> {
  return await lookupService(host, port);
}

/** Families in turn, so that one that does not work costs one attempt; `first` of the first family come first. CPython: `_interleave_addrinfos`. */
export function interleave(records: readonly AddressRecord[], first: number): AddressRecord[] {
  const byFamily = new Map<number, AddressRecord[]>();
  for (const record of records) {
    const same = byFamily.get(record.family);
    if (same === undefined) byFamily.set(record.family, [record]);
    else same.push(record);
  }
  const lists = [...byFamily.values()];
  const result: AddressRecord[] = [];
  if (first > 1) result.push(...(lists[0]?.splice(0, first - 1) ?? []));
  for (let i = 0; lists.some((list) => i < list.length); i++) {
    for (const list of lists) {
      const record = list[i];
      if (record !== undefined) result.push(record);
    }
  }
  return result;
}
