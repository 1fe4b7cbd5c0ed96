// Names through the system's own resolver: only ones that need no name server; and through one that hangs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type ResolvedAddress, Resolver, readServices, resolveHost } from '../../src/system/resolver.ts';
import { scratch } from '../scratch.ts';

test.each([
  ['127.0.0.1', 0, [{ address: '127.0.0.1', family: 4 }]],
  ['::1', 0, [{ address: '::1', family: 6 }]],
  ['::1', 6, [{ address: '::1', family: 6 }]],
] as const)('%s (family %s)', async (host, family, addresses) => {
  expect(await resolveHost(host, family)).toEqual(addresses);
});

test('localhost is this machine', async () => {
  expect(await resolveHost('localhost', 4)).toContainEqual({ address: '127.0.0.1', family: 4 });
});

test('a name that is no name is told with a code', async () => {
  await expect(resolveHost('no host can be called this')).rejects.toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN|EAI_NONAME)$/) }),
  );
});

test('the services file, or nothing', async () => {
  const path = join(scratch(), 'services');
  expect(await readServices(path)).toBe('');
  writeFileSync(path, 'http 80/tcp\n');
  expect(await readServices(path)).toBe('http 80/tcp\n');
});

/** Answers when it is told to, and notes who was asked for. */
function system() {
  const asked: string[] = [];
  const open = new Map<string, (answer: readonly ResolvedAddress[]) => void>();
  const answers = (host: string): void => open.get(host)?.([{ address: '10.0.0.9', family: 4 }]);
  const ask = (host: string): Promise<readonly ResolvedAddress[]> => {
    asked.push(host);
    return new Promise((resolve) => open.set(host, resolve));
  };
  return { asked, ask, answers };
}

/** How each of these ends, in order. */
const endings = (all: readonly Promise<unknown>[]): Promise<string[]> =>
  Promise.all(
    all.map((each) =>
      each.then(
        () => 'found',
        (error: NodeJS.ErrnoException) => `${error.code}: ${error.message}`,
      ),
    ),
  );

describe('a system that does not answer', () => {
  test('is asked for few names at once, and for each only once at a time', async () => {
    const { asked, ask, answers } = system();
    const resolver = new Resolver({ ask, atOnce: 2 });
    const all = ['a', 'a', 'b', 'c', 'd', 'a'].map((host) => resolver.resolve(host, 4));
    await pause(0);
    expect(asked).toEqual(['a', 'b']);
    answers('a');
    await Promise.all([all[0], all[1], all[5]]);
    await pause(0);
    expect(asked).toEqual(['a', 'b', 'c']);
    for (const host of ['b', 'c']) answers(host);
    await pause(0);
    answers('d');
    expect(await endings(all)).toEqual(all.map(() => 'found'));
    // What was found is not kept.
    const again = resolver.resolve('a', 4);
    await pause(0);
    answers('a');
    await again;
    expect(asked).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  test('is not asked once more while it hangs; who waits is told, and who has given up is not asked for', async () => {
    const { asked, ask, answers } = system();
    const resolver = new Resolver({ ask, atOnce: 2, timeoutMs: 50 });
    const first = ['a', 'b', 'c'].map((host) => resolver.resolve(host));
    expect(await endings(first)).toEqual([
      'ETIMEDOUT: no answer from the resolver for a',
      'ETIMEDOUT: no answer from the resolver for b',
      'ETIMEDOUT: no answer from the resolver for c, which does not answer for 2 other names either',
    ]);
    const later = ['a', 'd'].map((host) => resolver.resolve(host));
    expect((await endings(later)).map((ending) => ending.slice(0, 9))).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
    expect(asked).toEqual(['a', 'b']);
    for (const host of ['a', 'b']) answers(host);
    await pause(0);
    const found = resolver.resolve('e');
    await pause(0);
    answers('e');
    await found;
    expect(asked).toEqual(['a', 'b', 'e']);
  });

  test('a slow one that does answer has time for many names, but not for ever', async () => {
    const resolver = new Resolver({
      ask: async () => pause(30, []),
      timeoutMs: 100,
      longestMs: 600,
      atOnce: 1,
    });
    const ended = await endings(Array.from({ length: 40 }, (_, index) => resolver.resolve(`host${index}`)));
    const found = ended.filter((ending) => ending === 'found').length;
    expect(found).toBeGreaterThan(5);
    expect(found).toBeLessThan(25);
  });

  test('an answer that came while this process was held up counts', async () => {
    const resolver = new Resolver({ ask: () => pause(30, []), timeoutMs: 50 });
    const found = resolver.resolve('a');
    await pause(5);
    const began = performance.now();
    while (performance.now() - began < 150);
    expect(await found).toEqual([]);
  });
});
