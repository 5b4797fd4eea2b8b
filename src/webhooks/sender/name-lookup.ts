/**
 * Finds the addresses of a name for one new connection. Node.js's `dns.lookup` waits for names in a pool of a few
 * threads, so a few names whose server does not answer would hold up all other names, and the files too. So this code
 * asks the name server itself, over a socket that nobody else waits for.
 */

import { promises as dns, type LookupAddress, Resolver } from "node:dns";
import { readFile } from "node:fs/promises";
import { isIP, isIPv4 } from "node:net";

/** Resolves to at least one address, or rejects. */
export type NameLookup = (name: string) => Promise<readonly LookupAddress[]>;

export interface NameLookupOptions {
  /** Addresses of name servers, with their ports. Undefined: those of the machine. */
  readonly servers?: readonly string[] | undefined;
}

const hostsFile = "/etc/hosts";
const resolverOptions = { timeout: 2_000, tries: 2 };

/** Looks in the machine's hosts file first, then asks the name server, and then whatever else the machine asks. */
export function createNameLookup({ servers }: NameLookupOptions = {}): NameLookup {
  const askMachine = oneAtATime((name) => dns.lookup(name, { all: true }));
  return async (name) => {
    const listed = await readHosts(name);
    if (listed.length > 0) return listed;
    const { found, absent } = await askNameServer(name, servers);
    if (found.length > 0) return found;
    if (!absent) throw new NameLookupError();
    return askMachine(name);
  };
}

/** No name server answered, or none answered in a way that can be read. */
export class NameLookupError extends Error {
  readonly code = "ESERVFAIL";
}

async function readHosts(name: string): Promise<LookupAddress[]> {
  const text = await readFile(hostsFile, "utf8").catch(() => "");
  const found: LookupAddress[] = [];
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const family = isIP(address);
    if (family !== 0 && names.some((one) => one.toLowerCase() === name)) found.push({ address, family });
  }
  return found;
}

/**
 * Asks for IPv4 and IPv6 addresses at the same time. IPv4 addresses come first, because not every machine has IPv6.
 * `absent` says that the name server knows no address of the name, or that there is no name server. Then the name may
 * still be one of the local network.
 */
async function askNameServer(name: string, servers: readonly string[] | undefined) {
  // A new resolver reads the machine's list of name servers anew.
  const resolver = new Resolver(resolverOptions);
  if (servers !== undefined) resolver.setServers(servers);
  const answers = await Promise.all([ask(resolver, "resolve4", name), ask(resolver, "resolve6", name)]);
  const found = answers.flatMap(({ addresses }) => addresses);
  return {
    found: found.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 })),
    absent: answers.every(({ absent }) => absent),
  };
}

const absentCodes = new Set(["ENOTFOUND", "ENODATA", "ECONNREFUSED"]);

function ask(resolver: Resolver, method: "resolve4" | "resolve6", name: string) {
  return new Promise<{ addresses: readonly string[]; absent: boolean }>((resolve) => {
    resolver[method](name, (error, addresses) => {
      if (error === null) resolve({ addresses, absent: false });
      else resolve({ addresses: [], absent: absentCodes.has(error.code ?? "") });
    });
  });
}

/** Lets a function run for one name after the other, so that names which hang hold one thread of the pool at most. */
function oneAtATime(lookup: NameLookup): NameLookup {
  let last: Promise<unknown> = Promise.resolve();
  return (name) => {
    const next = last.then(() => lookup(name));
    last = next.catch(() => undefined);
    return next;
  };
}
