// How a password is recognized in what a server sends back.
import { expect, test } from 'vitest';
import { secretFinder } from '../../src/checks/secrets.ts';

test.each([
  ['hunter2', 'unknown command PASS hunter2', true],
  ['hunter2', 'UNKNOWN COMMAND PASS HUNTER2', true],
  ['hunter2', 'unknown command PASS hunter…', true],
  ['hunter2', '…unter2" is too long', true],
  ['hunter2', 'unknown command PASS hunt…', false],
  ['hunter2', 'internal error', false],
  ['my "secret"', 'too many arguments: "my" "\\"secret\\""', true],
  ['back\\slash', 'not "back\\\\slash"', true],
  ['abc', 'no abc here', true],
  ['abc', 'no ab here', false],
  ['a', 'fail', true],
  ['" "', 'whatever', true],
  ['', 'whatever', false],
  ['Übergröße', Buffer.from('PASS Übergröße').toString('latin1'), true],
])('%j in %j: %s', (secret, words, expected) => {
  expect(secretFinder(secret)(words)).toBe(expected);
});
