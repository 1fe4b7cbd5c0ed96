// The names of an address, from /etc/hosts or else from DNS. Not by the system's getnameinfo(): it cannot be ended, and holds a thread.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** For each of two attempts. */
const TIMEOUT_MS = 2_000;
const ATTEMPTS = 2;

/**
 * All names of an address, most official first; none when it has none. Rejects with an error that has a code when the name servers
 * do not answer: ETIMEOUT, ECONNREFUSED, ESERVFAIL.
 */
export async function reverseLookup(address: string, hostsFile = '/etc/hosts'): Promise<readonly string[]> {
  const hosts = await readFile(hostsFile, 'latin1').catch(() => '');
  const own = namesInHosts(hosts, address);
  if (own.length > 0) return own;
  try {
    return await new Resolver({ timeout: TIMEOUT_MS, tries: ATTEMPTS }).reverse(address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw error;
  }
}

/** The names of an address (canonical text) in the text of a hosts file. */
export function namesInHosts(text: string, address: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [from = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return canonical(from) === address ? names : [];
  });
}

function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : address;
}
