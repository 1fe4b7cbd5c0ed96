// Host and service names, through the system's own resolver (/etc/hosts, DNS, …) and /etc/services.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** Longest wait for one host name; the names of a configuration are asked for all at once. */
const TIMEOUT_MS = 5_000;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Every address of a host in the resolver's order. Rejects with a system error: ENOTFOUND, EAI_AGAIN, or ETIMEDOUT after 5 s. */
export async function resolveHost(host: string, family: 0 | 4 | 6 = 0): Promise<readonly ResolvedAddress[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer from the resolver for ${host}`), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => reject(error), TIMEOUT_MS);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true, family }), late]);
    return found.map(({ address, family: version }) => ({ address, family: version === 6 ? 6 : 4 }));
  } finally {
    clearTimeout(timer);
  }
}

/** The text of /etc/services; empty where there is none. */
export async function readServices(path = '/etc/services'): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}
