// NNTP: the greeting decides.
import { afterEach, expect, test } from 'vitest';
import type { NntpSpec } from '../../src/config/model.ts';
import { converse, thenEnd } from './dialogue.ts';
import { check, closeListeners } from './listeners.ts';

afterEach(closeListeners);

const spec: NntpSpec = { kind: 'nntp', timeoutMs: 3000 };

test.each([
  ['200 news.example.com ready, posting allowed', '200 news.example.com ready, posting allowed'],
  ['201 no posting', '201 no posting'],
  ['200', '200'],
  ['200 ready\r\nmore', '200 ready'],
])('up: %j', async (greeting, detail) => {
  const server = await converse(greeting);
  expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail });
  await server.allClosed();
  expect(server.heard()).toBe('QUIT\r\n');
});

test.each([
  ['400 too many connections', '400 too many connections'],
  ['502 no permission', '502 no permission'],
  ['100 help follows', '100 help follows'],
  ['2000 ready', 'not an NNTP greeting: "2000 ready"'],
  ['20', 'not an NNTP greeting: "20"'],
  ['* OK ready', 'not an NNTP greeting: "* OK ready"'],
])('down: %j', async (greeting, detail) => {
  const server = await converse(thenEnd(`${greeting}\r\n`));
  expect(await check(server.target, spec)).toMatchObject({ outcome: 'down', detail });
  await server.allClosed();
});
